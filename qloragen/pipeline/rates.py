"""What a cell is likely to cost, by what this run has paid for others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from ..domain.classifiers import MOST_ASKS
from ..engine.pricing import Price, cost
from ..store.ledger import Account, Bill, total
from ..types import Stage, Usage

_APART = frozenset({"batch", "flex", "decisions"})
"""Tiers that no account has for calls that ask for none."""
_LEFT = frozenset({None, "auto", "default"})
_Tiers = Mapping[tuple[Stage, str], str | None]
_AS_USUAL: _Tiers = MappingProxyType({})


class Rates:
    """Expected cost of cells in USD, calls for a better reply included."""

    def __init__(
        self,
        bills: Mapping[Account, Bill],
        prices: Mapping[str, Price | None],
        settled: Mapping[Stage, int],
        tiers: _Tiers = _AS_USUAL,
        record_asks: int = 2,
    ) -> None:
        """`bills` are the run's own; `prices` are those of its models today, None where unknown; `settled` is how many
        cells the bills of a stage came to; `tiers` says as what calls of a stage and model are to be paid now (see
        `Completion.tier`), where that is not left to the account; `record_asks` is how many replies are asked for one
        record at most."""
        self._bills = bills
        self._prices = prices
        self._settled = settled
        self._tiers = tiers
        self._most_asks: Mapping[Stage, int] = {"classify": MOST_ASKS, "generate": record_asks}
        self._known: dict[tuple[Stage, str, str | None], Decimal | None] = {}

    def cell_usd(self, stage: Stage, model: str, slug: str | None = None) -> Decimal | None:
        """Return what a cell costs; `slug` None means any type of the stage. None: nobody knows.

        The nearest bills count, of what was paid at the same tier: those of the model for this type, or those of the
        model. Where there are none it is the tokens that the model, or else others, were billed for, at the model's
        own price; where that is unknown, what the model has cost at another tier.
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
        tier, price = self._tiers.get((stage, model)), self._prices.get(model)
        of_model = {account: bill for account, bill in self._of(stage).items() if account.model == model}
        alike = {account: bill for account, bill in of_model.items() if _is_alike(account.tier, tier)}
        known_usd = (
            _billed_usd(alike, slug),
            _priced_usd(of_model, slug, price, tier),
            _priced_usd(self._of(stage), slug, price, tier),
            _billed_usd(of_model, slug),
        )
        return next((usd for usd in known_usd if usd is not None), None)

    def _of(self, stage: Stage) -> dict[Account, Bill]:
        return {account: bill for account, bill in self._bills.items() if account.stage == stage}

    @cached_property
    def _calls_per_cell(self) -> Mapping[Stage, Decimal]:
        return {stage: self._calls(stage, most) for stage, most in self._most_asks.items()}

    def _calls(self, stage: Stage, most: int) -> Decimal:
        cells, by_model = self._settled.get(stage, 0), Counter[str]()
        for account, bill in self._of(stage).items():
            by_model[account.model] += bill.calls
        # One classification may take a call of each of several models; what it takes of one is asked for here.
        calls = max(by_model.values(), default=0) if stage == "classify" else by_model.total()
        # Cells that were given up are on the bills, but not among the settled ones: hence the bound.
        return min(max(Decimal(calls) / cells, Decimal(1)), Decimal(most)) if cells else Decimal(1)


def _is_alike(billed: str | None, tier: str | None) -> bool:
    """Whether a call that asks for `tier` is likely to be paid as what one was that is `billed` as such a tier."""
    return billed not in _APART if tier in _LEFT else billed == tier


def _billed_usd(bills: Mapping[Account, Bill], slug: str | None) -> Decimal | None:
    for bill in _from_near_to_far(bills, slug):
        if priced := bill.calls - bill.unpriced_calls:
            return bill.cost_usd / priced
    return None


def _priced_usd(
    bills: Mapping[Account, Bill], slug: str | None, price: Price | None, tier: str | None
) -> Decimal | None:
    if price is None:
        return None
    for bill in _from_near_to_far(bills, slug):
        if bill.calls:
            return cost(Usage(*(round(tokens / bill.calls) for tokens in bill.usage)), price, tier=tier)
    return None


def _from_near_to_far(bills: Mapping[Account, Bill], slug: str | None) -> Iterable[Bill]:
    return (total(bill for account, bill in bills.items() if account.type_slug == slug), total(bills.values()))
