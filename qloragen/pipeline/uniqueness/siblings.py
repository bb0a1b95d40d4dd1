"""Records of one article beside one another: which of them are twins, and what models are told of the others."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from ...sources.sketch import words
from ...thresholds import Thresholds
from .codes import ALIKE, TWIN, action_of
from .texts import content_words, jaccard, normal, said


class Sibling(NamedTuple):
    """A record as others of its article are compared with it."""

    key: str
    type: int
    instruction: str
    normal: str
    words: frozenset[str]
    """What the instruction is about."""
    said: frozenset[str]


def sibling_of(key: str, type: int, instruction: str, output: str) -> Sibling:
    """Return what is compared of a record of the type with that number."""
    asked = words(instruction)
    return Sibling(key, type, instruction, normal(asked), content_words(asked), frozenset(said(asked, words(output))))


class Found(NamedTuple):
    """What a comparison with the siblings has come to."""

    code: str
    instruction: str
    """Of the other one."""


class Stands(NamedTuple):
    """How a record stands."""

    at: int
    """Where its line is in the journal: before those of later ones."""
    flags: Collection[str]
    """What is noted of it."""


class _Made(NamedTuple):
    sibling: Sibling
    stands: Stands


class Siblings:
    """The records of one article that count, and the instructions of drafts that are still to be judged."""

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}
        self._drafted: dict[str, tuple[int, str]] = {}

    def draft(self, key: str, type: int, instruction: str) -> None:
        """Let others be told of a draft from now on."""
        self._drafted[key] = type, instruction

    def withdraw(self, key: str) -> None:
        """Tell nobody of a draft any more: nothing has come of it, or it is a record."""
        self._drafted.pop(key, None)

    def put(self, sibling: Sibling, stands: Stands) -> None:
        """Count a record."""
        self.withdraw(sibling.key)
        self._made[sibling.key] = _Made(sibling, stands)

    def note(self, key: str, flags: Collection[str]) -> None:
        """Count what is noted now of a record that stands where it stood."""
        if key in self._made:
            sibling, stands = self._made[key]
            self._made[key] = _Made(sibling, stands._replace(flags=flags))

    def drop(self, key: str) -> None:
        """Let a record count no more."""
        self._made.pop(key, None)

    def instructions(self, besides: str) -> tuple[str, ...]:
        """Return the instructions there are but for that of one cell, in the order of their types."""
        made = {key: (one.type, one.instruction) for key, (one, _) in self._made.items()}
        others = sorted(said for key, said in {**self._drafted, **made}.items() if key != besides)
        return tuple(instruction for _, instruction in others)

    def compare(self, one: Sibling, thresholds: Thresholds, stands: Stands | None = None) -> Iterator[Found]:
        """Yield what is found about a draft, of each kind one; about a record that `stands`, what it repeats."""
        if action_of(thresholds, TWIN) != "off":
            others = self._others(one.key, TWIN, stands)
            twin = next((other for other in others if _are_twins(one, other, thresholds)), None)
            if twin:
                yield Found(TWIN, twin.instruction)
        if action_of(thresholds, ALIKE) != "off":
            others = self._others(one.key, ALIKE, stands)
            alike = next((other for other in others if jaccard(one.words, other.words) >= thresholds.alike), None)
            if alike:
                yield Found(ALIKE, alike.instruction)

    def _others(self, key: str, code: str, stands: Stands | None) -> Iterator[Sibling]:
        """Yield the records that another one may repeat."""
        for other, of_other in self._made.values():
            comes_first = (
                stands is None or code in stands.flags or (of_other.at < stands.at and code not in of_other.flags)
            )
            if other.key != key and comes_first:
                yield other


def _are_twins(one: Sibling, other: Sibling, thresholds: Thresholds) -> bool:
    return (
        one.normal == other.normal
        or jaccard(one.words, other.words) >= thresholds.twin_instruction
        or jaccard(one.said, other.said) >= thresholds.near_duplicate
    )
