"""How far a judge agrees with what is known: counts over controls, and rates with their intervals."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import sqrt
from typing import NamedTuple

_Z = 1.959964
"""Standard deviations on either side that hold 95 % of a normal distribution."""


class Interval(NamedTuple):
    """Where a rate lies, at 95 %."""

    low: float
    high: float


def wilson(hits: int, of: int) -> Interval:
    """Return Wilson's interval of a rate that was found in `of` cases; all from 0 to 1 where there are none."""
    if not of:
        return Interval(0.0, 1.0)
    rate, square = hits / of, _Z * _Z
    middle = (rate + square / (2 * of)) / (1 + square / of)
    half = _Z * sqrt(rate * (1 - rate) / of + square / (4 * of * of)) / (1 + square / of)
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


@dataclass(slots=True)
class Agreement:
    """What a judge said of controls, counted."""

    planted: Counter[str] = field(default_factory=Counter)
    """Kind to controls with a defect of it."""
    caught: Counter[str] = field(default_factory=Counter)
    """Those of them that the judge refused."""
    good: int = 0
    """Controls without a defect."""
    passed: int = 0
    """Those of them that the judge accepted."""

    def add(self, kind: str, *, planted: bool, accepted: bool) -> None:
        """Count a control."""
        if planted:
            self.planted[kind] += 1
            self.caught[kind] += not accepted
        else:
            self.good += 1
            self.passed += accepted

    @property
    def controls(self) -> int:
        """All of them."""
        return self.good + self.planted.total()

    @property
    def recall(self) -> float | None:
        """Share of planted defects that the judge refused."""
        planted = self.planted.total()
        return self.caught.total() / planted if planted else None

    @property
    def precision(self) -> float | None:
        """Share of planted defects in the controls that the judge refused."""
        refused = self.caught.total() + self.good - self.passed
        return self.caught.total() / refused if refused else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond what chance would bring; None where chance brings all of it."""
        whole, planted, caught = self.controls, self.planted.total(), self.caught.total()
        if not whole:
            return None
        refused = caught + self.good - self.passed
        agreed = (caught + self.passed) / whole
        by_chance = (planted * refused + self.good * (whole - refused)) / (whole * whole)
        return (agreed - by_chance) / (1 - by_chance) if by_chance < 1 else None
