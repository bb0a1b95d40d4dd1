"""A rehearsal for people who are about to pay for the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from textwrap import fill

from ..costs import money
from ..engine.bound import Bound
from ..words import duration, table
from .binding import AT_ONCE_S
from .course import mean_in_flight
from .observed import Observed
from .values import Binding, Cpu

_WIDTH, _INDENT = 100, 2
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
    minutes, cost_usd = observed.makespan_s / 60, observed.costs_usd.get(model, Decimal(0))
    in_flight = mean_in_flight(observed.moments.get(model, ()))
    return (
        model,
        f"{seen.sent:,}",
        f"{prompt:,}",
        f"{cached / prompt if prompt else 0:.0%}",
        f"{completion:,}",
        "unknown" if cost_usd is None else money(cost_usd).removeprefix("$"),
        _share(seen.sent - seen.batched, seen.rpm, minutes),
        _share(prompt + completion - seen.batched_tokens, seen.tpm, minutes),
        f"{in_flight:.1f} of {seen.max_in_flight}",
    )


def _share(count: float, limit: int | None, minutes: float) -> str:
    if limit is None:
        return "no limit"
    return f"{count / (limit * minutes):.0%}" if minutes else "0%"


def bound_by(bindings: Sequence[Binding], cpu: Cpu, makespan_s: float) -> str:
    """Return what decided how long the run took."""
    if not bindings:
        return "the batches of the provider" if makespan_s >= AT_ONCE_S else "nothing: it was over at once"
    first = bindings[0]
    if first.bound is None:
        return f"the CPU of this machine: one core has work for {duration(cpu.work_s)}"
    if first.bound is Bound.IDLE:
        return (
            f"latency, for {first.share:.0%} of the time: calls wait for one another, and none for a limit; more "
            "articles at once would fill the time"
        )
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
