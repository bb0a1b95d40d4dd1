"""What was counted, as the rows of an estimate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import hypot, sqrt
from typing import NamedTuple

from ..engine.budget import Spending
from ..engine.spec import ModelSpec
from ..pipeline.plan import sum_usd
from ..types import Stage
from .expected import ENDS, End
from .limits import limits_reached
from .loads import Kind, Load
from .modes import Mode
from .outlook import Outlook
from .pace import latencies, pace
from .values import Amount, Count, Item, ModeEstimate


@dataclass(frozen=True, slots=True)
class Prepared:
    """A mode, and what is counted in it."""

    mode: Mode
    specs: Sequence[ModelSpec]
    outlook: Outlook

    @property
    def likely(self) -> Mapping[Kind, Load]:
        """The calls that are likely."""
        return self.outlook.loads["likely"]

    def cost_usd(self, end: End) -> Decimal | None:
        """Return the whole cost at one end of what is expected; None: a price is not known."""
        prices = {spec.name: spec.price for spec in self.specs}
        return sum_usd(load.usd(kind, prices[kind.model]) for kind, load in self.outlook.loads[end].items())


def rows_of(prepared: Sequence[Prepared], sampled_s: Mapping[Stage, float]) -> tuple[ModeEstimate, ...]:
    """Return the modes in order; of the candidates for the cheapest only that one, if nothing else is as cheap."""
    rows = [(_row(one, sampled_s), one.mode.candidate) for one in prepared]
    shown = [row for row, candidate in rows if not candidate]
    priced = [(row.cost_usd.likely, candidate, row) for row, candidate in rows if row.cost_usd]
    if priced:
        _, candidate, cheapest = min(priced, key=lambda found: found[:2])
        shown += [cheapest] if candidate else []
    return tuple(shown)


def latency_words(prepared: Prepared, sampled_s: Mapping[Stage, float]) -> str:
    """Return how long calls are taken to last, and where that is known from."""
    lasts = latencies(prepared.likely, sampled_s)
    said = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in lasts.items())
    return f"{said} ({'as measured' if lasts.keys() <= sampled_s.keys() else 'assumed'})" if said else ""


def notes(prepared: Prepared, spent: Mapping[str, Spending]) -> tuple[str, ...]:
    """Return what is special about the mode that is set, in a run that has spent so much at most already, by model."""
    return (*_notes(prepared), *limits_reached(prepared.mode.settings, _items(prepared), spent))


def _notes(prepared: Prepared) -> Iterator[str]:
    if prepared.mode.settings.base_url:
        yield "Batches, the flex tier and decisions are OpenAI's: other servers may not have them."
    for spec in prepared.specs:
        if spec.family.reasoning_allowance_tokens and not prepared.outlook.seen_thinking(spec.name):
            yield (
                f"{spec.name} thinks before it answers, nobody knows for how many tokens: the range goes from none to "
                f"all of the {spec.family.reasoning_allowance_tokens:,} that a call allows."
            )
        for tier in sorted({kind.tier for kind in prepared.likely if kind.model == spec.name and kind.tier}):
            if spec.price is not None and tier not in spec.price.tiers:
                yield f"No price of {spec.name} is known for {tier}: the standard one is taken."


def _row(prepared: Prepared, sampled_s: Mapping[Stage, float]) -> ModeEstimate:
    outlook = prepared.outlook
    costs = [prepared.cost_usd(end) for end in ENDS]
    away = _away(prepared)
    accepted = [Decimal(outlook.counts[end].accepted) for end in ENDS]
    return ModeEstimate(
        name=prepared.mode.name,
        items=tuple(_items(prepared)),
        cost_usd=_widened(_amount(costs), away.usd),
        usd_per_1000_records=_amount(_per_1000(costs, accepted)),
        calls=_whole([sum(load.calls for load in outlook.loads[end].values()) for end in ENDS], away.calls),
        records=_whole([outlook.counts[end].accepted for end in ENDS], away.records),
        finished=outlook.finished,
        to_classify=outlook.to_classify,
        pace=pace(prepared.likely, prepared.specs, latencies(prepared.likely, sampled_s)),
    )


def _items(prepared: Prepared) -> Iterator[Item]:
    """Yield the calls by model, stage and tier; long prompts are with the others."""
    prices = {spec.name: spec.price for spec in prepared.specs}
    sums: dict[Kind, Load] = {}
    costs: dict[Kind, list[Decimal | None]] = {}
    for kind, load in prepared.likely.items():
        place = kind._replace(long=False)
        sums.setdefault(place, Load()).add(load)
        costs.setdefault(place, []).append(load.usd(kind, prices[kind.model]))
    for kind, load in sums.items():
        usage = load.usage
        yield Item(
            model=kind.model,
            stage=kind.stage,
            tier=kind.tier,
            calls=round(load.calls),
            prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens,
            cache_write_tokens=usage.cache_write_tokens,
            completion_tokens=usage.completion_tokens,
            cost_usd=sum_usd(costs[kind]),
        )


def _per_1000(costs: Sequence[Decimal | None], records: Sequence[Decimal]) -> list[Decimal | None]:
    pairs = zip(costs, records, strict=True)
    return [None if cost is None or not count else 1000 * cost / count for cost, count in pairs]


def _amount(costs: Sequence[Decimal | None]) -> Amount | None:
    """Return sums at the three ends as a range.

    More may cost less: a cache keeps longer prompts only, and of more records each one costs less.
    """
    known = [cost for cost in costs if cost is not None]
    return Amount(min(known), known[ENDS.index("likely")], max(known)) if len(known) == len(ENDS) else None


class _Away(NamedTuple):
    """How far sums over few articles may be from what is likely, only because some articles are unlike the average."""

    records: float
    calls: float
    usd: Decimal


_DEVIATIONS = 2.0
"""Standard deviations to each side: some 95 % of all sums lie within them."""


def _away(prepared: Prepared) -> _Away:
    chance, asked = prepared.outlook.chance, prepared.outlook.counts["likely"].asked
    records = _DEVIATIONS * sqrt(chance.records)
    doubted = _DEVIATIONS * sqrt(chance.doubtful)
    made = [item for item in _items(prepared) if item.stage == "generate"]
    listed = [item for item in _items(prepared) if item.stage == "classify" and item.tier != "decisions"]
    usd = hypot(records * _each(made, asked), doubted * _each(listed, sum(item.calls for item in listed)))
    asks = sum(item.calls for item in made) / asked if asked else 0.0
    return _Away(records, hypot(records * asks, doubted), Decimal(usd))


def _each(items: Sequence[Item], count: float) -> float:
    return sum(float(item.cost_usd or 0) for item in items) / count if count else 0.0


def _widened(amount: Amount | None, away: Decimal) -> Amount | None:
    if amount is None:
        return None
    low, high = ((end - amount.likely) ** 2 + away**2 for end in (amount.low, amount.high))
    return Amount(max(amount.likely - low.sqrt(), Decimal(0)), amount.likely, amount.likely + high.sqrt())


def _whole(counts: Sequence[float], away: float) -> Count:
    low, likely, high = counts
    return Count(
        max(round(likely - hypot(likely - low, away)), 0), round(likely), round(likely + hypot(high - likely, away))
    )
