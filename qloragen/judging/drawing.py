"""Drawing the records that controls are made from, and making these: the same ones every time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..domain.judging.controls import BAD, Control, bad, chance, good, surroundings
from ..domain.pack import Pack
from ..domain.planting import Clean
from .judge import Case, case_of_control
from .material import Material, draft_of
from .places import Place

_CHUNK = 48
"""Records that are in memory at once."""
TRIED = 4
"""For each control that is wanted, so many records are looked at: not all of them give one."""


@dataclass(frozen=True, slots=True)
class Task:
    """Something about one article that is to be judged."""

    place: Place
    case: Case | None = None
    """A control; None: the record at the place itself."""


def drawn(material: Material, ranked: Sequence[Place], pack: Pack, size: int) -> Iterator[Task]:
    """Yield `size` controls, half of them good, or as many as can be made, from the first of the records.

    A record gives one good control at most, and one bad one of each kind; of all kinds there are about as many.
    """
    deck = _Deck(size)
    for turn in range(len(BAD)):
        for source in _sources(material, ranked[: TRIED * size], pack):
            for control in deck.made(source, is_first=turn == 0):
                yield Task(source.place, case_of_control(source.record, source.clean.type, control))
            if deck.is_full:
                return
        if not deck.wants_bad:
            return


class _Deck:
    """Makes so many controls of each kind as are wanted."""

    def __init__(self, size: int) -> None:
        self._good_left = size // 2
        self._bad_left = size - size // 2
        self._kinds = Counter(dict.fromkeys(BAD, 0))
        self._used: dict[str, set[str]] = {}
        """Record to the kinds of bad controls that were made from it."""

    @property
    def wants_bad(self) -> bool:
        return self._bad_left > 0

    @property
    def is_full(self) -> bool:
        return not self._good_left and not self._bad_left

    def made(self, source: _Source, *, is_first: bool) -> Iterator[Control]:
        """Yield what a record gives: a bad one, of the kind that is rarest so far, and the first time a good one."""
        rank = f"{source.place.rank:016x}"
        if is_first and self._good_left and (control := good(source.clean, chance(f"good:{rank}"))):
            self._good_left -= 1
            yield control
        used = self._used.setdefault(source.record, set())
        kinds = sorted(self._kinds.keys() - used, key=lambda kind: (self._kinds[kind], kind))
        if self._bad_left and (control := bad(source.clean, rank, kinds)):
            self._bad_left -= 1
            self._kinds[control.kind] += 1
            used.add(control.kind)
            yield control


class _Source(NamedTuple):
    place: Place
    record: str
    """Id."""
    clean: Clean


def _sources(material: Material, ranked: Sequence[Place], pack: Pack) -> Iterator[_Source]:
    for start in range(0, len(ranked), _CHUNK):
        read = [_read(material, place, pack) for place in ranked[start : start + _CHUNK]]
        there = [source for source in read if source is not None]
        cleans = [source.clean for source in there]
        for at, source in enumerate(there):
            yield source._replace(clean=replace(source.clean, others=surroundings(cleans, at)))


def _read(material: Material, place: Place, pack: Pack) -> _Source | None:
    article = material.article(place.article_at)
    if article is None:
        return None
    record, kind = material.record(place.record_at)
    return _Source(place, record.id, Clean(draft_of(record), article, kind, pack, record.input_mode))
