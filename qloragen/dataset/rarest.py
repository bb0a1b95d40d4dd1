"""Texts that are held out, and which of them another one is like: found by what is rarest in both.

Rules:
1. Hashes are ordered by how many texts have them (as far as a table of counts tells), the rarest first. Two texts that
   are as much alike as is asked for have one at least in common among the first of both: of n hashes, among the first
   n - a n + 1 at a likeness of a, and among the first n - 2 a n / (1 + a) + 1 of the smaller one. None is missed by
   that, and what all pages of a template have comes last: it makes no two of them be looked at.
2. Bitmaps of all hashes show of most of the others that they have too little in common. What is left is compared.
3. So that no text takes longer the more there are of its kind, bounds hold: of entries that are looked up, the rarest
   first, and of comparisons, those first that share the most rare hashes. Only a text whose rare hashes are each in
   some 256 held-out ones on average gets that far, and it is most likely like many of these.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from math import ceil
from typing import NamedTuple

from .splits import SPLITS, Split

HASH_BITS = 32
_LOW = (1 << HASH_BITS) - 1
_LATER = 1 << HASH_BITS - 1
"""Added to the number in an entry whose hash is not among the first ones that the smaller of two texts needs."""
_COUNT_BITS = 18
_ROUNDING = 1e-9
_ENTRIES, _ENTRIES_EACH = 4_096, 256
"""That are looked up for one text, or as many for each of its hashes that are needed, if that is more."""
_COMPARED = 256
"""Texts that one is compared with, hash by hash."""


class Alike(NamedTuple):
    """What a text is like, and how much: the Jaccard similarity of their hashes."""

    split: Split
    id: str
    likeness: float


class _Kept(NamedTuple):
    split: int
    id: str
    hashes: array[int]
    bitmap: int


class Rarest:
    """Articles or records that are held out, and which of them another one is like."""

    def __init__(self, similarity: float, bits: int) -> None:
        """Bitmaps have so many `bits`: some ten for each hash that most texts have."""
        self.pairs = 0
        """Pairs of texts that were looked at, since they have something rare in common."""
        self._similarity = similarity
        self._bits = bits
        self._kept: list[_Kept] = []
        """Those of the last split first, once all are there."""
        self._in_splits = [0 for _ in SPLITS]
        self._counts = array("I", bytes(4 << _COUNT_BITS))
        """About how many texts have a hash: several hashes share a place."""
        self._entries = array("Q")
        """Sorted: a hash, then in as many bits the number of a text among the first hashes of which it is."""

    def add(self, split: Split, id: str, hashes: Collection[int]) -> None:
        """Keep one, before any is looked for. Hashes are of 32 bits."""
        place = SPLITS.index(split)
        self._in_splits[place] += 1
        self._kept.append(_Kept(place, id, array("I", hashes), _bitmap(hashes, self._bits)))
        for one in hashes:
            self._counts[one >> HASH_BITS - _COUNT_BITS] += 1

    def like(self, split: Split, hashes: frozenset[int]) -> Iterator[Alike]:
        """Yield those of later splits that one in this split is like; at most `_COMPARED`, the most alike first as far
        as their rare hashes tell."""
        numbers = self._sharing(hashes, sum(self._in_splits[SPLITS.index(split) + 1 :]))
        self.pairs += len(numbers)
        bitmap = _bitmap(hashes, self._bits) if numbers else 0
        for kept in islice(self._possible(numbers, len(hashes), bitmap), _COMPARED):
            likeness = _likeness(hashes, kept.hashes)
            if likeness >= self._similarity:
                yield Alike(SPLITS[kept.split], kept.id, likeness)

    def _sharing(self, hashes: Collection[int], later: int) -> list[int]:
        """Return the numbers, below `later`, of what has rare hashes in common with these; most in common first."""
        if not (later and hashes):
            return []
        if not self._entries:
            self._index()
        first, smaller = self._first(hashes), self._needed_if_smaller(len(hashes))
        shared, left = Counter[int](), max(_ENTRIES, _ENTRIES_EACH * len(first))
        for place, one in enumerate(first):
            lowest = one << HASH_BITS
            for start in (lowest, lowest | _LATER) if place < smaller else (lowest,):
                if found := self._numbers(start, later, left):
                    shared.update(found)
                    left -= len(found)
        return [number for number, _ in shared.most_common()]

    def _numbers(self, lowest: int, later: int, most: int) -> list[int]:
        """Return the numbers below `later` of entries from `lowest` on, so many at most."""
        entries = self._entries
        start = bisect_left(entries, lowest)
        if start == len(entries) or entries[start] >= lowest + later:
            return []
        end = bisect_left(entries, lowest + later, start, min(start + most, len(entries)))
        return [entry - lowest for entry in entries[start:end]]

    def _index(self) -> None:
        self._kept.sort(key=lambda kept: -kept.split)
        entries = list[int]()
        for number, kept in enumerate(self._kept):
            smaller = self._needed_if_smaller(len(kept.hashes))
            for place, one in enumerate(self._first(kept.hashes)):
                entries.append(one << HASH_BITS | (number if place < smaller else _LATER | number))
        entries.sort()
        self._entries = array("Q", entries)

    def _first(self, hashes: Collection[int]) -> list[int]:
        """Return the rarest hashes, as many as are needed to find all that is alike."""
        counts, bits = self._counts, HASH_BITS - _COUNT_BITS
        ordered = sorted([counts[one >> bits] << HASH_BITS | one for one in hashes])
        needed = len(hashes) - ceil(self._similarity * len(hashes) - _ROUNDING) + 1
        return [one & _LOW for one in ordered[:needed]]

    def _needed_if_smaller(self, count: int) -> int:
        """Return how many of so many hashes are needed to find what has as many or more."""
        return count - ceil(2 * self._similarity / (1 + self._similarity) * count - _ROUNDING) + 1

    def _possible(self, numbers: Iterable[int], size: int, bitmap: int) -> Iterator[_Kept]:
        """Yield what may be as much alike as is asked for: each bit that one has alone is a hash that it has alone."""
        for kept in map(self._kept.__getitem__, numbers):
            other, other_size = kept.bitmap, len(kept.hashes)
            shared = min(size - (bitmap & ~other).bit_count(), other_size - (other & ~bitmap).bit_count())
            if shared >= self._similarity * (size + other_size - shared):
                yield kept


def _bitmap(hashes: Iterable[int], bits: int) -> int:
    """Return a number of so many bits, in which that of each hash is set."""
    packed = bytearray(bits // 8)
    for one in hashes:
        bit = one % bits
        packed[bit >> 3] |= 1 << (bit & 7)
    return int.from_bytes(packed, "little")


def _likeness(one: frozenset[int], other: array[int]) -> float:
    """Return the Jaccard similarity of two sets, the second one packed."""
    shared = len(one.intersection(other))
    return shared / (len(one) + len(other) - shared)
