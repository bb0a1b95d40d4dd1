"""No type of instruction more than so many times as often as the rarest one, in the split to train on.

Which records stay is decided by a hash of their ids, in each type those with the lowest: what a lower ratio keeps, a
higher one keeps too.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from math import isfinite

from ..export.example import Example, ExportError


@dataclass(frozen=True, slots=True)
class Caps:
    """Which records of a split stay; made by `caps_of`."""

    most: int
    """Records that a type has at most."""
    found: Mapping[str, int]
    """Type slug to how many records there are."""
    highest: Mapping[str, int]
    """Type slug to the highest rank that stays."""

    @property
    def left_out(self) -> int:
        """How many records do not stay."""
        return sum(max(0, count - self.most) for count in self.found.values())

    def takes(self, example: Example) -> bool:
        """Whether a record of the split stays."""
        return _rank(example) <= self.highest.get(example.type_slug, -1)


def caps_of(examples: Iterable[Example], ratio: float) -> Caps:
    """Return which of the records of a split stay, so that no type has more than `ratio` times as many as the rarest
    one that has any. 8 bytes of each are held.

    Raises:
        ExportError: `ratio` is less than 1.
    """
    if not (isfinite(ratio) and ratio >= 1):
        raise ExportError(f"balance is {ratio:g}, and has to be 1 or more: 1 keeps equally many records of every type.")
    ranks: dict[str, array[int]] = {}
    for example in examples:
        ranks.setdefault(example.type_slug, array("Q")).append(_rank(example))
    found = {slug: len(of_type) for slug, of_type in sorted(ranks.items())}
    most = int(Fraction(str(ratio)) * min(found.values(), default=0))
    return Caps(most, found, {slug: sorted(of_type)[:most][-1] for slug, of_type in ranks.items()})


def _rank(example: Example) -> int:
    return int.from_bytes(blake2b(f"balance\n{example.id}".encode("utf-8", "replace"), digest_size=8).digest(), "big")
