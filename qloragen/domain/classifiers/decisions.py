"""A model that says how likely each type is, through the endpoint for typed decisions: nothing to parse but JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

import orjson

from ...types import Completion, InstructionType, Invalid, Message, Predicate, Request
from ..pack import Pack
from .protocol import Subject, fingerprint_of, probe

SUBSTANCE = "something_to_learn"
"""The predicate that error pages fail; no type can have this name, since slugs have no underscore."""
EVEN = 0.5
"""A threshold as nobody has measured a better one."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From which probability on a statement counts as true."""

    usual: float = EVEN
    of: Mapping[str, float] = field(default_factory=dict)
    """Slug of a type, or `SUBSTANCE`, to a threshold of its own."""

    def __getitem__(self, name: str) -> float:
        """Return the threshold of a predicate. One number for all types leaves `SUBSTANCE` where it was."""
        return self.of.get(name, EVEN if name == SUBSTANCE else self.usual)

    def __str__(self) -> str:
        own = "".join(f", {name} {value:g}" for name, value in sorted(self.of.items()))
        return f"{self.usual:g}{own}"


class Chances(NamedTuple):
    """What a reply says: probabilities of 0 to 1."""

    substance: float
    """That there is something to learn from the article."""
    of: Mapping[str, float]
    """By type slug."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """One cheap call with a statement about each type that does not always apply, and thresholds."""

    name: ClassVar[str] = "decisions"
    most_asks: ClassVar[int] = 2
    model: str
    thresholds: Thresholds = field(default_factory=Thresholds)

    @property
    def models(self) -> tuple[str, ...]:
        """The one model."""
        return (self.model,)

    @property
    def reading(self) -> str:
        """The thresholds: under other ones the same replies are read anew."""
        return str(self.thresholds)

    def fingerprint(self, pack: Pack) -> str:
        """Identify the statements, and what is said before the article."""
        return fingerprint_of((self.request(probe(pack), ()),))

    def request(self, subject: Subject, replies: Sequence[Completion]) -> Request:
        """Return the call, the same each time: nothing can be said more strictly."""
        del replies
        pack = subject.pack
        of_types = (_predicate(pack, kind) for kind in asked(pack))
        return Request(
            model=self.model,
            messages=(Message("system", pack.fill(pack.decide.system)), Message("user", subject.text)),
            max_completion_tokens=1,  # none is generated, and none is billed
            predicates=(Predicate(SUBSTANCE, pack.fill(pack.decide.substance)), *of_types),
            about=subject.article.content_hash,
        )

    def read(self, pack: Pack, replies: Sequence[Completion]) -> tuple[int, ...] | Invalid:
        """Return the numbers of the types whose probability reaches their threshold, and of those that always apply."""
        chances = chances_in(pack, replies[-1])
        return chances if isinstance(chances, Invalid) else numbers_of(pack, chances, self.thresholds)


def chances_in(pack: Pack, reply: Completion) -> Chances | Invalid:
    """Return what a reply says about every statement; all else is refused."""
    answers: dict[str, float] = {}
    for answer in _answers(reply):
        if isinstance(answer, dict) and answer.get("type") == "refusal":
            return Invalid("refusal", "The model declined to judge a statement.")
        judged = _judged(answer)
        if judged is None:
            continue
        if answers.setdefault(judged.name, judged.probability) != judged.probability:
            return Invalid("contradictory", "The reply judges a statement in two ways.")
    needed = {SUBSTANCE, *(kind.slug for kind in asked(pack))}
    if not needed <= answers.keys():
        return Invalid("incomplete", "The reply does not judge every statement.")
    return Chances(answers.pop(SUBSTANCE), answers)


def numbers_of(pack: Pack, chances: Chances, thresholds: Thresholds) -> tuple[int, ...]:
    """Return the numbers that probabilities come to, in their order."""
    if chances.substance < thresholds[SUBSTANCE]:
        return ()
    return tuple(kind.number for kind in pack.types if kind.always or chances.of[kind.slug] >= thresholds[kind.slug])


class _Judged(NamedTuple):
    name: str
    probability: float


def _answers(reply: Completion) -> list[object]:
    try:
        answers = orjson.loads(reply.arguments or "")
    except orjson.JSONDecodeError:
        return []
    return answers if isinstance(answers, list) else []


def _judged(answer: object) -> _Judged | None:
    match answer:
        case {"probability": bool()}:  # which would pass for a whole number
            return None
        case {"type": "predicate", "name": str(name), "probability": int() | float() as probability} if (
            0 <= probability <= 1
        ):
            return _Judged(name, float(probability))
    return None


def asked(pack: Pack) -> tuple[InstructionType, ...]:
    """Return the types that a statement is made about, whatever the article has: one more costs next to nothing, and
    replies that judge all of them can be read again with other gates."""
    return tuple(kind for kind in pack.types if not kind.always)


def _predicate(pack: Pack, kind: InstructionType) -> Predicate:
    return Predicate(kind.slug, pack.fill(pack.decide.predicate, name=kind.name, applies_when=kind.applies_when))
