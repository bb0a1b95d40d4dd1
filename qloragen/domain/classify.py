"""Ask which instruction types an article supports, and read the answer."""

from __future__ import annotations

from dataclasses import replace

import orjson

from ..types import Article, ClassifyForm, Function, InstructionType, Message, Request, digest
from .article_block import ArticleBlock, lay_out
from .pack import Pack
from .reply import TypeAnswer, read_types

TOKENS_PER_NUMBER = 4
"""Completion tokens that one number and its separator may take; a two-digit number, a comma and a blank are three."""
TOKENS_SPARE = 16
"""Completion tokens for a label or a line end that a model adds against its orders."""
NONE = 0
"""The answer for a text that supports nothing."""
_ECHO_CHARS = 400
"""How much of an unreadable reply is shown to the model that wrote it."""
_PROBE = Article(id="probe", content="A paragraph.\n\nAnother one.")
"""Stands for any article when a prompt is identified."""


def request(
    block: ArticleBlock, pack: Pack, model: str, form: ClassifyForm = "numbers", most: int | None = None
) -> Request:
    """Return the one call that classifies an article.

    Strong models answer with bare numbers, which is cheapest. In the `json` form a schema holds the answer in shape,
    for small models that would talk instead, and to `most` types.
    """
    types = "\n".join(f"{kind.number}. {kind.name}: {kind.applies_when}" for kind in pack.types)
    system = pack.fill(pack.classify.system, types=types)
    closing = pack.fill(pack.classify.closing, types=types)
    return Request(
        model=model,
        messages=(Message("system", system), Message("user", f"{block.plain}\n\n{closing}")),
        max_completion_tokens=TOKENS_SPARE + TOKENS_PER_NUMBER * len(pack.types),
        function=_function(pack, most or len(pack.types)) if form == "json" else None,
        temperature=0.0,
        about=block.article.content_hash,
    )


def _function(pack: Pack, most: int) -> Function:
    numbers = {"type": "integer", "enum": [NONE, *(kind.number for kind in pack.types)]}
    types = {"type": "array", "items": numbers, "minItems": 1, "maxItems": most}
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


def stricter(request: Request, reply: str, pack: Pack) -> Request:
    """Return `request` asked again after a `reply` that could not be read, with twice the room for an answer."""
    said = (Message("assistant", reply[:_ECHO_CHARS]),) if reply.strip() else ()
    return replace(
        request,
        messages=(*request.messages, *said, Message("user", pack.classify_again)),
        max_completion_tokens=2 * request.max_completion_tokens,
    )


def parse(text: str, pack: Pack) -> TypeAnswer:
    """Read a classification reply; never raises."""
    return read_types(text, pack.types)


def applicable(answer: TypeAnswer, pack: Pack, most: int | None = None) -> tuple[InstructionType, ...]:
    """Return the types to generate, `most` of them at most: those that always apply first, then by number.

    Types that always apply are added to any answer that names a type at all. An answer without one means that the text
    is no article (an error page, a menu), and nothing is generated.
    """
    if not answer.types:
        return ()
    always = [kind for kind in pack.types if kind.always]
    named = [kind for kind in pack.types if kind.number in answer.types and not kind.always]
    return (*always, *named)[:most]


def fingerprint(pack: Pack, form: ClassifyForm = "numbers", most: int | None = None) -> str:
    """Identify everything that a classification is built from apart from article and model; `guidance` is no part."""
    first = request(lay_out(_PROBE), pack, "", form, most)
    again = stricter(first, "", pack)
    return digest(orjson.dumps([first.messages, again.messages, first.function, first.temperature]).decode())
