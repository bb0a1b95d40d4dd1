"""Numbers that a text does not have but that follow from its numbers: sums, differences, products and ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, permutations, product
from operator import add, mul, sub
from typing import NamedTuple

from .quantities import Quantity, amount, dimension

_REACH = 45
"""Tokens between a number and what it is worked out from, at most: a sentence or two."""
_MOST = 10
"""Numbers around it that are tried, the nearest ones."""
_EXACT = 1e-6
_FEWEST = 0.5
"""What one number is of another, below which no one would say it but in per cent."""


class _Number(NamedTuple):
    """A plain number."""

    value: float
    amount: float
    """What it comes to in seconds or bytes, where it counts such."""
    counts: str
    """Its dimension; empty where it is not known."""


def follows(quantity: Quantity, said: Sequence[Quantity], known: Sequence[Quantity]) -> bool:
    """Tell whether a number can be worked out from two others, and counts what these give.

    One of them is in `said`, the numbers of its own text that are known or count something in words, and stands nearby;
    the other one does too, or stands beside the first one where that is `known` from.
    """
    if any(other.spelled and other.key == quantity.key for other in said):
        return True
    near = _nearest(quantity, said)
    return any(
        _comes_to(aim, one, other, _precision(quantity.value))
        for aim in _plain((quantity,))
        for one, other in chain(permutations(_plain(near), 2), _with_known(near, known))
    )


def _nearest(quantity: Quantity, others: Sequence[Quantity]) -> Sequence[Quantity]:
    near = [other for other in others if other.at != quantity.at and abs(other.at - quantity.at) <= _REACH]
    near.sort(key=lambda other: abs(other.at - quantity.at))
    return list({(other.key, other.unit): other for other in reversed(near)}.values())[-_MOST:]


def _with_known(near: Sequence[Quantity], known: Sequence[Quantity]) -> Iterator[tuple[_Number, _Number]]:
    """Yield each of `near` with the numbers that stand beside it where it is known from, in both orders."""
    for one in near:
        for there in known:
            if there.key == one.key:
                beside = _nearest(there, known)
                yield from product(_plain((one,)), _plain(beside))
                yield from product(_plain(beside), _plain((one,)))


def _plain(quantities: Iterable[Quantity]) -> Iterator[_Number]:
    """Yield those that are plain numbers, which versions are not."""
    for quantity in quantities:
        try:
            yield _Number(float(quantity.value), amount(quantity), dimension(quantity))
        except ValueError:
            continue


def _precision(value: str) -> float:
    """Return how far a rounded number may be from what it stands for: half of one of its last digit."""
    return 0.501 * 10.0 ** -len(value.partition(".")[2])


def _comes_to(aim: _Number, a: _Number, b: _Number, precision: float) -> bool:
    """Tell whether two numbers, in this order, come to a third one."""
    if a.counts == b.counts:
        if aim.counts in ("", a.counts) and (_meets(aim, a, b, add) or _meets(aim, a, b, sub)):
            return True
        if aim.counts in ("", "times", "%") and _is_ratio(aim, a.amount, b.amount, precision):
            return True
    if b.counts == "%" and aim.counts in ("", a.counts) and _is_part(aim.value, a.value, b.value / 100, precision):
        return True
    if a.counts and b.counts:
        return False
    fits = aim.counts in ("", a.counts or b.counts) or not (a.counts or b.counts)
    return (fits and _meets(aim, a, b, mul)) or (
        aim.counts in ("", a.counts) and _is_ratio(aim, a.value, b.value, precision)
    )


def _meets(aim: _Number, a: _Number, b: _Number, works: Callable[[float, float], float]) -> bool:
    if _exact(aim.amount, works(a.amount, b.amount)):
        return True
    unknown = not aim.counts or not (a.counts or b.counts)
    return unknown and _exact(aim.value, works(a.value, b.value))


def _is_part(aim: float, whole: float, share: float, precision: float) -> bool:
    """Tell whether a number is a share of another one, perhaps added to it or taken from it."""
    return any(abs(whole * times - aim) <= precision for times in (share, 1 + share, 1 - share))


def _exact(one: float, other: float) -> bool:
    return abs(one - other) <= _EXACT * abs(one)


def _is_ratio(aim: _Number, a: float, b: float, precision: float) -> bool:
    """Tell whether a number is what the first one is of the second one, in per cent or in itself, perhaps rounded."""
    if not b:
        return False
    ratio = a / b
    if aim.counts == "%":
        return abs(100 * ratio - aim.value) <= precision
    return ratio >= _FEWEST and abs(ratio - aim.value) <= precision
