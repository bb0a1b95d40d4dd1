"""Calls whose bodies are known beforehand, as the simulated provider reads them: no text is parsed, hashed or counted.

Each article of a sample plays many, its copies, and each is another text to the prompt cache: what stands for a prefix
that two articles of the sample have in common stands for it in all; any other is told apart by the number of the copy.
So is chance: the first copy has that of the article itself, the others have their own.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import NamedTuple

from ...simulator import Answer
from ...simulator.bodies import ApiLanguage, Asked, Unreadable
from ...simulator.draws import identify
from ...simulator.effects import Json
from ...simulator.faults import Endpoint
from ...simulator.prompts import Breakpoint, End, Measured
from ...types import Request
from .replies import OBJECT, TEXT, shorten
from .shapes import Ask

_TEXTS: Mapping[str, object] = {"messages": (), "input": "", "tools": (True,), "response_format": True}
"""What takes the place of long parts of a body that is kept."""
_CAPS = {name: f'"{name}":'.encode() for name in ("max_completion_tokens", "max_tokens")}
"""Names of caps, and how each stands in a body."""
_IDENTITY = struct.Struct("<QQI")


class Mark(NamedTuple):
    """A prefix of a prompt."""

    key: Hashable
    tokens: int
    common: bool
    """Calls about other articles begin with it too."""


@dataclass(frozen=True, slots=True)
class Form:
    """One body of a known call, without the value of its cap."""

    body: Json
    answer: Answer
    characters: int
    tokens: int
    breakpoints: Sequence[Breakpoint]
    ends: Sequence[Mark]
    blocks: Sequence[Mark]


class Known:
    """One call of a sample's article, to be played any number of times."""

    __slots__ = ("ask", "cap", "following", "forms", "seen", "serial")

    def __init__(self, serial: int, ask: Ask, following: Request) -> None:
        self.serial = serial
        self.ask = ask
        self.following = following
        """The request, where it follows another that has written the prefix that they share."""
        self.cap: str | None = None
        """The name of its cap; None where it has none."""
        self.forms: dict[int, Form] = {}
        """By the length of the body without the digits of its cap."""
        self.seen: tuple[bytes, Form, Json] | None = None
        """The body that was read last, its form, and what it says; mostly the same bytes are sent again."""


class Playing(NamedTuple):
    """A call that is being made."""

    known: Known
    copy: int
    """Which copy of the article is played, from 0."""
    again: int
    """0 when it is asked for the first time, 1 when its reply could not be used..."""


playing: ContextVar[Playing] = ContextVar("playing")
"""To be set by whoever makes a call."""


class _Prompt:
    """See `simulator.prompts.Measured`."""

    __slots__ = ("breakpoints", "characters", "copy", "form", "tokens")

    def __init__(self, form: Form, copy: int) -> None:
        self.form = form
        self.copy = copy
        self.characters = form.characters
        self.tokens = form.tokens
        self.breakpoints = form.breakpoints

    @property
    def ends(self) -> Sequence[End]:
        copy = self.copy
        return [(key if common else (key, copy), tokens) for key, tokens, common in self.form.ends]

    @property
    def blocks(self) -> Sequence[Hashable]:
        copy = self.copy
        return [key if common else (key, copy) for key, _, common in self.form.blocks]

    def tokens_before(self, blocks: int) -> int:
        return self.form.blocks[blocks - 1].tokens if blocks else 0


@dataclass(slots=True)
class _Prefixes:
    """How many calls of the sample begin alike."""

    calls: Counter[Hashable] = field(default_factory=Counter)
    articles: Counter[Hashable] = field(default_factory=Counter)

    def add(self, article: Iterable[Measured]) -> None:
        """Take in all calls of one article."""
        seen = set[Hashable]()
        for prompt in article:
            keys = [*(key for key, _ in prompt.ends), *prompt.blocks]
            self.calls.update(keys)
            seen.update(keys)
        self.articles.update(seen)

    def ends(self, prompt: Measured) -> tuple[Mark, ...]:
        return tuple(Mark(key, tokens, self._common(key)) for key, tokens in prompt.ends)

    def blocks(self, prompt: Measured) -> tuple[Mark, ...]:
        """Return the blocks after which some call goes on in another way: those between come and go together."""
        keys = prompt.blocks
        last = [at for at, key in enumerate(keys) if at + 1 == len(keys) or self._parts(key, keys[at + 1])]
        return tuple(Mark(keys[at], prompt.tokens_before(at + 1), self._common(keys[at])) for at in last)

    def _parts(self, key: Hashable, following: Hashable) -> bool:
        return self.calls[key] != self.calls[following]

    def _common(self, key: Hashable) -> bool:
        return self.articles[key] > 1


class KnownCalls:
    """Reads the bodies of known calls, and answers them; see `simulator.bodies.Language`.

    A body in a form that was not foreseen is read once. Chance depends on the seed, the call and the copy.
    """

    word = staticmethod(shorten)

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._api = ApiLanguage(seed)
        self._prefixes = _Prefixes()
        self._form: Form | None = None
        """That of the call that is being looked at."""

    def foresee(self, articles: Iterable[Sequence[tuple[Known, bytes]]]) -> None:
        """Read the bodies that the calls of all articles are going to have."""
        read: list[tuple[Known, bytes, Asked]] = []
        for calls in articles:
            found = [(known, raw, self._read(known, raw)) for known, raw in calls]
            self._prefixes.add(asked.prompt for _, _, asked in found if asked)
            read += [(known, raw, asked) for known, raw, asked in found if asked]
        for known, raw, asked in read:
            known.cap = next((name for name in _CAPS if name in asked.body), None)
            known.forms[_size(raw, known.cap)[0]] = self._formed(known, asked)

    def identify(self, raw: bytes) -> bytes:
        """See `Language.identify`."""
        known, copy, again = playing.get()
        if not copy and not again:
            return self._api.identify(raw)
        return identify(_IDENTITY.pack(known.serial, copy, again), self._seed)

    def read(self, raw: bytes, endpoint: Endpoint) -> Asked | Unreadable:
        """See `Language.read`."""
        known, copy, _ = playing.get()
        if known.seen is not None and known.seen[0] is raw:
            _, self._form, body = known.seen
            return Asked(body, _Prompt(self._form, copy))
        size, cap = _size(raw, known.cap)
        form = known.forms.get(size)
        if form is None:
            asked = self._api.read(raw, endpoint)
            if isinstance(asked, Unreadable):
                return asked
            form = known.forms[size] = self._formed(known, asked)
        self._form = form
        body = form.body if known.cap is None or cap is None else {**form.body, known.cap: cap}
        known.seen = raw, form, body
        return Asked(body, _Prompt(form, copy))

    def answer(self, _body: Mapping[str, object]) -> Answer:
        """Return what the model answers to the body that was read last."""
        assert self._form is not None
        return self._form.answer

    def _read(self, known: Known, raw: bytes) -> Asked | None:
        asked = self._api.read(raw, "decisions" if known.ask.request.predicates else "chat")
        return None if isinstance(asked, Unreadable) else asked

    def _formed(self, known: Known, asked: Asked) -> Form:
        prompt, body = asked.prompt, {**asked.body}
        body.update((name, _TEXTS[name]) for name in _TEXTS.keys() & body.keys())
        return Form(
            body,
            _answer(known.ask, asked.body),
            prompt.characters,
            prompt.tokens,
            prompt.breakpoints,
            self._prefixes.ends(prompt),
            self._prefixes.blocks(prompt),
        )


def _size(raw: bytes, name: str | None) -> tuple[int, int | None]:
    """Return the length of a body without the digits of its cap, and the cap.

    The engine lowers caps as it learns; parameters come last in a body, so that no text is searched.
    """
    if name is None or (at := raw.rfind(_CAPS[name])) < 0:
        return len(raw), None
    start = at + len(_CAPS[name])
    ends = [end for end in (raw.find(b",", start), raw.find(b"}", start)) if end >= 0]
    digits = raw[start : min(ends)]
    return len(raw) - len(digits), int(digits)


def _answer(ask: Ask, body: Json) -> Answer:
    function = ask.request.function
    if function is None:
        return Answer(TEXT, tokens=ask.visible_tokens)
    if "tools" in body:
        return Answer(None, function.name, OBJECT, tokens=ask.visible_tokens)
    return Answer(OBJECT, tokens=ask.visible_tokens)
