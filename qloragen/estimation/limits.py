"""Which limits a run is likely to reach before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from ..bounds import bounds_of
from ..engine.budget import NOTHING, Bounds, Spending
from ..settings import Settings
from .text import usd
from .values import Item


def limits_reached(settings: Settings, items: Iterable[Item], spent: Mapping[str, Spending]) -> Iterator[str]:
    """Yield a sentence for each limit that leaves less than `items`, the likely calls, come to.

    `spent` is what the run has spent already, by model.
    """
    likely: dict[str, Spending] = {}
    for item in items:
        come = Spending(item.cost_usd or Decimal(0), item.prompt_tokens + item.completion_tokens, item.calls)
        likely[item.model] = likely.get(item.model, NOTHING).plus(come)
    of_run, own = bounds_of(settings)
    yield from _reached("", of_run, _sum(spent.values()), _sum(likely.values()))
    for model, bounds in own.items():
        yield from _reached(f" of {model}", bounds, spent.get(model, NOTHING), likely.get(model, NOTHING))


def _sum(spendings: Iterable[Spending]) -> Spending:
    whole = NOTHING
    for spending in spendings:
        whole = whole.plus(spending)
    return whole


def _reached(whose: str, bounds: Bounds, spent: Spending, likely: Spending) -> Iterator[str]:
    limit_usd = bounds.max_cost_usd
    if limit_usd is not None and spent.usd + likely.usd > limit_usd:
        yield _sentence(f"max_cost_usd{whose} (${limit_usd:f})", f"${usd(max(limit_usd - spent.usd, Decimal(0)))}")
    for name, limit, gone, more in (
        ("max_tokens", bounds.max_tokens, spent.tokens, likely.tokens),
        ("max_calls", bounds.max_calls, spent.calls, likely.calls),
    ):
        if limit is not None and gone + more > limit:
            yield _sentence(f"{name}{whose} ({limit:,})", f"{max(limit - gone, 0):,}")


def _sentence(limit: str, left: str) -> str:
    return (
        f"Of {limit} {left} is left, less than is likely to be needed: the run would stop on its way, and go on when "
        "the limit is raised."
    )
