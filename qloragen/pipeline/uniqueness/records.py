"""The records of a run, each by its print: exact and near duplicates are found in 50 microseconds, among a million.

A record takes 200 bytes for its sketch, 85 to 120 for the bands, and 28 to say which one it is: less than 350 in all.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from ...sources.bands import Bands
from .prints import BANDS, NUMBERS, Place, Print, likeness

_CORNER_BITS = 10
_KEY_BYTES = 16
_FORGOTTEN = bytes(_KEY_BYTES)


class Like(NamedTuple):
    """An earlier record that says nearly the same."""

    key: str
    likeness: float
    """Estimated Jaccard similarity, 1 at most."""
    exact: bool
    """Instruction and output are the same, but for case, punctuation and spacing."""


class Records:
    """Remembers records in the order in which they were made, and finds the one that another is most like."""

    def __init__(self, expected: int = 0) -> None:
        """`expected` is how many there are likely to be soon."""
        self._bands = Bands(1 + BANDS, NUMBERS, corner_bits=_CORNER_BITS, expected=expected)
        self._keys = bytearray()
        self._names = array("I")
        self._texts = array("I")
        self._markups = array("B")
        self._types = array("H")
        self._noted = bytearray()

    def __len__(self) -> int:
        return len(self._names)

    def add(self, one: Print) -> None:
        """Remember a record."""
        self._bands.add(one.sketch)
        self._keys += one.key
        self._names.append(one.place.name)
        self._texts.append(one.place.text)
        self._markups.append(one.place.markup)
        self._types.append(one.place.type)
        self._noted.append(one.noted)

    def find(self, one: Print, similarity: float, before: int | None = None) -> Like | None:
        """Return the record that is most like this one, if it is as much as `similarity`; of several the first.

        Where it is given, only those `before` a number are looked at of which nothing is noted; and never one that this
        takes the place of.
        """
        best: tuple[bool, float, int] | None = None
        for number in self._bands.sharing(one.sketch):
            if not self._counts(number, one, before):
                continue
            sketch = self._bands.sketch(number)
            alike = likeness(sketch, one.sketch)
            found = (alike == 1 and sketch[0] == one.sketch[0], alike, -number)
            if alike >= similarity and (best is None or found > best):
                best = found
        if best is None:
            return None
        exact, alike, negative = best
        return Like(self._key(-negative).hex(), alike, exact)

    def number_of(self, one: Print) -> int | None:
        """Return the number of a record that is remembered just so."""
        for number in self._bands.sharing(one.sketch):
            if self._key(number) == one.key:
                return number
        return None

    def note(self, number: int, *, noted: bool) -> None:
        """Keep whether it is noted of a record that it repeats another one."""
        self._noted[number] = noted

    def forget(self, number: int) -> None:
        """Let a record count no more."""
        self._keys[number * _KEY_BYTES : (number + 1) * _KEY_BYTES] = _FORGOTTEN

    def _counts(self, number: int, one: Print, before: int | None) -> bool:
        return (
            (before is None or (number < before and not self._noted[number]))
            and self._key(number) not in (one.key, _FORGOTTEN)
            and not one.place.replaces(self._place(number))
        )

    def _place(self, number: int) -> Place:
        return Place(self._names[number], self._texts[number], self._markups[number], self._types[number])

    def _key(self, number: int) -> bytes:
        return bytes(self._keys[number * _KEY_BYTES : (number + 1) * _KEY_BYTES])
