"""What a run has come to: for people as a table, for programs as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from .manifest import LastProcess
from .store.ledger import Account, Bill, total
from .store.state import State
from .words import counted

_COLUMNS = ("calls", "prompt", "cached", "completion", "reasoning", "USD")


@dataclass(frozen=True, slots=True)
class Summary:
    """Counts and costs of a run directory, over all the processes that worked in it."""

    classified: int
    """Articles with a classification."""
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
    damaged_lines: int = 0
    articles: int | None = None
    """Articles that the last process took from its source; None while that is not known for certain."""
    skips: Mapping[str, int] = field(default_factory=dict)
    """Reason to number of pieces of the source that the last process could not use."""
    lost_calls: int = 0
    """Calls that broke off without a reply: they may have been billed, and are in no sum."""

    @property
    def total(self) -> Bill:
        """Everything that was paid."""
        return total(self.bills.values())

    @property
    def calls(self) -> int:
        """Replies that were paid for."""
        return self.total.calls

    @property
    def cost_usd(self) -> Decimal | None:
        """The whole cost, or None when the price of some model is unknown."""
        return self.total.total_usd

    def by_model(self) -> dict[tuple[str, str], Bill]:
        """Return the bills summed over types: by model and stage."""
        sums: dict[tuple[str, str], Bill] = {}
        for account, bill in self.bills.items():
            key = (account.model, account.stage)
            sums[key] = sums.get(key, Bill()).plus(bill)
        return sums

    def as_dict(self) -> dict[str, object]:
        """Return the summary as JSON values; costs are decimal strings, or null when a price is unknown."""
        return {
            "articles": self.articles,
            "skipped": dict(self.skips),
            "classified": self.classified,
            "records": self.records,
            "records_by_type": dict(self.records_by_type),
            "rejections": dict(self.rejections),
            "failures": dict(self.failures),
            "unsettled": self.unsettled,
            "lost_calls": self.lost_calls,
            "damaged_lines": self.damaged_lines,
            "total": _bill_fields(self.total),
            "bills": [{**account._asdict(), **_bill_fields(bill)} for account, bill in self.bills.items()],
        }

    def __str__(self) -> str:
        parts = [self._counts(), self._types(), self._costs()]
        return "\n\n".join(part for part in parts if part)

    def _counts(self) -> str:
        rows: list[tuple[str, str]] = []
        if self.articles is not None:
            rows.append(("articles read", str(self.articles)))
        rows += [("skipped", _listed(self.skips))] if self.skips else []
        rows += [("articles classified", str(self.classified)), ("records", str(self.records))]
        rows += [("rejected", _listed(self.rejections))] if self.rejections else []
        rows += [("failed for now", _listed(self.failures))] if self.failures else []
        rows += [("paid, not yet made into records", str(self.unsettled))] if self.unsettled else []
        lost = f"{self.lost_calls} (may have been billed; not in the sums)"
        rows += [("calls that broke off", lost)] if self.lost_calls else []
        rows += [("damaged lines", str(self.damaged_lines))] if self.damaged_lines else []
        width = max(20, *(len(name) for name, _ in rows))
        return "\n".join(f"{name:<{width}} {value}" for name, value in rows)

    def _types(self) -> str:
        if not self.records_by_type:
            return ""
        width = max(map(len, self.records_by_type))
        head = "records by type"
        return "\n".join([head, *(f"  {slug:<{width}} {count:>7}" for slug, count in self.records_by_type.items())])

    def _costs(self) -> str:
        if not self.bills:
            return ""
        rows: list[tuple[str, ...]] = [("model, stage", *_COLUMNS)]
        rows += [(f"{model}, {stage}", *_cells(bill)) for (model, stage), bill in self.by_model().items()]
        rows.append(("total", *_cells(self.total)))
        table = _table(rows)
        unpriced = self.total.unpriced_calls
        if unpriced:
            table += (
                f"\n{counted(unpriced, 'call')} of models whose price is unknown: their cost is not zero, but not "
                "known. Set it with QLORAGEN_MODELS."
            )
        return table


def summarise(state: State, last: LastProcess | None = None, lost_calls: int = 0) -> Summary:
    """Return the summary of what a run's files hold, of what the last process has read, and of the calls that broke off
    in all of them."""
    totals = state.totals
    return Summary(
        classified=totals.classified,
        records=totals.records,
        records_by_type=dict(totals.records_by_type.most_common()),
        rejections=dict(totals.rejections.most_common()),
        failures=dict(totals.failures.most_common()),
        unsettled=totals.unsettled,
        bills=state.ledger.bills,
        damaged_lines=totals.damaged_lines,
        articles=last.articles if last else None,
        skips=last.skipped if last else {},
        lost_calls=lost_calls,
    )


def usd(cost: Decimal | None) -> str:
    """Return a cost for people: dollars with four digits after the point, or `unknown`."""
    return "unknown" if cost is None else f"{cost:.4f}"


def _cells(bill: Bill) -> tuple[str, ...]:
    usage = bill.usage
    tokens = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens)
    return (f"{bill.calls:,}", *(f"{count:,}" for count in tokens), usd(bill.total_usd))


def _bill_fields(bill: Bill) -> dict[str, object]:
    return {
        "calls": bill.calls,
        **bill.usage._asdict(),
        "cost_usd": None if bill.total_usd is None else format(bill.total_usd, "f"),
        "unpriced_calls": bill.unpriced_calls,
    }


def _listed(counts: Mapping[str, int]) -> str:
    return f"{sum(counts.values())} ({', '.join(f'{count} {reason}' for reason, count in counts.items())})"


def _table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
