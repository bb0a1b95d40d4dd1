"""What a rehearsal takes for granted, in sentences: a report is worth as much as what it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from ..engine.bound import Bound
from ..settings import Settings
from ..simulator import Fault, Latency, Model, Simulation
from ..words import duration
from .observed import Observed
from .preparing import Prepared
from .provider import ASSUMED, BATCHES

_AT_ONCE_S = 0.001
"""Journals know no shorter time."""


def assumptions(simulation: Simulation, observed: Observed, settings: Settings) -> Iterator[str]:
    """Yield what was taken for granted of the provider, and of its replies."""
    yield from _limits(simulation, observed)
    yield from _latencies(simulation, observed)
    if settings.flex and not settings.batch:
        yield from _flex(simulation, observed)
    if settings.batch:
        yield _batches(simulation)
    yield from _troubles(simulation)
    if any(model.completed for model in observed.models.values()):
        yield _replies(observed)


def notes_on(ready: Prepared, observed: Observed) -> Iterator[str]:
    """Yield what else is to be known."""
    found, plan = ready.found, ready.plan
    if ready.lessened:
        yield "Spending limits are what the run has left of them."
    if ready.changed:
        yield (
            f"What the run has made before does not count, for something has changed since ({', '.join(ready.changed)})"
            ": `generate` asks before it pays for that again."
        )
    if found.estimated and plan.total == found.total:
        yield (
            "How many articles there are is an estimate: some were drawn from everywhere in the files and read, the "
            "others counted as they stand there."
        )
    yield from _unthinking(plan.simulation, observed)
    if any(model.bound_s[Bound.TPM] > observed.makespan_s / 2 for model in observed.models.values()):
        yield (
            "A call takes from the TPM what its reply may have at most, so that less is billed than the limit allows: "
            "caps follow the replies as they come in."
        )


def _unthinking(simulation: Simulation, observed: Observed) -> Iterator[str]:
    """Say of which models reasoning is described, though the run asks them for none."""
    for model, behaviour in _behaviours(simulation, observed):
        tokens, usage = behaviour.reasoning_tokens, observed.usage.get(model)
        if tokens and usage and usage.completion_tokens and not usage.reasoning_tokens:
            yield f"{model} is asked not to reason, so its {tokens:,} reasoning tokens do not count."


def _limits(simulation: Simulation, observed: Observed) -> Iterator[str]:
    for model, behaviour in _behaviours(simulation, observed):
        limits, capacity = behaviour.limits, behaviour.capacity
        known = [f"{limit:,.0f} {name}" for name, limit in (("RPM", limits.rpm), ("TPM", limits.tpm)) if limit]
        known += [f"{capacity.concurrency:,} calls in flight"] if capacity.concurrency else []
        if known:
            yield f"{model} is served up to {', '.join(known)}."
        else:
            yield (
                f"{model} is served without limits, since none are known, though an account has some: give them with "
                "--rpm and --tpm."
            )


def _latencies(simulation: Simulation, observed: Observed) -> Iterator[str]:
    times = {model: behaviour.latency for model, behaviour in _behaviours(simulation, observed)}
    for latency in dict.fromkeys(times.values()):
        models = [model for model, one in times.items() if one == latency]
        whose = "all models" if len(models) == len(times) else ", ".join(models)
        guess = ": a guess, which --profile DIR replaces by the times of an earlier run" if latency == ASSUMED else ""
        yield f"Calls of {whose} {_spelt(latency)}{guess}."


def _flex(simulation: Simulation, observed: Observed) -> Iterator[str]:
    tiers = {model: behaviour.flex for model, behaviour in _behaviours(simulation, observed)}
    guessed = [model for model, flex in tiers.items() if flex.latency is None and not flex.unavailable]
    if guessed:
        yield (
            f"The flex tier of {', '.join(guessed)} is as fast as the standard one, and has room: a guess, for it is "
            "slower, and at times has none."
        )


def _spelt(latency: Latency) -> str:
    if latency.median_s < _AT_ONCE_S and not latency.token_s:
        return "are answered at once"
    first = f"last {latency.median_s:g} s"
    first += f" ({latency.p99_s:g} s at the 99th percentile)" if latency.p99_s is not None else ""
    if not latency.token_s:
        return first
    token = f"{1000 * latency.token_s:g} ms"
    token += f" ({1000 * latency.token_p99_s:g} ms)" if latency.token_p99_s is not None else ""
    return f"{first} and {token} for each token of the reply"


def _batches(simulation: Simulation) -> str:
    batches = simulation.batches
    late = "" if batches.p99_s is None else f", one in a hundred {batches.p99_s / 3600:g} h"
    guess = ": a guess, for the provider promises no more than a day" if batches == BATCHES else ""
    return f"A batch takes {batches.median_s / 3600:g} h at the median{late}{guess}."


def _troubles(simulation: Simulation) -> Iterator[str]:
    if not simulation.faults and not simulation.outages:
        yield "Nothing goes wrong at the provider: --fault and --outage say what should, --profile DIR what did before."
    if simulation.faults:
        yield f"Calls that go wrong: {', '.join(map(_struck, simulation.faults))}."
    for outage in simulation.outages:
        begins = f"{duration(outage.start_s)} after" if outage.start_s else "with"
        yield f"An outage ({outage.kind}) of {duration(outage.duration_s)} begins {begins} the first call."


def _struck(fault: Fault) -> str:
    share = f"{fault.rate:.2%}" if fault.every is None else f"one in {fault.every:,}"
    of = f" of {', '.join(fault.models)}" if fault.models else ""
    since = f" from {duration(fault.start_s)} on" if fault.start_s else ""
    until = f" until {duration(fault.end_s)}" if fault.end_s < inf else ""
    return f"{fault.kind} {share}{of}{since}{until}"


def _replies(observed: Observed) -> str:
    calls = sum(model.completed for model in observed.models.values())
    tokens = sum(usage.completion_tokens for usage in observed.usage.values())
    mean = tokens / calls if calls else 0.0
    return (
        f"Replies are made up of the articles' own sentences, {mean:.0f} tokens each on average: those of a real model "
        "may be longer or refused more often. `qloragen estimate --sample` asks it."
    )


def _behaviours(simulation: Simulation, observed: Observed) -> Iterator[tuple[str, Model]]:
    for model in observed.models:
        behaviour = simulation.behaviour(model)
        if behaviour is not None:
            yield model, behaviour
