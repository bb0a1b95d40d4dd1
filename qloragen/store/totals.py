"""Counts of a run's cells by where they stand, and of the money by what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from pydantic import BaseModel, Field

from .money import NO_MONEY, NOTHING, Paid, total_paid
from .standing import Standing


class Totals(BaseModel):
    """Counts over a whole run directory."""

    classified: int = 0
    """Classifications: one for each article and way to classify it."""
    records_by_type: Counter[str] = Field(default_factory=Counter)
    """Type slug to records."""
    judgements: Counter[str] = Field(default_factory=Counter)
    """`accepted`, `refused` or `control` to judgements."""
    rejections: Counter[str] = Field(default_factory=Counter)
    """Reason to cells given up for good."""
    failures: Counter[str] = Field(default_factory=Counter)
    """Reason to cells given up for now."""
    unsettled: int = 0
    """Cells with paid replies and without a result."""
    taken: dict[str, Paid] = Field(default_factory=dict)
    """See the properties `useful` and `pending`; a field takes a microsecond to set."""
    waste: dict[str, Paid] = Field(default_factory=dict)
    """Reason to calls that came to nothing, as far as it is known what they were billed for."""
    damaged_lines: int = 0
    """Journal lines that could not be read, found by this and earlier openings; they count as absent."""

    @property
    def records(self) -> int:
        """All records."""
        return self.records_by_type.total()

    @property
    def useful(self) -> Paid:
        """Replies that records and classifications were made of."""
        return self.taken.get("useful", NOTHING)

    @property
    def pending(self) -> Paid:
        """Replies to cells that are not settled."""
        return self.taken.get("pending", NOTHING)

    @property
    def paid(self) -> Paid:
        """Everything that was paid: what the ledger has as its total."""
        return total_paid((self.useful, self.pending, *self.waste.values()))

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
            case "judgement":
                _add(self.judgements, standing.detail, change)
            case "rejection":
                _add(self.rejections, standing.detail, change)
            case "failure":
                _add(self.failures, standing.detail, change)
        if standing.replies:
            self.unsettled += change
        if standing.money is not NO_MONEY:
            self._book(standing, Paid.plus if change > 0 else Paid.minus)

    def _book(self, standing: Standing, change: Callable[[Paid, Paid], Paid]) -> None:
        money = standing.money
        if standing.settled:
            _book(self.taken, "useful", change, money.left)
        else:
            _book(self.taken, "pending", change, money.paid)
        if not money.is_simple:
            for reason, paid in money.wasted:
                _book(self.waste, reason, change, paid)


def _book(sums: dict[str, Paid], name: str, change: Callable[[Paid, Paid], Paid], paid: Paid) -> None:
    after = change(sums.get(name, NOTHING), paid)
    if after.calls or after != NOTHING:
        sums[name] = after
    else:
        sums.pop(name, None)


def _add(counts: Counter[str], name: str, change: int) -> None:
    counts[name] += change
    if not counts[name]:
        del counts[name]
