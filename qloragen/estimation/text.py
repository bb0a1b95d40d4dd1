"""An estimate for people who will pay for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from math import ceil

from ..words import counted, duration, table
from .pace import Pace
from .values import Amount, Count, Item, ModeEstimate

_COLUMNS = ("calls", "prompt tokens", "cached", "completion", "USD")
_FIGURES = 2
"""Digits of a sum below a dollar that mean something in an estimate."""


def calls_table(mode: ModeEstimate) -> str:
    """Return what is asked of each model, and what it costs."""
    rows: list[tuple[str, ...]] = [("model, purpose", *_COLUMNS)]
    rows += [(_name(item), *_cells([item], item.cost_usd)) for item in mode.items]
    rows.append(("total", *_cells(mode.items, mode.cost_usd.likely if mode.cost_usd else None)))
    return table(rows)


def modes_table(modes: Sequence[ModeEstimate]) -> str:
    """Return the modes side by side, the first one as the measure of the others; below, what long names stand for."""
    chosen = modes[0].cost_usd
    rows: list[tuple[str, ...]] = [("mode", "USD", "per 1,000 records", "relative", "time")]
    for mode in modes:
        per_1000, cost = mode.usd_per_1000_records, mode.cost_usd
        relative = f"{cost.likely / chosen.likely:.0%}" if cost and chosen and chosen.likely else "unknown"
        rows.append((_short(mode.name), _likely(cost), _likely(per_1000), relative, _takes(mode.pace)))
    spelt_out = (mode.name for mode in modes if mode.name != _short(mode.name))
    return "\n".join([table(rows), *spelt_out])


def about(facts: Mapping[str, str]) -> str:
    """Return facts one below the other, each after its name; further lines of a fact are as far to the right."""
    width = max(map(len, facts)) + 2
    lines = (f"{name:<{width}}{fact}".replace("\n", "\n" + width * " ") for name, fact in facts.items() if fact)
    return "\n".join(lines)


def usd(sum_usd: Decimal | None) -> str:
    """Return a sum that is only estimated: in dollars and cents, with more digits where it is small."""
    if sum_usd is None:
        return "unknown"
    if sum_usd >= 1 or not sum_usd:
        return f"{sum_usd:,.2f}"
    return f"{sum_usd:.{_FIGURES - 1 - sum_usd.adjusted()}f}"


def usd_range(amount: Amount | None, unknown: Sequence[str]) -> str:
    """Return a sum with its range; where it is not known, which models' prices are missing."""
    if amount is None:
        return f"unknown: no price is known for {', '.join(unknown)} (set it with --set models=...)"
    return f"${usd(amount.likely)} (${usd(amount.low)} to ${usd(amount.high)})"


def count_range(count: Count) -> str:
    """Return a number of things with its range."""
    return f"{count.likely:,} ({count.low:,} to {count.high:,})"


def time(pace: Pace) -> str:
    """Return how long it takes, and which limit decides that."""
    if pace.batched_stages:
        return f"{_takes(pace)}: {counted(pace.batched_stages, 'stage')} in batches, a day each at most"
    if pace.binding is None:
        return "unknown: it depends on the limits of your account; give them with --rpm and --tpm"
    model, limit = pace.binding
    return f"{_takes(pace)}; the limit that binds: {limit} of {model}"


def _takes(pace: Pace) -> str:
    """Return how long it takes."""
    if pace.batched_stages:
        return f"up to {24 * pace.batched_stages} h"
    if pace.seconds is None:
        return "unknown"
    return f"about {duration(pace.seconds)}"


def hourly(pace: Pace) -> str:
    """Return which limits would let it be done in an hour."""
    return "; ".join(
        f"{need.model} {ceil(need.hourly_rpm):,} RPM, {ceil(need.hourly_tpm):,} TPM" for need in pace.needs
    )


def _short(name: str) -> str:
    """Return the name of a mode without what follows a colon: many flags make a table too wide to be read."""
    return name.partition(": ")[0]


def _likely(amount: Amount | None) -> str:
    return usd(amount.likely if amount else None)


def _name(item: Item) -> str:
    return f"{item.model}, {item.stage}{f' ({item.tier})' if item.tier else ''}"


def _cells(items: Sequence[Item], cost_usd: Decimal | None) -> tuple[str, ...]:
    prompt = sum(item.prompt_tokens for item in items)
    read = sum(item.cached_tokens for item in items)
    return (
        f"{sum(item.calls for item in items):,}",
        f"{prompt:,}",
        f"{read / prompt if prompt else 0:.0%}",
        f"{sum(item.completion_tokens for item in items):,}",
        usd(cost_usd),
    )
