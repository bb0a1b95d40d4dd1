"""What a run has cost, by model, and what of it in vain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from ..store.ledger import Account, Bill, total
from ..store.money import Paid
from .values import InVain, Spent


def spent_on(bills: Mapping[Account, Bill], accepted: int) -> tuple[Spent, ...]:
    """Return what each model has cost, the dearest first."""
    sums: dict[str, Bill] = {}
    for account, bill in bills.items():
        sums[account.model] = sums.get(account.model, Bill()).plus(bill)
    rows = (_spent(model, bill, accepted) for model, bill in sums.items())
    return tuple(sorted(rows, key=lambda row: (-(row.cost_usd or 0), row.model)))


def _spent(model: str, bill: Bill, accepted: int) -> Spent:
    prompt = bill.usage.prompt_tokens
    cached_share = bill.usage.cached_tokens / prompt if prompt else 0.0
    return Spent(model, bill.calls, bill.total_usd, cached_share, per_thousand(bill.total_usd, accepted))


def per_thousand(cost_usd: Decimal | None, accepted: int) -> Decimal | None:
    """Return what 1,000 accepted records cost at this rate; None where it is not known, or there is none."""
    return None if cost_usd is None or not accepted else 1_000 * cost_usd / accepted


def cost_by_type(bills: Mapping[Account, Bill]) -> dict[str, Decimal | None]:
    """Return by slug what the calls for records have cost; None where it is not known."""
    slugs = {account.type_slug for account in bills}
    return {slug: _cost(bills, slug) for slug in slugs if slug is not None}


def _cost(bills: Mapping[Account, Bill], slug: str) -> Decimal | None:
    return total(bill for account, bill in bills.items() if account.type_slug == slug).total_usd


def in_vain(waste: Iterable[tuple[str, Paid]]) -> tuple[InVain, ...]:
    """Return what came to nothing, the dearest first."""
    rows = (InVain(reason, paid.calls, paid.cost_usd, paid.unpriced_calls) for reason, paid in waste)
    return tuple(sorted(rows, key=lambda row: (-row.cost_usd, -row.calls, row.reason)))
