"""What a run may spend, and what it has spent before: from settings and the journal."""

from __future__ import annotations

from collections.abc import Mapping

from .engine.budget import Bounds, Budget, Spending
from .errors import SettingsError
from .settings import Settings
from .store.ledger import Bill, Ledger


def budget_of(settings: Settings, ledger: Ledger) -> Budget:
    """Return the budget of a run, with what its earlier sessions have spent.

    Raises:
        SettingsError: There is a limit in US dollars on calls of which some have no known cost.
    """
    bounds = Bounds(settings.max_cost_usd, settings.max_tokens, settings.max_calls)
    own = {model: Bounds(one.max_cost_usd, one.max_tokens, one.max_calls) for model, one in settings.models.items()}
    if bounds.max_cost_usd is not None:
        _refuse_unpriced(ledger.total(), "this run")
    bills = _by_model(ledger)
    for model, one in own.items():
        if one.max_cost_usd is not None and model in bills:
            _refuse_unpriced(bills[model], model)
    return Budget(bounds, own=own, spent={model: _spending(bill) for model, bill in bills.items()})


def _by_model(ledger: Ledger) -> Mapping[str, Bill]:
    bills: dict[str, Bill] = {}
    for account, bill in ledger.bills.items():
        bills[account.model] = bills.get(account.model, Bill()).plus(bill)
    return bills


def _spending(bill: Bill) -> Spending:
    return Spending(bill.cost_usd, bill.usage.prompt_tokens + bill.usage.completion_tokens, bill.calls)


def _refuse_unpriced(bill: Bill, whose: str) -> None:
    """Refuse to bound a sum that nobody knows."""
    if bill.unpriced_calls:
        raise SettingsError(
            f"{bill.unpriced_calls} calls of {whose} have no known cost, so max_cost_usd cannot be kept: "
            "leave it out, or start in another directory."
        )
