"""Numbers by their bands: which of a million sketches have a part in common with this one?

A sketch is so many numbers of 32 bits: the first of them are its bands, the last one is its particulars. Two sketches
share a band when that band of theirs is alike, and so are their particulars. Each band has a table by open addressing,
60 to 80 % full and without keys, which are read from the sketch: 5 to 7 bytes for an entry. Flat arrays, since Python's
dictionaries would take ten times as much; no file, since a million sketches fit in memory, and a disk can fail. Each
table is in many corners, which grow one at a time: no growth takes long, however many sketches there are.
"""

from __future__ import annotations

from array import array

MAX_ALIKE = 8
"""Sketches that share a band and are all found by it: thousands made from one template must not be."""

_LEAST_SLOTS = 8
_SPREAD = 0x9E3779B1
"""Fibonacci hashing: 2**32 divided by the golden ratio, to the next prime."""
_ALL = (1 << 32) - 1
_NONE_YET = array("I", bytes(4))


class Bands:
    """Remembers sketches by number, from 0, and finds those that share a band with another."""

    def __init__(self, bands: int, numbers: int, *, corner_bits: int, expected: int = 0) -> None:
        """A sketch has so many `numbers`, its `bands` among them. Each table is in `2**corner_bits` corners, which hold
        `expected` sketches before any of them grows."""
        self._bands = bands
        self._stride = numbers
        self._corner_bits = corner_bits
        self._slot_bits = 32 - corner_bits
        self._sketches = array("I")
        self._slots = [_NONE_YET] * (bands << corner_bits)
        """Each corner holds numbers, plus one, in the first slot from their hash on that was free; 0: free."""
        self._used = array("I", bytes(4 * len(self._slots)))
        self._first_slots = max(_LEAST_SLOTS, (expected >> corner_bits) * 3 // 2)

    def __len__(self) -> int:
        return len(self._sketches) // self._stride

    def sketch(self, number: int) -> array[int]:
        """Return a sketch."""
        return self._sketches[number * self._stride : (number + 1) * self._stride]

    def sharing(self, sketch: array[int]) -> set[int]:
        """Return the numbers of those that share a band with `sketch`, as far as they were entered."""
        found: set[int] = set()
        sketches, stride, slot_bits, particulars = self._sketches, self._stride, self._slot_bits, sketch[-1]
        # Much of what judging a record takes is spent here, hence no calls.
        for band in range(self._bands):
            word = sketch[band]
            hashed = (word ^ particulars) * _SPREAD & _ALL
            slots = self._slots[band << self._corner_bits | hashed >> slot_bits]
            size = len(slots)
            slot = (hashed & (1 << slot_bits) - 1) * size >> slot_bits
            while entry := slots[slot]:
                at = (entry - 1) * stride
                if sketches[at + band] == word and sketches[at + stride - 1] == particulars:
                    found.add(entry - 1)
                slot = slot + 1 if slot + 1 < size else 0
        return found

    def add(self, sketch: array[int]) -> int:
        """Remember a sketch; returns its number.

        It is not entered under a band that `MAX_ALIKE` others have already.
        """
        number, particulars = len(self), sketch[-1]
        self._sketches.extend(sketch)
        sketches, used, stride, slot_bits = self._sketches, self._used, self._stride, self._slot_bits
        low = (1 << slot_bits) - 1
        # Most of what taking in a million takes is spent here, hence no calls.
        for band in range(self._bands):
            word = sketch[band]
            hashed = (word ^ particulars) * _SPREAD & _ALL
            corner = band << self._corner_bits | hashed >> slot_bits
            if 5 * used[corner] >= 4 * len(self._slots[corner]) - 4:
                self._grow(band, corner)
            slots = self._slots[corner]
            size, alike = len(slots), 0
            slot = (hashed & low) * size >> slot_bits
            while entry := slots[slot]:
                at = (entry - 1) * stride
                if sketches[at + band] == word and sketches[at + stride - 1] == particulars:
                    alike += 1
                slot = slot + 1 if slot + 1 < size else 0
            if alike < MAX_ALIKE:
                slots[slot] = number + 1
                used[corner] += 1
        return number

    def _grow(self, band: int, corner: int) -> None:
        """Make room for a third more."""
        old, sketches, stride = self._slots[corner], self._sketches, self._stride
        size = len(old) * 4 // 3 if self._used[corner] else self._first_slots
        slots = self._slots[corner] = array("I", bytes(4 * size))
        low = (1 << self._slot_bits) - 1
        for entry in sorted(filter(None, old)):  # in order, as if they had come anew
            at = (entry - 1) * stride
            hashed = (sketches[at + band] ^ sketches[at + stride - 1]) * _SPREAD
            slot = (hashed & low) * size >> self._slot_bits
            while slots[slot]:
                slot = slot + 1 if slot + 1 < size else 0
            slots[slot] = entry
