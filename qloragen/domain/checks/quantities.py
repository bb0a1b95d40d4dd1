"""Numbers as they are compared: a value, its unit, and the words that it stands among."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, count
from operator import itemgetter
from typing import NamedTuple

from .tokens import Shape, Word, scaled
from .vocabulary import SCALES, SHORT_ALIKE, UNITS

_REACH = 5
"""Words on either side that tell what a number is about."""
_BESIDE = 0.4
"""How near a word that says nothing is when it touches the number: at, every, to."""
_PART = 0.6
"""What a word in an identifier is worth, of the identifier itself."""
_PARTING: Mapping[Shape, int] = {"end": 2, "wrap": 1}
"""So many words farther away is what belongs to another sentence or line."""


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

    key: str
    """What equal values have in common: 4.0 is 4, and 4.0.1 is not."""

    @property
    def keys(self) -> tuple[str, ...]:
        """What it may mean: 100M are 100 megabytes or 100 million."""
        return (self.key, scaled(self.value, 6)) if self.text[-1:] == "M" else (self.key,)


Surroundings = Mapping[str, float]
"""By stem: how near the word is, 1 for the very next; negative on the left."""


def quantities(words: Sequence[Word]) -> Iterator[Quantity]:
    """Yield the numbers of a text in order; numbers that only count its items or lines are none."""
    for at in compress(count(), map(_VALUE, words)):
        yield quantity_at(words, at)


def places_of_values(words: Sequence[Word]) -> Mapping[str, Sequence[int]]:
    """Return where each value stands, as it is written."""
    found: dict[str, list[int]] = {}
    for at in compress(count(), map(_VALUE, words)):
        found.setdefault(words[at].value, []).append(at)
    return found


def has_numbers(words: Sequence[Word]) -> bool:
    """Tell whether a text has any."""
    return any(map(_VALUE, words))


_VALUE = itemgetter(Word._fields.index("value"))


def quantity_at(words: Sequence[Word], at: int) -> Quantity:
    """Return the number that a word is, with what the words after it make of it."""
    word = words[at]
    value, unit = word.value, word.unit
    spelled = word.shape not in ("number", "code")
    after = _following(words, at)
    zeros = SCALES.get(words[after].text.casefold()) if after else None
    if zeros is not None:
        value = scaled(value, zeros)
        after = _following(words, after)
    if after:
        value = _as_said(value, words, after, spelled=spelled)
    if not unit and after:
        unit = _unit(words[after])
    return Quantity(value, "" if spelled and zeros is None else unit, word.text, spelled, at, value.removesuffix(".0"))


def _unit(word: Word) -> str:
    """Return the unit that a word after a number names; letters and `cent` mean nothing elsewhere, or a hundred."""
    if word.text in ("Cent", "cent"):
        return _CENT
    return word.unit or (UNITS.get(word.text, "") if len(word.text) == 1 else "")


_NOON = 12
_AFTER_NOON = frozenset(("pm", "p.m"))
_AND_A = 3
"""Words from a number to the half that is added to it: two and a half, deux et demi, dos y medio."""


def _as_said(value: str, words: Sequence[Word], after: int, *, spelled: bool) -> str:
    """Return the value of a number with what the words after it make of it: 8 p.m., two and a half."""
    if words[after].text.casefold() in _AFTER_NOON and value.isdecimal() and int(value) < _NOON:
        return str(int(value) + _NOON)
    if spelled and value.isdecimal():
        for word in words[after : after + _AND_A]:
            if word.value == "0.5":
                return f"{value}.5" if word is not words[after] else value
            if word.key or word.shape != "word":
                break
    return value


def _following(words: Sequence[Word], at: int) -> int:
    """Return where the next word is, perhaps on the next line; 0 if there is none."""
    after = at + 1
    if after < len(words) and words[after].shape == "wrap":
        after += 1
    return after if after < len(words) else 0


class Neighbour(NamedTuple):
    """A word beside a number."""

    near: float
    """How near it is: 1 for the very next; negative on the left."""
    keys: tuple[str, ...]
    """The stems by which it may be known."""


def neighbours(words: Sequence[Word], quantity: Quantity) -> list[Neighbour]:
    """Return the words around a number that say something, and those that touch it."""
    at = quantity.at
    right, left = words[at + 1 : at + 1 + 3 * _REACH], words[max(at - 3 * _REACH, 0) : at][::-1]
    found = [*_collected(right, 1.0), *_collected(left, -1.0)]
    if quantity.unit and (words[at].unit or not (right and right[0].stem)):
        found.append(Neighbour(1.0, (quantity.unit,)))
    for side, beside in ((_BESIDE, right[:1]), (-_BESIDE, left[:1])):
        if beside and not beside[0].stem and beside[0].text[:1].isalpha():
            found.append(Neighbour(side, (beside[0].text.lower(),)))
    return found


def surroundings(words: Sequence[Word], quantity: Quantity) -> Surroundings:
    """Return the same by stem, the parts of identifiers being worth less."""
    found: dict[str, float] = {}
    for near, keys in neighbours(words, quantity):
        found.setdefault(keys[0], near)
        for key in keys[1:]:
            found.setdefault(key, _PART * near)
    return found


def _collected(words: Sequence[Word], side: float) -> Iterator[Neighbour]:
    distance = 1
    for word in words:
        if word.stem and not word.value:
            unit = word.unit or UNITS.get(word.text, "")
            yield Neighbour(side / distance, (unit,) if unit else word.parts)
            distance += 1
            if distance > _REACH:
                return
        elif word.shape == "line":
            return
        elif word.shape in _PARTING:
            distance += _PARTING[word.shape]


def may_be_one_unit(one: str, other: str) -> bool:
    """Tell whether two numbers may count the same, going by their units."""
    return one == other or not one or not other or any({one, other} <= units for units in SHORT_ALIKE)


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
_APART = 3
"""Tokens from one part of a length of time to the next, at most: 3 minutes and 20 seconds."""


def lengths(found: Iterable[Quantity]) -> Iterator[tuple[Quantity, Quantity, Quantity]]:
    """Yield each length of time that is said in two parts: all of it in seconds, and the parts."""
    before = None
    for quantity in found:
        if (
            before is not None
            and quantity.at - before.at <= _APART
            and _SECONDS.get(before.unit, 0.0) > _SECONDS.get(quantity.unit, float("inf"))
        ):
            total = _total(before, quantity)
            if total:
                yield before._replace(value=total, key=total, unit="second", spelled=False), before, quantity
        before = quantity


def _total(one: Quantity, other: Quantity) -> str:
    try:
        return f"{amount(one) + amount(other):g}"
    except ValueError:
        return ""


_BYTES = {"byte": 0, "kilobyte": 1, "megabyte": 2, "gigabyte": 3, "terabyte": 4}
_CENT = "cent"
_NEAR = 0.011
"""Amounts may be rounded by so much."""


def amount(quantity: Quantity) -> float:
    """Return what a number comes to in seconds or bytes, where it counts such; what it is otherwise.

    Raises:
        ValueError: it is no plain number.
    """
    value = float(quantity.value)
    if quantity.unit in _BYTES:
        return value * 1_000.0 ** _BYTES[quantity.unit]
    return value * _SECONDS.get(quantity.unit, 1.0)


def dimension(quantity: Quantity) -> str:
    """Return what a number counts: time, bytes, another unit, or nothing that is known."""
    unit = quantity.unit
    return "time" if unit in _SECONDS else "bytes" if unit in _BYTES else unit


def equal_amounts(one: Quantity, other: Quantity) -> bool:
    """Tell whether two numbers say the same in different units: 900 seconds and 15 minutes, 20 % and 0.2."""
    units = (one.unit, other.unit)
    return (all(units) or "%" in units or _CENT in units) and _come_to_the_same(one, other)


def _come_to_the_same(one: Quantity, other: Quantity) -> bool:
    try:
        a, b = float(one.value), float(other.value)
    except ValueError:
        return False
    if one.unit in _SECONDS and other.unit in _SECONDS:
        return _close(a * _SECONDS[one.unit], b * _SECONDS[other.unit])
    if one.unit in _BYTES and other.unit in _BYTES:
        steps = _BYTES[one.unit] - _BYTES[other.unit]
        return any(_close(a * base**steps, b) for base in (1_000, 1_024))
    if _CENT in (one.unit, other.unit):
        return _close(a / 100 if one.unit == _CENT else a, b / 100 if other.unit == _CENT else b)
    if one.unit == "%" and not other.unit:
        return _close(a, 100 * b) or (other.spelled and b > 1 and _close(a, 100 / b))
    return other.unit == "%" and (_close(100 * a, b) or (one.spelled and a > 1 and _close(100 / a, b)))


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= _NEAR * max(abs(one), abs(other))
