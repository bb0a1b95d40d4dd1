"""The records of a run, each by its print: exact and near duplicates are found in 50 microseconds, among a million.

A record takes 200 bytes for its sketch, 85 to 120 for the bands, and 24 to say which one it is: less than 350 in all.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from ...sources.bands import Bands
from .prints import BANDS, NUMBERS, Print, likeness

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

    def __len__(self) -> int:
        return len(self._names)

    def add(self, one: Print) -> None:
        """Remember a record."""
        self._bands.add(one.sketch)
        self._keys += one.key
        self._names.append(one.of_name)
        self._texts.append(one.of_text)

    def find(self, one: Print, similarity: float, before: int | None = None) -> Like | None:
        """Return the record that is most like this one, if it is as much as `similarity`; of several the first.

        Only those `before` a number are looked at, where it is given, and none that this one takes the place of.
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

    def forget(self, number: int) -> None:
        """Let a record count no more."""
        self._keys[number * _KEY_BYTES : (number + 1) * _KEY_BYTES] = _FORGOTTEN

    def _counts(self, number: int, one: Print, before: int | None) -> bool:
        return (
            (before is None or number < before)
            and self._key(number) not in (one.key, _FORGOTTEN)
            and not one.replaces(self._names[number], self._texts[number])
        )

    def _key(self, number: int) -> bytes:
        return bytes(self._keys[number * _KEY_BYTES : (number + 1) * _KEY_BYTES])
