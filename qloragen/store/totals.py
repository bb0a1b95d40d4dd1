"""Counts of a run's cells by where they stand."""

from __future__ import annotations

from collections import Counter

from pydantic import BaseModel, Field

from .standing import Standing


class Totals(BaseModel):
    """Counts over a whole run directory."""

    classified: int = 0
    """Articles with a classification."""
    records_by_type: Counter[str] = Field(default_factory=Counter)
    """Type slug to records."""
    rejections: Counter[str] = Field(default_factory=Counter)
    """Reason to cells given up for good."""
    failures: Counter[str] = Field(default_factory=Counter)
    """Reason to cells given up for now."""
    unsettled: int = 0
    """Cells with paid replies and without a result."""
    damaged_lines: int = 0
    """Journal lines that could not be read, found by this and earlier openings; they count as absent."""

    @property
    def records(self) -> int:
        """All records."""
        return self.records_by_type.total()

    def moved(self, before: Standing | None, after: Standing) -> None:
        """Take in that a cell stands otherwise now."""
        if before:
            self._count(before, -1)
        self._count(after, 1)

    def _count(self, standing: Standing, change: int) -> None:
        match standing.kind:
            case "types":
                self.classified += change
            case "record":
                _add(self.records_by_type, standing.detail, change)
            case "rejection":
                _add(self.rejections, standing.detail, change)
            case "failure":
                _add(self.failures, standing.detail, change)
        if standing.replies:
            self.unsettled += change


def _add(counts: Counter[str], name: str, change: int) -> None:
    counts[name] += change
    if not counts[name]:
        del counts[name]
