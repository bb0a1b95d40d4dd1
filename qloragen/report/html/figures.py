"""Figures as people read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from ..rows import about
from ..values import Unit

_NO_PRICE = 1e15
"""Dollars from which digits tell nothing any more."""
NONE = "–"
"""Stands where there is nothing to tell."""


def count(value: float | None) -> str:
    """Return a whole number with its thousands apart."""
    return NONE if value is None else f"{value:,.0f}"


def share(value: float | None) -> str:
    """Return a part of 1 in per cent."""
    return NONE if value is None else about(value)


def number(value: float | None) -> str:
    """Return a number with two decimals."""
    return NONE if value is None else f"{value:,.2f}"


def usd(value: Decimal | float | None) -> str:
    """Return dollars: with cents from one dollar on, and with two figures that say something below it."""
    if value is None:
        return NONE
    size = abs(float(value))
    if size >= _NO_PRICE:
        return f"${value:.3g}"
    if size == 0 or size >= 1:
        return f"${value:,.2f}"
    places = next((places for places in range(2, 8) if size >= 10 * 0.1**places), 8)
    return f"${value:.{places}f}"


def span(seconds: float) -> str:
    """Return a length of time in its largest unit that is whole, or nearly."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


_BY_UNIT: Mapping[Unit, Callable[[float | None], str]] = {
    "share": share,
    "count": count,
    "usd": usd,
    "tokens": count,
    "number": number,
}


def measured(value: float | None, unit: Unit) -> str:
    """Return a value of the quality table."""
    return _BY_UNIT[unit](value)


def worded(code: str) -> str:
    """Return a code such as `near_duplicate` as words."""
    return code.replace("_", " ")
