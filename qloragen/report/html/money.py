"""What the records have cost."""

from __future__ import annotations

from ..values import InVain, Report, Spent
from .elements import Html, element
from .figures import count, share, usd, worded
from .tables import Column, section, table

_MODELS = (
    Column("Model"),
    Column("Calls", "n"),
    Column("Cost", "n"),
    Column("Cached", "n", "Share of the prompt tokens that were read from the provider's cache"),
    Column("Per 1,000 records", "n", "Accepted ones"),
)
_IN_VAIN = (
    Column("Reason"),
    Column("Calls", "n"),
    Column("Cost", "n"),
    Column("Without a price", "n", "Calls whose cost is not known"),
)


def money(report: Report) -> Html:
    """Return the cost by model, and what was paid for nothing."""
    said = f"{usd(report.cost_usd)} in all, {usd(report.per_thousand_usd)} per 1,000 accepted records."
    spent = table("Cost by model", _MODELS, map(_spent, report.spent))
    vain = (table("Paid in vain, as part of that", _IN_VAIN, map(_in_vain, report.in_vain)),) if report.in_vain else ()
    return section("Cost", element("div", spent, *vain, class_="figures"), said=said)


def _spent(row: Spent) -> tuple[str, ...]:
    return row.model, count(row.calls), usd(row.cost_usd), share(row.cached_share), usd(row.per_thousand_usd)


def _in_vain(row: InVain) -> tuple[str, ...]:
    return worded(row.reason), count(row.calls), usd(row.cost_usd), count(row.unpriced_calls)
