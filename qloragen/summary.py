"""What a run has come to: for people as tables, for programs as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from .costs import (
    ByTier,
    bill_fields,
    bill_table,
    by_tier,
    dollars,
    lost_fields,
    lost_said,
    paid_fields,
    prices_said,
    waste_fields,
    waste_table,
)
from .manifest import LastProcess
from .store.ledger import Account, Bill, LostAccount, LostSum, total, total_lost
from .store.money import NOTHING, Paid
from .store.state import State
from .words import counted, table

LISTED_BATCHES = 10
"""So many are shown one by one."""


class BatchLeft(NamedTuple):
    """A batch that has not been collected, as far as the journal tells."""

    id: str | None
    """The provider's; None: it is not known to have arrived there."""
    model: str
    requests: int
    asked: datetime
    """When it was made (UTC)."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and costs of a run directory, over all the processes that worked in it."""

    classified: int
    """Classifications: one for each article and way to classify it."""
    records: int
    records_by_type: Mapping[str, int]
    """Type slug to number of records."""
    rejections: Mapping[str, int]
    """Reason to number of cells given up for good."""
    failures: Mapping[str, int]
    """Reason to number of cells given up until the next run."""
    unsettled: int
    """Cells that were paid for and came to nothing yet: the next run reads their replies again, or asks again."""
    bills: Mapping[Account, Bill]
    """What was paid, by model, stage and type."""
    useful: Paid = NOTHING
    """What of the bills was for records and classifications."""
    pending: Paid = NOTHING
    """What of the bills was for cells that came to nothing yet."""
    waste: Mapping[str, Paid] = field(default_factory=dict)
    """Reason to what of the bills was paid in vain: replies that could not be used, cells that were given up, articles
    that no type applies to, lost calls whose bill is known. With `useful` and `pending` it is all of the bills."""
    lost: Mapping[LostAccount, LostSum] = field(default_factory=dict)
    """Calls that brought no reply, by model and reason; what those of unknown cost have cost is on no bill."""
    prices: Mapping[str, str] = field(default_factory=dict)
    """Model to where its price comes from, and of when it is."""
    batches: tuple[BatchLeft, ...] = ()
    """Batches that have not been collected: they go on at the provider, whoever works here."""
    judgements: Mapping[str, int] = field(default_factory=dict)
    """Of a judge's directory: `accepted`, `refused` or `control` to number of judgements."""
    damaged_lines: int = 0
    articles: int | None = None
    """Articles that the last process took from its source; None while that is not known for certain."""
    skips: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of pieces of the source that the last process could not use."""

    @property
    def lost_calls(self) -> int:
        """Calls that brought no reply, and were or may have been billed."""
        return total_lost(self.lost.values()).calls

    @property
    def total(self) -> Bill:
        """Everything that was paid."""
        return total(self.bills.values())

    @property
    def calls(self) -> int:
        """Calls that were paid for."""
        return self.total.calls

    @property
    def cost_usd(self) -> Decimal | None:
        """The whole cost, or None when the price of some model is unknown."""
        return self.total.total_usd

    def by_model(self) -> ByTier:
        """Return the bills summed over types: by model, stage and tier."""
        return by_tier(self.bills)

    def as_dict(self) -> dict[str, object]:
        """Return the summary as JSON values; costs are decimal strings, or null when a price is unknown."""
        return {
            "articles": self.articles,
            "skipped": dict(self.skips),
            "classified": self.classified,
            "records": self.records,
            "records_by_type": dict(self.records_by_type),
            "judgements": dict(self.judgements),
            "rejections": dict(self.rejections),
            "failures": dict(self.failures),
            "unsettled": self.unsettled,
            "lost_calls": lost_fields(self.lost),
            "damaged_lines": self.damaged_lines,
            "batches": [{**batch._asdict(), "asked": batch.asked.isoformat()} for batch in self.batches],
            "total": bill_fields(self.total),
            "bills": [{**account._asdict(), **bill_fields(bill)} for account, bill in self.bills.items()],
            "useful": paid_fields(self.useful),
            "pending": paid_fields(self.pending),
            "waste": [{"reason": reason, **waste_fields(paid, self.total)} for reason, paid in self.waste.items()],
            "prices": dict(self.prices),
        }

    def __str__(self) -> str:
        parts = [self._counts(), self._batches(), self._types(), self._costs(), self._waste(), self._prices()]
        return "\n\n".join(part for part in parts if part)

    def _counts(self) -> str:
        rows: list[tuple[str, str]] = []
        if self.articles is not None:
            rows.append(("articles read", str(self.articles)))
        rows += [("skipped", _listed(self.skips))] if self.skips else []
        made = [("classifications", str(self.classified)), ("records", str(self.records))]
        rows += [("judgements", _listed(self.judgements))] if self.judgements else made
        rows += [("rejected", _listed(self.rejections))] if self.rejections else []
        rows += [("failed for now", _listed(self.failures))] if self.failures else []
        pending = f"{self.unsettled} ({dollars(self.pending.cost_usd, self.pending.unpriced_calls)})"
        rows += [("paid, not yet made into records", pending)] if self.unsettled else []
        rows += [("calls that broke off", lost_said(self.lost))] if self.lost else []
        left = f"{batches_left(self.batches)}: the same command collects them"
        rows += [("batches at the provider", left)] if self.batches else []
        damaged = f"{self.damaged_lines}: bills that were in them are in no sum"
        rows += [("damaged lines", damaged)] if self.damaged_lines else []
        width = max(20, *(len(name) for name, _ in rows))
        return "\n".join(f"{name:<{width}} {value}" for name, value in rows)

    def _batches(self) -> str:
        if not self.batches:
            return ""
        oldest = self.batches[:LISTED_BATCHES]
        rows = [
            (batch.id or "not known to have arrived", batch.model, str(batch.requests), f"{batch.asked:%Y-%m-%d %H:%M}")
            for batch in oldest
        ]
        more = len(self.batches) - len(oldest)
        return table([("batch", "model", "requests", "made, UTC"), *rows]) + (f"\nand {more} more" if more else "")

    def _types(self) -> str:
        if not self.records_by_type:
            return ""
        width = max(map(len, self.records_by_type))
        head = "records by type"
        return "\n".join([head, *(f"  {slug:<{width}} {count:>7}" for slug, count in self.records_by_type.items())])

    def _costs(self) -> str:
        return bill_table(self.bills) if self.bills else ""

    def _waste(self) -> str:
        return waste_table(self.waste, self.total) if self.waste else ""

    def _prices(self) -> str:
        return f"prices\n{prices_said(self.prices)}" if self.prices and self.bills else ""


def batches_left(batches: Sequence[BatchLeft]) -> str:
    """Return in words how many batches there are, with how many requests."""
    requests = sum(batch.requests for batch in batches)
    return f"{counted(len(batches), 'batch', 'batches')} with {counted(requests, 'request')}"


def going_on(batches: Sequence[BatchLeft]) -> str:
    """Return a sentence about what goes on at the provider; empty without batches."""
    go = "goes" if len(batches) == 1 else "go"
    return f"{batches_left(batches)} {go} on at the provider." if batches else ""


def summarise(
    state: State, last: LastProcess | None = None, prices: Mapping[str, str] = MappingProxyType({})
) -> Summary:
    """Return the summary of what a run's files hold, of what the last process has read, and where `prices` are from."""
    totals = state.totals
    return Summary(
        classified=totals.classified,
        records=totals.records,
        records_by_type=dict(totals.records_by_type.most_common()),
        judgements=dict(totals.judgements.most_common()),
        rejections=dict(totals.rejections.most_common()),
        failures=dict(totals.failures.most_common()),
        unsettled=totals.unsettled,
        bills=state.ledger.bills,
        damaged_lines=totals.damaged_lines,
        articles=last.articles if last else None,
        skips=last.skipped if last else {},
        useful=totals.useful,
        pending=totals.pending,
        waste=dict(sorted(totals.waste.items())),
        lost=state.ledger.lost,
        prices=prices,
        batches=tuple(BatchLeft(one.batch, one.model, one.requests, one.asked) for one in state.submissions.open()),
    )


def _listed(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values())} ({', '.join(f'{count} {reason}' for reason, count in counts.items())})"
