"""The prices of the benchmarks that count money, whatever lists say later: OpenAI's of November 2026, in US dollars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from qloragen.engine import Price
from qloragen.engine.pricing import cost
from qloragen.simulator import Statistics

_DECISIONS = Price(Decimal("0.10"), Decimal(0), Decimal(0), Decimal(0))


def priced(prompt: str, completion: str, cached: str | None = None, cache_write: str | None = None) -> Price:
    """Return a price per million tokens whose flex and batch tiers are half of it."""
    standard = Price(
        Decimal(prompt),
        Decimal(completion),
        None if cached is None else Decimal(cached),
        None if cache_write is None else Decimal(cache_write),
    )
    half = replace(
        standard,
        prompt=standard.prompt / 2,
        completion=standard.completion / 2,
        cached=None if standard.cached is None else standard.cached / 2,
        cache_write=None if standard.cache_write is None else standard.cache_write / 2,
    )
    return replace(standard, tiers={"flex": half, "batch": half})


def _deciding(price: Price) -> Price:
    return replace(price, tiers={**price.tiers, "decisions": _DECISIONS})


PRICES: Mapping[str, Price] = {
    "gpt-6-sol": priced("2", "10", "0.20", "2.50"),
    "gpt-6.1-sol": priced("2", "10", "0.10", "2.50"),
    "gpt-6-luna": _deciding(priced("0.10", "0.50", "0.01", "0.125")),
    "gpt-5.4-mini": priced("0.75", "4.50", "0.075"),
}


def billed_usd(statistics: Statistics, prices: Mapping[str, Price], *, model: str | None = None) -> Decimal:
    """Return what the simulated provider's own bill comes to, of all models or of one; no prompt may be so long that
    it has a price of its own."""
    bills = (
        cost(counts.billed, prices[name], tier=service)
        for service, models in statistics.services.items()
        for name, counts in models.items()
        if model in {None, name}
    )
    return sum(bills, Decimal(0))
