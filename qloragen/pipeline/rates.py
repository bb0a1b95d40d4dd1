"""What a cell is likely to cost, by what this run has paid for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property

from ..domain.classifiers import MOST_ASKS
from ..engine.pricing import Price, cost
from ..store.ledger import Account, Bill, total
from ..types import Stage, Usage
from .flow import MAX_GENERATE_ASKS

_MOST_ASKS: Mapping[Stage, int] = {"classify": MOST_ASKS, "generate": MAX_GENERATE_ASKS}


class Rates:
    """Expected cost of cells in USD, calls for a better reply included."""

    def __init__(
        self, bills: Mapping[Account, Bill], prices: Mapping[str, Price | None], settled: Mapping[Stage, int]
    ) -> None:
        """`bills` are the run's own; `prices` are those of its models today, None where unknown; `settled` is how many
        cells the bills of a stage came to."""
        self._bills = bills
        self._prices = prices
        self._settled = settled
        self._known: dict[tuple[Stage, str, str | None], Decimal | None] = {}

    def cell_usd(self, stage: Stage, model: str, slug: str | None = None) -> Decimal | None:
        """Return what a cell costs; `slug` None means any type of the stage. None: nobody knows.

        The nearest bills count: those of the model for this type, those of the model, or the tokens that other models
        were billed for, at the model's own price.
        """
        place = (stage, model, slug)
        if place not in self._known:
            call_usd = self._call_usd(stage, model, slug)
            self._known[place] = None if call_usd is None else call_usd * self._calls_per_cell[stage]
        return self._known[place]

    def classification_usd(self, models: Sequence[str]) -> Decimal | None:
        """Return what a classification costs that may take a call of each of `models`; None: nobody knows.

        Each is called as often as the run's bills say, or once where there are none.
        """
        if not models[1:]:
            return self.cell_usd("classify", models[0])
        usd = Decimal(0)
        for model in models:
            call_usd = self._call_usd("classify", model, None)
            if call_usd is None:
                return None
            usd += call_usd * self._calls_of(model)
        return usd

    def _calls_of(self, model: str) -> Decimal:
        """Return how many calls of `model` a classification takes."""
        calls = total(bill for account, bill in self._of("classify").items() if account.model == model).calls
        cells = self._settled.get("classify", 0)
        return min(Decimal(calls) / cells, Decimal(MOST_ASKS)) if calls and cells else Decimal(1)

    def _call_usd(self, stage: Stage, model: str, slug: str | None) -> Decimal | None:
        billed_usd = self._billed_usd(stage, model, slug)
        return self._priced_usd(stage, model, slug) if billed_usd is None else billed_usd

    def _billed_usd(self, stage: Stage, model: str, slug: str | None) -> Decimal | None:
        of_model = {account: bill for account, bill in self._of(stage).items() if account.model == model}
        for bill in _from_near_to_far(of_model, slug):
            if priced := bill.calls - bill.unpriced_calls:
                return bill.cost_usd / priced
        return None

    def _priced_usd(self, stage: Stage, model: str, slug: str | None) -> Decimal | None:
        price = self._prices.get(model)
        if price is None:
            return None
        for bill in _from_near_to_far(self._of(stage), slug):
            if bill.calls:
                return cost(Usage(*(round(tokens / bill.calls) for tokens in bill.usage)), price)
        return None

    def _of(self, stage: Stage) -> dict[Account, Bill]:
        return {account: bill for account, bill in self._bills.items() if account.stage == stage}

    @cached_property
    def _calls_per_cell(self) -> Mapping[Stage, Decimal]:
        return {stage: self._calls(stage, most) for stage, most in _MOST_ASKS.items()}

    def _calls(self, stage: Stage, most: int) -> Decimal:
        cells, calls = self._settled.get(stage, 0), total(self._of(stage).values()).calls
        # Cells that were given up are on the bills, but not among the settled ones: hence the bound.
        return min(max(Decimal(calls) / cells, Decimal(1)), Decimal(most)) if cells else Decimal(1)


def _from_near_to_far(bills: Mapping[Account, Bill], slug: str | None) -> Iterable[Bill]:
    return (total(bill for account, bill in bills.items() if account.type_slug == slug), total(bills.values()))
