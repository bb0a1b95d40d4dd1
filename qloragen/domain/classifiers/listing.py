"""A model that lists the numbers of the types: bare, or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ...types import Completion, Function, Invalid, Message, Request
from ..pack import Pack
from ..reply import read_types
from .protocol import Subject, fingerprint_of, probe

TOKENS_PER_NUMBER = 4
"""Completion tokens that one number and its separator may take; a two-digit number, a comma and a blank are three."""
TOKENS_SPARE = 16
"""Completion tokens for a label or a line end that a model adds against its orders."""
NONE = 0
"""The answer for a text that supports nothing."""
MOST_ASKS = 2
"""A reply that cannot be read is asked once more, more strictly."""
_ECHO_CHARS = 400
"""How much of an unreadable reply is shown to the model that wrote it."""


@dataclass(frozen=True, slots=True)
class _Listing:
    """A model that reads the article and lists the numbers of its types."""

    most_asks: ClassVar[int] = MOST_ASKS
    reading: ClassVar[str] = ""
    model: str

    @property
    def models(self) -> tuple[str, ...]:
        """The one model."""
        return (self.model,)

    def fingerprint(self, pack: Pack) -> str:
        """Identify both questions, and the form of the answer."""
        first = self.request(probe(pack), ())
        return fingerprint_of((first, _stricter(first, "", pack)))

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        """Return the question, stricter after a reply that could not be read."""
        return _asked(subject, self.model, self._form(subject.pack), replies)

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        """Return the numbers in the last reply."""
        return read_listing(pack, replies)

    def _form(self, pack: Pack) -> Function | None:
        del pack
        return None


@dataclass(frozen=True, slots=True)
class Numbers(_Listing):
    """A strong model reads the article and answers with bare numbers: faithful to the method, and no token too many."""

    name: ClassVar[str] = "numbers"


@dataclass(frozen=True, slots=True)
class Json(_Listing):
    """A model whose answer is held in shape by a schema: for small ones that would talk instead, or list everything."""

    name: ClassVar[str] = "json"
    most: int | None = None
    """Types that it may list; None: all."""

    def _form(self, pack: Pack) -> Function:
        return _function(pack, self.most)


def read_listing(pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
    """Return the numbers that the last of `replies` lists, in whichever place it says them.

    A first reply that was cut off may have lost numbers, and is asked again with more room; a second one is taken.
    """
    reply = replies[-1]
    match reply.finish_reason:
        case "content_filter":
            return Invalid("content_filter", "The provider's content filter stopped the reply.", final=True)
        case "length" if len(replies) == 1:
            return Invalid("truncated", "The reply was cut off before its end.")
    answer = read_types(_words(reply), pack.types)
    if answer.readable:
        return answer.types
    return Invalid("unreadable", "The reply names no types for certain.", final=len(replies) >= MOST_ASKS)


def _asked(subject: Subject, model: str, function: Function | None, replies: Sequence[Completion]) -> Request:
    pack = subject.pack
    types = "\n".join(f"{kind.number}. {kind.name}: {kind.applies_when}" for kind in pack.types)
    system = pack.fill(pack.classify.system, types=types)
    closing = pack.fill(pack.classify.closing, types=types)
    request = Request(
        model=model,
        messages=(Message("system", system), Message("user", f"\n\n{closing}", head=subject.text)),
        max_completion_tokens=TOKENS_SPARE + TOKENS_PER_NUMBER * len(pack.types),
        function=function,
        temperature=0.0,
        about=subject.article.content_hash,
    )
    return _stricter(request, _words(replies[-1]), pack) if replies else request


def _function(pack: Pack, most: int | None) -> Function:
    numbers = {"type": "integer", "enum": [NONE, *(kind.number for kind in pack.types)]}
    types = {"type": "array", "items": numbers, "minItems": 1, "maxItems": most or len(pack.types)}
    return Function(
        name="list_types",
        description=f"List the numbers of the types that apply, or {NONE} alone.",
        parameters={
            "type": "object",
            "properties": {"types": types},
            "required": ["types"],
            "additionalProperties": False,
        },
    )


def _stricter(request: Request, said: str, pack: Pack) -> Request:
    """Return `request` asked again after a reply that could not be read, with twice the room for an answer."""
    echo = (Message("assistant", said[:_ECHO_CHARS]),) if said.strip() else ()
    return replace(
        request,
        messages=(*request.messages, *echo, Message("user", pack.classify_again)),
        max_completion_tokens=2 * request.max_completion_tokens,
    )


def _words(reply: Completion) -> str:
    return reply.arguments or reply.text
