"""Near-duplicates: articles that say nearly what an earlier one says, found by their sketches.

Two articles are compared when a band of their rows (eight of the 256, one 32-bit number) is alike, and so are their
heading and code. Of 16 bands one at least is alike with a probability of 99.99 % at a similarity of 0.9, 97 % at 0.8,
and one in 270 million at 0.

An article takes 132 bytes for its sketch, 80 to 107 for the bands (see `bands`), and 8 with its place's length for the
place: less than 300 in all.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from .bands import Bands
from .sketch import ROWS, Sketch, likeness

BANDS = 16
_CORNER_BITS = 6
_NUMBERS = ROWS // 8 + 1
"""Of 32 bits: the rows, eight to a number, and the particulars."""


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
        self._bands = Bands(BANDS, _NUMBERS, corner_bits=_CORNER_BITS)
        self._places = bytearray()
        self._ends = array("Q")

    def find(self, sketch: Sketch) -> Twin | None:
        """Return the nearest twin, if there is one."""
        numbers = self._bands.sharing(_values(sketch))
        if not numbers:
            return None
        twin = max(sorted(numbers), key=lambda number: likeness(sketch.rows, self._rows(number)))
        alike = likeness(sketch.rows, self._rows(twin))
        return Twin(self._place(twin), alike) if alike >= self._similarity else None

    def add(self, sketch: Sketch, where: str) -> None:
        """Remember an article; `where` it is comes back with its twins."""
        self._bands.add(_values(sketch))
        self._places += where.encode()
        self._ends.append(len(self._places))

    def _rows(self, number: int) -> bytes:
        return self._bands.sketch(number)[:-1].tobytes()

    def _place(self, number: int) -> str:
        start = self._ends[number - 1] if number else 0
        return self._places[start : self._ends[number]].decode()


def _values(sketch: Sketch) -> array[int]:
    values = array("I", sketch.rows)
    values.append(sketch.particulars)
    return values
