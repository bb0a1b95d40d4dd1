"""What a run may spend, and what it has spent before: from settings and the journal."""

from __future__ import annotations

from collections import defaultdict

from .engine.budget import NOTHING, Bounds, Budget, Spending
from .errors import SettingsError
from .settings import Settings
from .store.ledger import Ledger


def budget_of(settings: Settings, ledger: Ledger) -> Budget:
    """Return the budget of a run, with what its earlier sessions have spent; lost calls count at their worst.

    Raises:
        SettingsError: There is a limit in US dollars on calls of which some have no known cost.
    """
    bounds, own = bounds_of(settings)
    unpriced = _unpriced(ledger)
    if bounds.max_cost_usd is not None and unpriced:
        raise _not_kept(f"{sum(unpriced.values())} calls of this run")
    for model, one in own.items():
        if one.max_cost_usd is not None and model in unpriced:
            raise _not_kept(f"{unpriced[model]} calls of {model}")
    return Budget(bounds, own=own, spent=spent_of(ledger))


def bounds_of(settings: Settings) -> tuple[Bounds, dict[str, Bounds]]:
    """Return what the whole run may spend, and each model."""
    own = {model: Bounds(one.max_cost_usd, one.max_tokens, one.max_calls) for model, one in settings.models.items()}
    return Bounds(settings.max_cost_usd, settings.max_tokens, settings.max_calls), own


def spent_of(ledger: Ledger) -> dict[str, Spending]:
    """Return what has been spent at most, by model."""
    spent: defaultdict[str, Spending] = defaultdict(lambda: NOTHING)
    for account, bill in ledger.bills.items():
        tokens = bill.usage.prompt_tokens + bill.usage.completion_tokens + bill.worst_tokens
        most = Spending(bill.cost_usd + bill.worst_usd, tokens, bill.calls)
        spent[account.model] = spent[account.model].plus(most)
    for place, lost in ledger.lost.items():
        unbilled = lost.calls - lost.billed_calls
        spent[place.model] = spent[place.model].plus(Spending(lost.worst_usd, lost.worst_tokens, unbilled))
    return dict(spent)


def _unpriced(ledger: Ledger) -> dict[str, int]:
    """Return how many calls may have cost anything, by model."""
    unpriced: dict[str, int] = {}
    for account, bill in ledger.bills.items():
        if unbounded := bill.unpriced_calls - bill.bounded_calls:
            unpriced[account.model] = unpriced.get(account.model, 0) + unbounded
    for place, lost in ledger.lost.items():
        if lost.unpriced_calls:
            unpriced[place.model] = unpriced.get(place.model, 0) + lost.unpriced_calls
    return unpriced


def _not_kept(calls: str) -> SettingsError:
    return SettingsError(
        f"{calls} have no known cost, so max_cost_usd cannot be kept: leave it out, or start in another directory."
    )
