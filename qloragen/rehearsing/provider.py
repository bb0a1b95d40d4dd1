"""What a rehearsal takes the provider for: as it is said, as it was in an earlier run, or as it is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..engine.spec import ModelSpec
from ..estimation.pace import FIRST_TOKEN_S, TOKEN_S
from ..simulator import Batches, Capacity, Fault, Latency, Limits, Model, Outage, Simulation
from ..simulator.settings import Charge
from .profile import Profile
from .traits import USUAL, Own

ASSUMED = Latency(median_s=FIRST_TOKEN_S, token_s=TOKEN_S)
"""How long calls take where nobody says and no earlier run tells."""
BATCHES = Batches(median_s=3_600.0, p99_s=43_200.0)
"""How long batches take: an hour, at times half a day. Nobody promises less than a day."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of the provider, for all of its models; None: nothing."""

    rpm: float | None = None
    tpm: float | None = None
    concurrency: int | None = None
    slots: int | None = None
    knee: int | None = None
    burst_s: float | None = None
    charge: Charge | None = None
    announced: bool = True
    retry_after: bool = True
    ttft_median_s: float | None = None
    ttft_p99_s: float | None = None
    token_s: float | None = None
    token_p99_s: float | None = None
    context_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_ttl_s: float | None = None
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()
    seed: int = 0

    @property
    def latency(self) -> Latency | None:
        """How long calls take; what is not said of it is nothing where anything is."""
        said = (self.ttft_median_s, self.ttft_p99_s, self.token_s, self.token_p99_s)
        if all(part is None for part in said):
            return None
        return Latency(self.ttft_median_s or 0.0, self.ttft_p99_s, self.token_s or 0.0, self.token_p99_s)


def simulation_of(specs: Sequence[ModelSpec], said: Said, profile: Profile | None, own: Own = USUAL) -> Simulation:
    """Return the provider of a run with these models; `own` are the simulator's records as they are without a profile.

    Its limits are those that the run keeps, unless others are said. What is said wins over the profile of an earlier
    run, which wins over what is assumed.

    Raises:
        SettingsError: Something that is said cannot be.
    """
    simulation = Simulation(
        models={spec.name: Model(latency=ASSUMED) for spec in specs},
        faults=said.faults,
        outages=said.outages,
        seed=said.seed,
        batches=BATCHES,
    )
    if profile is not None:
        simulation = profile.applied(simulation, own)
    models = {spec.name: _behaviour(simulation.models[spec.name], spec, said) for spec in specs}
    return replace(simulation, models=models)


def _behaviour(model: Model, spec: ModelSpec, said: Said) -> Model:
    usual = Limits()
    limits = Limits(
        rpm=_first(said.rpm, spec.rpm),
        tpm=_first(said.tpm, spec.tpm),
        burst_s=usual.burst_s if said.burst_s is None else said.burst_s,
        charge=said.charge or usual.charge,
        announced=said.announced,
        retry_after=said.retry_after,
    )
    return replace(
        model,
        limits=limits,
        capacity=Capacity(said.concurrency, said.slots, said.knee),
        latency=said.latency or model.latency,
        cache=replace(model.cache, ttl_s=_first(said.cache_ttl_s, model.cache.ttl_s)),
        context_tokens=said.context_tokens,
        reasoning_tokens=model.reasoning_tokens if said.reasoning_tokens is None else said.reasoning_tokens,
    )


def _first(said: float | None, otherwise: float | None) -> float | None:
    return otherwise if said is None else said
