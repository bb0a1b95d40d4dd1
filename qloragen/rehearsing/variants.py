"""Changes to a run that could make it faster or cheaper, by what bound it: settings, and a provider to match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from ..engine.bound import Bound
from ..engine.statistics import ModelStatistics
from ..settings import ModelLimits, Settings
from ..simulator import Model, Simulation

_BOUND = 0.05
"""Share of the time from which on a limit is worth twice as much of it."""
_FREE = 0.02
"""Share of the time below which a limit has kept nobody waiting."""
_MOSTLY = 0.5
"""Share of the time for which a model with nothing to send waits for articles."""
_RESERVE = 2

Limit = Literal["RPM", "TPM", "calls in flight"]
_OTHER_TYPES = "other types may be found"
_SERVICES: tuple[tuple[str, Mapping[str, object], str], ...] = (
    ("--flex", {"flex": True, "batch": False}, "slower at times, or without room, which only a profile of it knows"),
    ("--batch", {"flex": False, "batch": True}, "up to a day for each stage"),
    ("--classifier decisions", {"classifier": "decisions"}, _OTHER_TYPES),
    ("--classifier cascade", {"classifier": "cascade"}, _OTHER_TYPES),
    ("--input evidence", {"input": "evidence"}, "inputs are paragraphs of the article"),
)
"""Changes that may be cheaper, as they are set on the command line, and what else they change."""
_BOUNDS: Mapping[Limit, Bound] = {"RPM": Bound.RPM, "TPM": Bound.TPM, "calls in flight": Bound.CONCURRENCY}


class Ask(NamedTuple):
    """Twice as much of one limit of one model."""

    model: str
    limit: Limit
    now: int
    share: float
    """Of the time, for how much it was what kept calls waiting."""

    @property
    def more(self) -> int:
        """What is asked for."""
        return _RESERVE * self.now

    @property
    def change(self) -> str:
        """What is asked for, in words."""
        return f"{self.limit} of {self.model}: {self.more:,} in place of {self.now:,}"

    @property
    def worth_trying(self) -> bool:
        """Whether it has bound the run to speak of."""
        return self.share >= _BOUND

    @property
    def useless(self) -> bool:
        """Whether it has kept nobody waiting."""
        return self.share < _FREE


@dataclass(frozen=True, slots=True)
class Variant:
    """One change."""

    change: str
    """In words, or as it is set on the command line."""
    settings: Settings
    simulation: Simulation
    cheaper: bool = False
    """Whether it is meant to save money, and not time."""
    batched: bool = False
    """Its time is the provider's affair, which may be a day for each stage."""
    note: str = ""
    """What else it changes."""


def asks(models: Mapping[str, ModelStatistics]) -> Iterator[Ask]:
    """Yield each limit that a run was under, and how much it has bound it; of those under `auto`, the calls in flight
    that it came to."""
    for name, seen in models.items():
        whole_s = sum(seen.bound_s.values())
        limits: Mapping[Limit, int | None] = {"RPM": seen.rpm, "TPM": seen.tpm, "calls in flight": seen.max_in_flight}
        for limit, now in limits.items():
            if now is not None and whole_s > 0 and seen.sent:
                yield Ask(name, limit, now, seen.bound_s[_BOUNDS[limit]] / whole_s)


def raised(ask: Ask, settings: Settings, simulation: Simulation) -> Variant:
    """Return the variant in which the run is given what is asked for, and the provider lets it."""
    own, behaviour = settings.own(ask.model), simulation.behaviour(ask.model) or Model()
    match ask.limit:
        case "RPM":
            own = own.model_copy(update={"rpm": ask.more})
            limits = replace(behaviour.limits, rpm=_at_least(behaviour.limits.rpm, ask.more))
            behaviour = replace(behaviour, limits=limits)
        case "TPM":
            own = own.model_copy(update={"tpm": ask.more})
            limits = replace(behaviour.limits, tpm=_at_least(behaviour.limits.tpm, ask.more))
            behaviour = replace(behaviour, limits=limits)
        case "calls in flight":
            own = own.model_copy(update={"max_concurrency": ask.more})
    return Variant(
        ask.change,
        settings.model_copy(update={"models": {**settings.models, ask.model: own}}),
        replace(simulation, models={**simulation.models, ask.model: behaviour}),
    )


def opened(settings: Settings, simulation: Simulation, models: Mapping[str, ModelStatistics]) -> Variant | None:
    """Return the variant in which twice as many articles are worked on at once; None where their number is not set, or
    a model has had something to send for most of the time."""
    now = settings.open_articles
    called = [seen.bound_s for seen in models.values() if seen.sent]
    if now is None or any(bound_s[Bound.IDLE] < _MOSTLY * sum(bound_s.values()) for bound_s in called):
        return None
    more = settings.model_copy(update={"open_articles": _RESERVE * now})
    return Variant(f"open_articles: {_RESERVE * now:,} in place of {now:,}", more, simulation)


def told(settings: Settings, simulation: Simulation) -> Variant | None:
    """Return the variant in which the run knows the provider's limits; None where it knows them already, or of none."""
    lower = _lower_limits(settings, simulation)
    if not lower:
        return None
    change = f"the provider's own limits, told to the run: {_spelt(lower)}"
    return Variant(change, _with(settings, lower), simulation)


def granted(settings: Settings, simulation: Simulation) -> Variant | None:
    """Return the variant in which those limits are twice as large, and told to the run; None where there are none."""
    lower = _lower_limits(settings, simulation)
    if not lower:
        return None
    more = {name: {knob: _RESERVE * limit for knob, limit in of_model.items()} for name, of_model in lower.items()}
    models = {name: _granting(simulation.behaviour(name) or Model(), of_model) for name, of_model in more.items()}
    change = f"twice the provider's own limits, told to the run: {_spelt(more)}"
    return Variant(change, _with(settings, more), replace(simulation, models={**simulation.models, **models}))


def _granting(served: Model, limits: Mapping[str, int]) -> Model:
    rates, capacity = served.limits, served.capacity
    return replace(
        served,
        limits=replace(rates, rpm=limits.get("rpm", rates.rpm), tpm=limits.get("tpm", rates.tpm)),
        capacity=replace(capacity, concurrency=limits.get("max_concurrency", capacity.concurrency)),
    )


def _with(settings: Settings, limits: Mapping[str, Mapping[str, int]]) -> Settings:
    own = {name: settings.own(name).model_copy(update=of_model) for name, of_model in limits.items()}
    return settings.model_copy(update={"models": {**settings.models, **own}})


def _spelt(limits: Mapping[str, Mapping[str, int]]) -> str:
    return "; ".join(
        f"{name} {', '.join(f'{knob} {limit:,}' for knob, limit in of_model.items())}"
        for name, of_model in limits.items()
    )


def _lower_limits(settings: Settings, simulation: Simulation) -> dict[str, dict[str, int]]:
    """Return by model what its provider limits more than the run does."""
    found = {name: _lower(own, simulation.behaviour(name) or Model()) for name, own in settings.for_run().items()}
    return {name: lower for name, lower in found.items() if lower}


def _lower(own: ModelLimits, served: Model) -> dict[str, int]:
    """Return those limits of a provider that a run does not keep, by the names of the settings for them."""
    in_flight = None if own.max_concurrency == "auto" else own.max_concurrency
    limits = (
        ("rpm", served.limits.rpm, own.rpm),
        ("tpm", served.limits.tpm, own.tpm),
        ("max_concurrency", served.capacity.concurrency, in_flight),
    )
    return {
        knob: max(int(of_server), 1)
        for knob, of_server, of_run in limits
        if of_server is not None and (of_run is None or max(of_server, 1) < of_run)
    }


def services(settings: Settings, simulation: Simulation) -> Iterator[Variant]:
    """Yield the other ways to be served, and the other ways to ask."""
    for change, knobs, note in _SERVICES:
        changed = settings.model_copy(update=knobs)
        if changed != settings:
            yield Variant(change, changed, simulation, cheaper=True, batched=changed.batch, note=note)
    if settings.flex or settings.batch:
        standard = settings.model_copy(update={"flex": False, "batch": False})
        yield Variant("the standard tier, at once", standard, simulation)


def _at_least(limit: float | None, least: int) -> float | None:
    return None if limit is None else max(limit, float(least))
