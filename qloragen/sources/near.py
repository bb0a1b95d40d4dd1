"""Near-duplicates: articles that say nearly what an earlier one says, found by their sketches.

Two articles are compared when a band of their rows (eight of the 256, one 32-bit number) is alike, and so are their
heading and code. Of 16 bands one at least is alike with a probability of 99.99 % at a similarity of 0.9, 97 % at 0.8,
and one in 270 million at 0.

An article takes 132 bytes for its sketch, 80 to 107 for the bands (open addressing, 60 to 80 % full, without keys: they
are read from the sketch), and 8 with its place's length for the place: less than 300 in all. Flat arrays, since
Python's dictionaries would take five times as much; no file, since a million articles fit in memory, and a disk can
fail.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from .sketch import ROWS, Sketch, likeness

BANDS = 16
MAX_ALIKE = 8
"""Articles that share a band and are all compared: thousands made from one template must not be."""

_ROW_BYTES = ROWS // 2
_BAND_BYTES = 4
_STRIDE = _ROW_BYTES // _BAND_BYTES + 1
"""Numbers of 32 bits that a sketch takes: its rows, eight to a number, and its particulars."""
_CORNER_BITS = 6
"""Each band's table is in 64 parts, which grow one at a time: no growth takes long, however many articles there are."""
_LEAST_SLOTS = 8
_SPREAD = 0x9E3779B97F4A7C15
"""Fibonacci hashing: 2**64 divided by the golden ratio."""


class Twin(NamedTuple):
    """An earlier article that says nearly the same."""

    where: str
    likeness: float
    """Estimated Jaccard similarity of the two texts' shingles, 1 at most."""

    def __str__(self) -> str:
        return f"{int(100 * self.likeness)} % like {self.where}, which is kept"


class NearDuplicates:
    """Remembers articles that were let in, and finds the one that another is most like; of several the first."""

    def __init__(self, similarity: float) -> None:
        """`similarity` is the least likeness of twins."""
        self._similarity = similarity
        self._sketches = array("I")
        self._places = bytearray()
        self._ends = array("Q")
        self._tables = [[_Corner() for _ in range(1 << _CORNER_BITS)] for _ in range(BANDS)]

    def find(self, sketch: Sketch) -> Twin | None:
        """Return the nearest twin, if there is one."""
        values = _values(sketch)
        numbers = {number for band in range(BANDS) for number in self._sharing(band, values)}
        if not numbers:
            return None
        twin = max(sorted(numbers), key=lambda number: likeness(sketch.rows, self._rows(number)))
        alike = likeness(sketch.rows, self._rows(twin))
        return Twin(self._place(twin), alike) if alike >= self._similarity else None

    def add(self, sketch: Sketch, where: str) -> None:
        """Remember an article; `where` it is comes back with its twins."""
        number, values = len(self._ends), _values(sketch)
        self._sketches.extend(values)
        self._places += where.encode()
        self._ends.append(len(self._places))
        for band in range(BANDS):
            if len(self._sharing(band, values)) < MAX_ALIKE:
                self._enter(number, band, values)

    def _sharing(self, band: int, values: array[int]) -> list[int]:
        """Return the numbers of the articles that have the same band, heading and code."""
        hashed = _hashed(band, values)
        chain = self._tables[band][hashed >> 64 - _CORNER_BITS].chain(hashed)
        wanted, particulars, sketches = values[band], values[-1], self._sketches
        return [
            number
            for number in chain
            if sketches[number * _STRIDE + band] == wanted and sketches[number * _STRIDE + _STRIDE - 1] == particulars
        ]

    def _enter(self, number: int, band: int, values: array[int]) -> None:
        hashed = _hashed(band, values)
        corner = self._tables[band][hashed >> 64 - _CORNER_BITS]
        if corner.full:
            for moved in corner.grow():
                corner.put(moved, _hashed(band, self._values(moved)))
        corner.put(number, hashed)

    def _values(self, number: int) -> array[int]:
        return self._sketches[number * _STRIDE : (number + 1) * _STRIDE]

    def _rows(self, number: int) -> bytes:
        return self._values(number)[:-1].tobytes()

    def _place(self, number: int) -> str:
        start = self._ends[number - 1] if number else 0
        return self._places[start : self._ends[number]].decode()


class _Corner:
    """Part of a table: numbers in order of their hashes, each in the first slot from there on that was free."""

    __slots__ = ("_slots", "_used")

    def __init__(self) -> None:
        self._slots = array("I", bytes(_LEAST_SLOTS * 4))
        """One more than a number; 0: free."""
        self._used = 0

    @property
    def full(self) -> bool:
        """Whether it must grow before another number is put into it: searches become long from here on."""
        return 5 * self._used >= 4 * len(self._slots)

    def chain(self, hashed: int) -> Iterator[int]:
        """Yield the numbers that may have this hash, first come first."""
        slots = self._slots
        slot = _slot(hashed, len(slots))
        while found := slots[slot]:
            yield found - 1
            slot = slot + 1 if slot + 1 < len(slots) else 0

    def put(self, number: int, hashed: int) -> None:
        """Add a number."""
        slots = self._slots
        slot = _slot(hashed, len(slots))
        while slots[slot]:
            slot = slot + 1 if slot + 1 < len(slots) else 0
        slots[slot] = number + 1
        self._used += 1

    def grow(self) -> list[int]:
        """Make room for a third more, and return what was there, in order, to be put in anew."""
        numbers = sorted(entry - 1 for entry in self._slots if entry)
        self._slots = array("I", bytes(len(self._slots) * 4 // 3 * 4))
        self._used = 0
        return numbers


def _values(sketch: Sketch) -> array[int]:
    values = array("I", sketch.rows)
    values.append(sketch.particulars)
    return values


def _hashed(band: int, values: array[int]) -> int:
    """Return 64 bits that place a band of a sketch."""
    return (values[band] << 32 | values[-1]) * _SPREAD & 0xFFFFFFFFFFFFFFFF


def _slot(hashed: int, slots: int) -> int:
    """Return where to begin, from the bits after those that name the corner."""
    return (hashed >> 26 & 0xFFFFFFFF) * slots >> 32
