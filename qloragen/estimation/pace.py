"""How long a run takes under given limits, and which of them binds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..engine.spec import ModelSpec
from ..types import Stage
from .loads import Kind, Load

FIRST_TOKEN_S = 1.0
TOKEN_S = 0.015
"""What a call is taken to last where nobody has measured it: a second, and 15 ms for each token of the reply."""
_CHAIN: Mapping[Stage, int] = {"classify": 1, "generate": 2}
"""Calls of one article that wait for one another: the first record's goes ahead of the others."""
_HOUR_MIN = 60

Limit = Literal["RPM", "TPM", "calls in flight"]


@dataclass(frozen=True, slots=True)
class Need:
    """What one model is asked for in all."""

    model: str
    calls: float
    limit_tokens: float
    """What its calls take from the tokens per minute."""

    @property
    def hourly_rpm(self) -> float:
        """Requests per minute with which it takes an hour."""
        return self.calls / _HOUR_MIN

    @property
    def hourly_tpm(self) -> float:
        """Tokens per minute with which it takes an hour."""
        return self.limit_tokens / _HOUR_MIN


@dataclass(frozen=True, slots=True)
class Pace:
    """How long all calls take."""

    seconds: float | None
    """None where no limit is given that would say."""
    binding: tuple[str, Limit] | None
    """The model and the limit that it takes longest under."""
    needs: tuple[Need, ...] = ()
    """Without what goes into batches, which have limits of their own."""
    batched_stages: int = 0
    """Stages whose calls go into batches, one stage after the other: each takes up to a day."""


def latencies(kinds: Mapping[Kind, Load], sampled: Mapping[Stage, float]) -> dict[Stage, float]:
    """Return how long a call of each stage lasts, in seconds: as sampled, or as assumed from the length of replies."""
    sums: dict[Stage, Load] = {}
    for kind, load in kinds.items():
        sums.setdefault(kind.stage, Load()).add(load)
    return {stage: sampled.get(stage) or _assumed_s(load) for stage, load in sums.items() if load.calls}


def pace(kinds: Mapping[Kind, Load], specs: Iterable[ModelSpec], latency_s: Mapping[Stage, float]) -> Pace:
    """Return how long the calls take when models work side by side, each within its own limits.

    Where neither limits nor a number of calls in flight are given, that is not known: the server says when it is asked.
    """
    batched = len({kind.stage for kind, load in kinds.items() if load.calls and kind.tier == "batch"})
    loads, busy_s = _by_model(kinds, latency_s)
    needs = tuple(Need(model, load.calls, load.limit_tokens) for model, load in loads.items())
    of_run = [spec for spec in specs if spec.name in loads]
    if batched or not any(map(_is_limited, of_run)):
        return Pace(None, None, needs, batched)
    seconds, model, limit = max(_longest(spec, loads[spec.name], busy_s[spec.name]) for spec in of_run)
    chain_s = sum(latency_s[stage] * calls for stage, calls in _CHAIN.items() if stage in latency_s)
    return Pace(seconds + chain_s, (model, limit), needs)


def _by_model(kinds: Mapping[Kind, Load], latency_s: Mapping[Stage, float]) -> tuple[dict[str, Load], dict[str, float]]:
    """Return the load of each model, and how long its calls would take one after the other; batches apart."""
    loads: dict[str, Load] = {}
    busy_s: dict[str, float] = {}
    for kind, load in kinds.items():
        if load.calls and kind.tier != "batch":
            loads.setdefault(kind.model, Load()).add(load)
            busy_s[kind.model] = busy_s.get(kind.model, 0.0) + load.calls * latency_s[kind.stage]
    return loads, busy_s


def _is_limited(spec: ModelSpec) -> bool:
    return bool(spec.rpm or spec.tpm) or spec.max_concurrency != "auto"


def _longest(spec: ModelSpec, load: Load, busy_s: float) -> tuple[float, str, Limit]:
    """Return the time under the model's tightest limit, its name, and the limit."""
    times: list[tuple[float, str, Limit]] = [(busy_s / spec.most_in_flight, spec.name, "calls in flight")]
    if spec.rpm:
        times.append((60 * load.calls / spec.rpm, spec.name, "RPM"))
    if spec.tpm:
        times.append((60 * load.limit_tokens / spec.tpm, spec.name, "TPM"))
    return max(times)


def _assumed_s(load: Load) -> float:
    return FIRST_TOKEN_S + TOKEN_S * load.completion_tokens / load.calls
