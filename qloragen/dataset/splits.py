"""In which split something goes: decided by a hash of its group's name, so that it is the same today and next year.

Rules:
1. A group's place on a line from 0 to 1 is a hash of the seed and its name, whatever other groups there are.
2. Test begins at 0 and validation ends at 1, with training between: changing the share of one of the two never moves a
   group in or out of the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import Literal

from ..export.example import ExportError

Split = Literal["train", "validation", "test"]

TRAIN: Split = "train"
VALIDATION: Split = "validation"
TEST: Split = "test"
SPLITS: tuple[Split, ...] = (TRAIN, VALIDATION, TEST)

_POINT_BITS = 64
_WORDS: Mapping[str, Split] = {"train": TRAIN, "validation": VALIDATION, "val": VALIDATION, "test": TEST}
_NUMBER = re.compile(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})%?", re.ASCII)
_REMEDY = "give the shares of train, validation and test, such as 90/5/5 or train=0.9,test=0.1"


@dataclass(frozen=True, slots=True)
class Proportions:
    """Which share of all groups each split gets; the three add up to 1."""

    train: Fraction
    validation: Fraction
    test: Fraction

    def __post_init__(self) -> None:
        if not self.train or self.train == 1:
            raise ExportError(f"Split {self} has no {'train' if not self.train else 'other split'}: {_REMEDY}.")

    def __str__(self) -> str:
        """Return them as percentages, as `proportions_of` reads them."""
        return "/".join(f"{float(100 * share):.12g}" for share in self.shares.values())

    @property
    def shares(self) -> Mapping[Split, Fraction]:
        """All three, in the order of `SPLITS`."""
        return {TRAIN: self.train, VALIDATION: self.validation, TEST: self.test}

    @property
    def names(self) -> tuple[Split, ...]:
        """The splits that get anything, in the order of `SPLITS`."""
        return tuple(name for name, share in self.shares.items() if share)


def proportions_of(text: str) -> Proportions:
    """Read proportions: `90/5/5` or `0.8/0.1/0.1`, for train, validation and test; or `train=0.9,test=0.1`, where one
    that is not named gets nothing. They add up to 1 or to 100.

    Raises:
        ExportError: They do not, or are written in another way.
    """
    shares = _named(text) if "=" in text else _in_order(text)
    total = sum(shares.values())
    if total not in (1, 100):
        raise ExportError(f"Split {text!r} adds up to {float(total):g}, and has to come to 1 or 100: {_REMEDY}.")
    return Proportions(*(shares.get(name, Fraction(0)) / total for name in SPLITS))


def split_of(group: str, proportions: Proportions, seed: int = 0) -> Split:
    """Return the split of a group. The same in every process and version; another `seed` draws anew."""
    name = f"{seed}\n{group}".encode("utf-8", "surrogatepass")
    point = Fraction(int.from_bytes(blake2b(name, digest_size=_POINT_BITS // 8).digest(), "big"), 1 << _POINT_BITS)
    if point < proportions.test:
        return TEST
    return TRAIN if point < 1 - proportions.validation else VALIDATION


def _in_order(text: str) -> dict[Split, Fraction]:
    parts = text.split("/")
    if len(parts) != len(SPLITS):
        raise ExportError(f"Split {text!r} has {len(parts)} shares, not 3: {_REMEDY}.")
    return dict(zip(SPLITS, _numbers(parts, text), strict=True))


def _named(text: str) -> dict[Split, Fraction]:
    pairs = [part.partition("=") for part in text.split(",")]
    names = [name.strip() for name, _, _ in pairs]
    unknown = next((name for name in names if name not in _WORDS), None)
    if unknown is not None:
        raise ExportError(f"Split {text!r} names {unknown!r}: {_REMEDY}.")
    shares = dict(zip([_WORDS[name] for name in names], _numbers([share for _, _, share in pairs], text), strict=True))
    if len(shares) != len(pairs):
        raise ExportError(f"Split {text!r} names a split twice: {_REMEDY}.")
    return shares


def _numbers(parts: Iterable[str], text: str) -> list[Fraction]:
    found = [_NUMBER.fullmatch(part.strip()) for part in parts]
    numbers = [Fraction(match[1]) for match in found if match]
    if len(numbers) != len(found):
        raise ExportError(f"Split {text!r} holds what is no share: {_REMEDY}.")
    return numbers
