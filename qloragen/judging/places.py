"""Where the records of a run are, in columns: 40 bytes a record, so that a million of them can be chosen from."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from heapq import nsmallest
from itertools import islice
from typing import NamedTuple

_KEY_BYTES = 16
_INDEX_BITS = 40


class Place(NamedTuple):
    """Where a record is, and its article."""

    article_at: int
    """Offset in the run's journal."""
    record_at: int
    """Offset in the sink."""
    rank: int
    """By which samples and controls are drawn, 64 bits: depends on the record's id alone."""
    key: bytes
    """Of the cell of its judgement."""


class Places:
    """The places of records, by the numbers that they have in the order of the sink."""

    def __init__(self) -> None:
        self._article_at = array("Q")
        self._record_at = array("Q")
        self._rank = array("Q")
        self._keys = bytearray()

    def add(self, place: Place) -> None:
        """Take in the next one."""
        self._article_at.append(place.article_at)
        self._record_at.append(place.record_at)
        self._rank.append(place.rank)
        self._keys += place.key

    def __len__(self) -> int:
        return len(self._rank)

    def __getitem__(self, number: int) -> Place:
        key = bytes(self._keys[number * _KEY_BYTES : (number + 1) * _KEY_BYTES])
        return Place(self._article_at[number], self._record_at[number], self._rank[number], key)

    def article_at(self, number: int) -> int:
        """Return where the article of a record is."""
        return self._article_at[number]

    def first(self, count: int) -> list[Place]:
        """Return so many places, those of the lowest ranks, by rank; meant for some thousands."""
        return [self[number] for number in nsmallest(count, range(len(self)), key=self._rank.__getitem__)]

    def drawn(self, count: int) -> Iterable[int]:
        """Return the numbers of so many records, those of the lowest ranks."""
        if count >= len(self):
            return range(len(self))
        highest = sorted(self._rank)[count - 1]
        return islice((number for number, rank in enumerate(self._rank) if rank <= highest), count)

    def by_article(self, numbers: Iterable[int]) -> array[int]:
        """Return numbers in the order of the articles, and of the sink within one."""
        whole = sorted(self._article_at[number] << _INDEX_BITS | number for number in numbers)
        return array("Q", (both & ((1 << _INDEX_BITS) - 1) for both in whole))
