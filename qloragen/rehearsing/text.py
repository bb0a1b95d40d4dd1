"""A rehearsal for people who are about to pay for the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from math import ceil
from textwrap import fill

from ..engine.bound import Bound
from ..engine.statistics import ModelStatistics
from ..words import table
from .observed import Moment, Observed
from .values import Binding, Cpu

_WIDTH, _COLUMNS, _INDENT = 100, 60, 2
_LEVELS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#%"
PLAIN = str.maketrans(_LEVELS, _PLAIN)
"""For terminals that have no block characters."""
_MINUTE_S = 60
_SELDOM = 1 / 16
"""Share of a limit below which nothing would be seen of its use."""
_WAITS = {
    Bound.CONCURRENCY: "all its calls in flight are under way",
    Bound.RPM: "waits for its RPM",
    Bound.TPM: "waits for its TPM",
    Bound.PAUSED: "paused: the provider refuses or fails",
    Bound.CAPACITY: "waits for room at the flex tier",
    Bound.BUDGET: "waits for what is left of the spending limit",
    Bound.HELD: "held back",
    Bound.IDLE: "nothing to send",
}


def about(facts: Mapping[str, str]) -> str:
    """Return facts one below the other, each after its name, wrapped."""
    width = max(map(len, facts)) + 2
    lines = (
        fill(fact, _WIDTH, initial_indent=f"{name:<{width}}", subsequent_indent=width * " ")
        for name, fact in facts.items()
        if fact
    )
    return "\n".join(lines)


def listed(title: str, sentences: Sequence[str]) -> str:
    """Return sentences below a title; nothing where there are none."""
    if not sentences:
        return ""
    lines = (fill(sentence, _WIDTH, initial_indent="- ", subsequent_indent="  ") for sentence in sentences)
    return "\n".join([title, *lines])


def dollars(sum_usd: Decimal | None) -> str:
    """Return a sum of money: in cents, or with more digits where it is small."""
    if sum_usd is None:
        return "unknown: the price of a model is not known"
    return f"${sum_usd:,.2f}" if sum_usd >= 1 or not sum_usd else f"${sum_usd:.4f}"


def spell(seconds: float) -> str:
    """Return a duration in two units at most."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, left_s = divmod(round(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    if not hours:
        return f"{minutes} min {left_s:02} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes:02} min"


def models_table(observed: Observed) -> str:
    """Return what each model was asked, what it was billed for, and how much of its limits that used."""
    rows: list[tuple[str, ...]] = [
        ("model", "calls", "prompt tokens", "cached", "completion", "USD", "of RPM", "of TPM", "in flight")
    ]
    rows += [_row(name, observed) for name in observed.models]
    return table(rows)


def _row(model: str, observed: Observed) -> tuple[str, ...]:
    seen, usage = observed.models[model], observed.usage.get(model)
    prompt, cached, completion = (
        (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) if usage else (0, 0, 0)
    )
    minutes, cost_usd = observed.makespan_s / 60, observed.costs_usd.get(model)
    in_flight = _mean(observed.moments.get(model, ()))
    return (
        model,
        f"{seen.sent:,}",
        f"{prompt:,}",
        f"{cached / prompt if prompt else 0:.0%}",
        f"{completion:,}",
        "unknown" if cost_usd is None else dollars(cost_usd).removeprefix("$"),
        _share(seen.sent, seen.rpm, minutes),
        _share(prompt + completion, seen.tpm, minutes),
        f"{in_flight:.1f} of {seen.max_in_flight}",
    )


def _share(count: float, limit: int | None, minutes: float) -> str:
    if limit is None:
        return "no limit"
    return f"{count / (limit * minutes):.0%}" if minutes else "0%"


def _mean(moments: Sequence[Moment]) -> float:
    whole_s = sum(moment.duration_s for moment in moments)
    return sum(moment.in_flight * moment.duration_s for moment in moments) / whole_s if whole_s else 0.0


# ------------------------------------------------------------------------------------------------------------ over time


def over_time(observed: Observed) -> str:
    """Return how much of its limits each model used in the course of the run, as rows of blocks."""
    spans = max((len(moments) for moments in observed.moments.values()), default=0)
    if spans < 2:
        return ""
    lines = [line for model, moments in observed.moments.items() for line in _course(model, moments, observed)]
    columns = min(spans, _COLUMNS)
    each = f"each column is {spell(observed.makespan_s / columns)}; a full block is all of the limit"
    return "\n".join([f"over time ({each})", *lines])


def _course(model: str, moments: Sequence[Moment], observed: Observed) -> Iterator[str]:
    seen = observed.models[model]
    columns = _columns(moments)
    yield f"{model}"
    for name, limit, values in (
        ("RPM", seen.rpm, [60 * moment.sent / moment.duration_s for moment in columns]),
        ("TPM", seen.tpm, [60 * moment.limit_tokens / moment.duration_s for moment in columns]),
        ("in flight", _most_in_flight(seen, columns), [moment.in_flight for moment in columns]),
    ):
        if limit:
            most = max(values)
            seldom = most / limit < _SELDOM
            blocks = "" if seldom else "".join(_block(value / limit) for value in values)
            yield f"{_INDENT * ' '}{name:<9} {blocks:<{_COLUMNS}}  at most {_number(most)} of {limit:,}"


def _most_in_flight(seen: ModelStatistics, columns: Sequence[Moment]) -> int:
    return max(seen.max_in_flight, ceil(max((moment.in_flight for moment in columns), default=0)))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _block(share: float) -> str:
    """Return a block as high as a share of 1; what is more than nothing is seen."""
    if share <= 0:
        return _LEVELS[0]
    return _LEVELS[min(max(round(share * (len(_LEVELS) - 1)), 1), len(_LEVELS) - 1)]


def _columns(moments: Sequence[Moment]) -> list[Moment]:
    """Return as many spans as fit beside one another: of those given, several become one, or parts of two."""
    count = min(len(moments), _COLUMNS)
    ends = [len(moments) * at / count for at in range(count + 1)]
    return [_between(moments, *edges) for edges in pairwise(ends)]


def _between(moments: Sequence[Moment], first: float, last: float) -> Moment:
    """Return what lies between two places among spans, which may be within one."""
    parts = [
        (moments[at], min(last, at + 1) - max(first, at)) for at in range(int(first), min(ceil(last), len(moments)))
    ]
    whole_s = sum(moment.duration_s * part for moment, part in parts)
    return Moment(
        parts[0][0].start_s,
        whole_s,
        round(sum(moment.sent * part for moment, part in parts)),
        round(sum(moment.limit_tokens * part for moment, part in parts)),
        sum(moment.in_flight * moment.duration_s * part for moment, part in parts) / whole_s,
    )


# ------------------------------------------------------------------------------------------------------- what bound it


def bound_by(bindings: Sequence[Binding], cpu: Cpu) -> str:
    """Return what decided how long the run took."""
    if not bindings:
        return "nothing: it was over at once"
    first = bindings[0]
    if first.bound is None:
        return f"the CPU of this machine: one core has work for {spell(cpu.work_s)}"
    if first.bound is Bound.IDLE:
        return "latency: calls wait for one another, and none for a limit; more articles would fill the time"
    return f"{named(first)}, for {first.share:.0%} of the time"


def named(binding: Binding) -> str:
    """Return what binds, with its model."""
    match binding.bound:
        case Bound.CONCURRENCY:
            return f"calls in flight of {binding.model}"
        case Bound.PAUSED:
            return f"pauses of {binding.model}, when the provider refuses or fails"
        case Bound.CAPACITY:
            return f"the flex tier of {binding.model}, which has no room"
        case Bound.BUDGET:
            return f"the spending limit, for calls of {binding.model}"
        case bound:
            return f"{bound} of {binding.model}"


def bound_table(bindings: Sequence[Binding]) -> str:
    """Return for each model what it did with its time."""
    models = dict.fromkeys(binding.model for binding in bindings if binding.model is not None)
    lines = []
    for model in models:
        said = [
            f"{binding.share:.0%} {_WAITS[binding.bound]}"
            for binding in sorted(bindings, key=lambda one: one.share, reverse=True)
            if binding.model == model and binding.bound is not None
        ]
        lines.append(fill(f"{model}: {'; '.join(said)}", _WIDTH, subsequent_indent=4 * " "))
    return "\n".join(["of the time", *(f"{_INDENT * ' '}{line}" for line in lines)]) if lines else ""


_OUTCOMES = {
    "rejected_rpm": "429 for the RPM",
    "rejected_tpm": "429 for the TPM",
    "rejected_concurrency": "429 for calls in flight",
    "flex_unavailable": "429 for room at the flex tier",
    "outage": "outage",
    "abandoned": "timeout of ours",
}
"""Outcomes whose names do not speak for themselves; others are names of faults."""


def outcomes(found: Mapping[str, int]) -> str:
    """Return how many calls brought no good answer, by name."""
    if not found:
        return "all answered"
    named = ", ".join(f"{_OUTCOMES.get(name, name)}: {count:,}" for name, count in found.items())
    return f"{sum(found.values()):,} of them without a good answer ({named})"
