"""What to change to go faster or cheaper: rehearsed, not guessed."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..engine.bound import Bound
from ..engine.client import Transport
from ..errors import SetupError
from ..settings import Settings
from ..simulator import Simulation
from .cpu import cpu_of
from .observed import Observed
from .text import named
from .values import Binding
from .variants import Ask, Variant, asks, granted, opened, raised, services, told

Play = Callable[[Settings, Simulation], Observed]
"""Rehearses the same articles under other settings and another provider; raises SetupError where that cannot be."""

Effect = Literal["faster", "cheaper", "both", "none"]

_GAIN = 0.05
"""Share of the time or the money that is worth a change."""
_NEARLY_NOTHING = 0.005


@dataclass(frozen=True, slots=True)
class Advice:
    """One change, and what comes of it."""

    change: str
    """In words, or as it is set on the command line."""
    effect: Effect
    time_ratio: float | None
    """Time for each record with the change, of that without it; None where it was not played, because what it changes
    has bound nothing, and where the time is the provider's affair."""
    cost_ratio: float | None
    """The same of the money; None where it was not played, or a price is unknown."""
    sentence: str
    """All of it for people, with numbers."""


def advised(base: Observed, settings: Settings, simulation: Simulation, play: Play) -> tuple[Advice, ...]:
    """Return what would make a run faster or cheaper, the greatest gains first, then what would not.

    `base` is what `play(settings, simulation)` has come to. Each change worth a try is played on its own, most often
    five to eight of them: limits are doubled where they have kept calls waiting for a twentieth of the time.
    """
    limits = tuple(asks(base.models))
    tried = [raised(ask, settings, simulation) for ask in limits if ask.worth_trying]
    others = (
        told(settings, simulation) if _refused(base) else None,
        granted(settings, simulation) if _paused(base) else None,
        opened(settings, simulation, base.models),
    )
    variants = [*tried, *filter(None, others), *services(settings, simulation)]
    helpful = [advice for variant in variants if (advice := _tried(variant, base, play)) is not None]
    fixed = {name for name, of_model in settings.for_run().items() if of_model.max_concurrency != "auto"}
    return (*sorted(helpful, key=_rank), *_useless(limits, fixed))


def _tried(variant: Variant, base: Observed, play: Play) -> Advice | None:
    """Return what comes of a variant; None where it is no gain, unless more of a limit was hoped to be one."""
    try:
        seen = play(variant.settings, variant.simulation)
    except SetupError:
        return None
    if not (seen.records and base.records):
        return None
    transport = variant.settings.transport
    time = (
        None
        if variant.batched
        else _ratio(_seconds(seen, transport) / seen.records, _seconds(base, transport) / base.records)
    )
    cost = None
    if seen.cost_usd is not None and base.cost_usd:
        cost = _ratio(float(seen.cost_usd) / seen.records, float(base.cost_usd) / base.records)
    effect = _effect(time, cost)
    if effect == "none" and variant.cheaper:
        return None
    return Advice(variant.change, effect, time, cost, _sentence(variant, time, cost, seen))


def _effect(time: float | None, cost: float | None) -> Effect:
    faster, cheaper = (ratio is not None and ratio <= 1 - _GAIN for ratio in (time, cost))
    if faster:
        return "both" if cheaper else "faster"
    return "cheaper" if cheaper else "none"


def _rank(advice: Advice) -> float:
    """Return by how much a change helps at best, the greatest gain first."""
    return min(advice.time_ratio or 1.0, advice.cost_ratio or 1.0)


def _useless(limits: Sequence[Ask], fixed: Container[str]) -> Iterator[Advice]:
    """Yield for each model the limits that have kept none of its calls waiting; the calls in flight only of models that
    are `fixed`: theirs are set to a number."""
    for model in dict.fromkeys(ask.model for ask in limits):
        of_model = [ask for ask in limits if ask.model == model]
        tightest = max(of_model, key=lambda one: one.share)
        free = [ask for ask in of_model if ask.useless and (ask.limit != "calls in flight" or model in fixed)]
        if free:
            why = f"{tightest.limit} binds" if tightest.worth_trying else "none has kept its calls waiting"
            sentence = f"More {' or '.join(ask.limit for ask in free)} for {model}: changes nothing; {why}."
            yield Advice("; ".join(ask.change for ask in free), "none", None, None, sentence)


def _sentence(variant: Variant, time: float | None, cost: float | None, seen: Observed) -> str:
    said = [text for text in (_changed(time, "time"), _changed(cost, "money")) if text]
    gains = " and ".join(said) or "about the same time and money"
    binds = _binding(seen, variant.settings.transport) if time is not None and time <= 1 - _GAIN else ""
    parts = (gains, variant.note, f"then bound by {binds}" if binds else "")
    return f"{variant.change}: {'; '.join(part for part in parts if part)}."


def _changed(ratio: float | None, what: str) -> str:
    if ratio is None or abs(ratio - 1) < _GAIN / 2:
        return ""
    if ratio >= 2:
        return f"{ratio:.1f} times the {what}"
    if ratio < _NEARLY_NOTHING:
        return f"hardly any of the {what}"
    return f"{abs(1 - ratio):.0%} {'less' if ratio < 1 else 'more'} {what}"


def _seconds(seen: Observed, transport: Transport) -> float:
    """Return how long a run takes on one core like those of this machine."""
    return max(seen.makespan_s, cpu_of(seen, transport).work_s)


def _binding(seen: Observed, transport: Transport) -> str:
    """Return what keeps calls waiting for most of the time, or keeps the core busy; empty where nothing does."""
    if _seconds(seen, transport) > seen.makespan_s:
        return "the CPU"
    sums = {
        named(Binding(name, bound, 0.0)): seconds
        for name, of_model in seen.models.items()
        for bound, seconds in of_model.bound_s.items()
        if bound not in {Bound.IDLE, Bound.PAUSED}
    }
    longest = max(sums, key=sums.__getitem__, default="")
    return longest if longest and sums[longest] > _GAIN * seen.makespan_s else ""


def _refused(base: Observed) -> bool:
    return any(seen.rate_limited for seen in base.models.values())


def _paused(base: Observed) -> bool:
    """Whether a model that was refused for the rate has paused for long enough to speak of."""
    return any(
        seen.rate_limited and seen.bound_s[Bound.PAUSED] >= _GAIN * base.makespan_s for seen in base.models.values()
    )


def _ratio(value: float, base: float) -> float | None:
    return value / base if base else None
