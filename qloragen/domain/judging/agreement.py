"""How far a judge agrees with what is known: counts over controls, and the rates that they come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


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
