"""Numbers as people read them on a screen."""

from __future__ import annotations

from collections.abc import Mapping

from ..view import View

_SHORT = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


def number(value: float) -> str:
    """Return a count in full."""
    return f"{value:,.0f}"


def short(value: float) -> str:
    """Return a count in at most five characters, up to a trillion."""
    for unit, letter in _SHORT:
        if value >= max(0.9995 * unit, 9_999.5):
            scaled = value / unit
            return f"{scaled:.0f}{letter}" if scaled >= 99.95 else f"{scaled:.1f}".removesuffix(".0") + letter
    return number(value)


def percent(share: float) -> str:
    """Return a share; one that is not all is never said to be."""
    if 0.995 <= share < 1:
        return "99 %"
    return f"{share:.0%}".replace("%", " %")


def eta_s(view: View) -> float | None:
    """Return in how many seconds all is done; None where that is not known, or where not all will be done."""
    return None if view.stopping is not None else view.eta_s


def listed(counts: Mapping[str, int]) -> str:
    """Return counts by name, the most frequent first."""
    return ", ".join(f"{number(count)} {name}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))
