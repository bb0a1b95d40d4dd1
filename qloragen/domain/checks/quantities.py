"""Numbers as they are compared: a value, its unit, and the words that it stands among."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from .tokens import Word, scaled
from .vocabulary import SCALES, UNITS
from .words import Words

_REACH = 5
"""Words on either side that tell what a number is about."""
_BESIDE = 0.4
"""How near a word that says nothing is when it touches the number: at, every, to."""
_PART = 0.6
"""What a word in an identifier is worth, of the identifier itself."""
_BREAK = 2
"""So many words farther away is what belongs to another sentence."""


class Quantity(NamedTuple):
    """A number in a text."""

    value: str
    unit: str
    """Empty where it has none that is known."""
    text: str
    """As it is written."""
    spelled: bool
    """It is written as a word."""
    at: int
    """Which token it is."""

    @property
    def key(self) -> str:
        """What equal values have in common: 4.0 is 4, and 4.0.1 is not."""
        return self.value.removesuffix(".0")

    @property
    def keys(self) -> tuple[str, ...]:
        """What it may mean: 100M are 100 megabytes or 100 million."""
        return (self.key, scaled(self.value, 6)) if self.text[-1:] == "M" else (self.key,)


Neighbours = Mapping[str, float]
"""By stem: how near the word is, 1 for the very next; negative on the left."""


def quantities(words: Words) -> Iterator[Quantity]:
    """Yield the numbers of a text in order; numbers that only count its items or lines are none."""
    listed = words.words
    for at, word in enumerate(listed):
        if word.value:
            yield _quantity(listed, at, word)


def _quantity(words: Sequence[Word], at: int, word: Word) -> Quantity:
    value, unit = word.value, word.unit
    spelled = word.shape not in ("number", "code")
    following = words[at + 1] if at + 1 < len(words) else None
    if following is not None and not spelled:
        zeros = SCALES.get(following.text.casefold())
        if zeros is not None:
            value = scaled(value, zeros)
            following = words[at + 2] if at + 2 < len(words) else None
    if not unit and following is not None:
        unit = following.unit or (UNITS.get(following.text, "") if len(following.text) == 1 else "")
    return Quantity(value, "" if spelled else unit, word.text, spelled, at)


def neighbours(words: Sequence[Word], quantity: Quantity, *, known: bool) -> Neighbours:
    """Return the words around a number that say something; in a text that is `known`, the parts of identifiers too.

    Only there, so that one identifier that both texts have does not count for several words.
    """
    found: dict[str, float] = {}
    at = quantity.at
    right, left = words[at + 1 : at + 1 + 3 * _REACH], words[max(at - 3 * _REACH, 0) : at][::-1]
    parts = _PART if known else 0.0
    _collect(found, right, 1.0, parts)
    _collect(found, left, -1.0, parts)
    if quantity.unit:
        found[quantity.unit] = 1.0
    for side, beside in ((_BESIDE, right[:1]), (-_BESIDE, left[:1])):
        if beside and not beside[0].stem and beside[0].text[:1].isalpha():
            found.setdefault(beside[0].text.lower(), side)
    return found


def _collect(found: dict[str, float], words: Sequence[Word], side: float, parts: float) -> None:
    distance = 1
    for word in words:
        if word.stem and not word.value:
            found.setdefault(word.unit or word.stem, side / distance)
            if parts:
                for part in word.parts[1:]:
                    found.setdefault(part, parts * side / distance)
            distance += 1
            if distance > _REACH:
                break
        elif word.shape == "line":
            break
        elif word.shape == "end":
            distance += _BREAK


_SECONDS = {
    "nanosecond": 1e-9,
    "microsecond": 1e-6,
    "millisecond": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3_600.0,
    "day": 86_400.0,
    "week": 604_800.0,
}
_BYTES = {"byte": 0, "kilobyte": 1, "megabyte": 2, "gigabyte": 3, "terabyte": 4}
_NEAR = 0.011
"""Amounts may be rounded by so much."""


def equal_amounts(one: Quantity, other: Quantity) -> bool:
    """Tell whether two numbers say the same in different units: 900 seconds and 15 minutes, 20 % and 0.2."""
    try:
        a, b = float(one.value), float(other.value)
    except ValueError:
        return False
    if one.unit in _SECONDS and other.unit in _SECONDS:
        return _close(a * _SECONDS[one.unit], b * _SECONDS[other.unit])
    if one.unit in _BYTES and other.unit in _BYTES:
        steps = _BYTES[one.unit] - _BYTES[other.unit]
        return any(_close(a * base**steps, b) for base in (1_000, 1_024))
    if one.unit == "%" or other.unit == "%":
        return _close(a, 100 * b) if one.unit == "%" else _close(100 * a, b)
    return False


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(abs(one), abs(other))
