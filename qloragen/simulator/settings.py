"""What the provider is like: limits, speed, cache, faults. All of it is plain values, for flags and Python alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from ..errors import SettingsError
from .batch_settings import Batches
from .checks import not_negative, positive, shares, spread
from .faults import Fault

Charge = Literal["sum", "max"]
"""What a call takes from the TPM: estimated prompt plus cap, or the greater of the two."""

CacheRule = Literal["by_name", "prefix", "breakpoints", "none"]
"""How prompts are cached: see `cache.py`; `by_name` is breakpoints from gpt-5.6 on, prefixes for other names."""

Decides = Literal["by_name", "always", "never"]
"""Whether a model takes requests for decisions; by name, that is gpt-6-luna alone."""

OutageKind = Literal["503", "reset", "refuse"]

ANY = "*"
"""The key of the behaviour of every model that has none of its own."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Rate limits of one model, enforced with token buckets (see `limits.py`)."""

    rpm: float | None = None
    """Requests per minute; None is unlimited."""
    tpm: float | None = None
    """Tokens per minute; None is unlimited."""
    burst_s: float = 1.0
    """The window that the limits are quantised to: a bucket holds so many seconds of its rate."""
    charge: Charge = "sum"
    uncapped_tokens: int = 16
    """What stands for the cap of a call that has none."""
    rejected_requests: float = 1.0
    """Requests that a rejected call costs."""
    announced: bool = True
    """Whether replies carry `x-ratelimit-*`."""
    retry_after: bool = True
    """Whether a 429 says how long to wait."""

    def __post_init__(self) -> None:
        positive("limits", rpm=self.rpm, tpm=self.tpm, burst_s=self.burst_s)
        not_negative("limits", uncapped_tokens=self.uncapped_tokens, rejected_requests=self.rejected_requests)


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many calls one model serves together. A local server has no rate limits but this."""

    concurrency: int | None = None
    """More calls in flight are rejected with 429."""
    slots: int | None = None
    """More calls wait in the server for their turn, as in llama.cpp."""
    knee: int | None = None
    """With n calls in flight, each takes max(1, n / knee) times as long, as in vLLM."""

    def __post_init__(self) -> None:
        positive("capacity", concurrency=self.concurrency, slots=self.slots, knee=self.knee)


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds that a call takes: a first part, then one for each completion token, both lognormal.

    A percentile of None stands for a fixed time.
    """

    median_s: float = 0.0
    """Time to first token, at the median."""
    p99_s: float | None = None
    """Time to first token, at the 99th percentile."""
    token_s: float = 0.0
    """Time for each completion token, at the median of calls; within one call it is the same for all tokens."""
    token_p99_s: float | None = None
    refusal_s: float = 0.0
    """Time to a 4xx reply."""

    def __post_init__(self) -> None:
        not_negative("latency", median_s=self.median_s, token_s=self.token_s, refusal_s=self.refusal_s)
        not_negative("latency", p99_s=self.p99_s, token_p99_s=self.token_p99_s)
        spread("latency", "p99_s", self.p99_s, self.median_s)
        spread("latency", "token_p99_s", self.token_p99_s, self.token_s)


@dataclass(frozen=True, slots=True)
class PromptCache:
    """The prompt cache of one model (see `cache.py`)."""

    rule: CacheRule = "by_name"
    ttl_s: float | None = None
    """How long after its last use a prefix is forgotten, unless its call says so; None is what OpenAI does: 5 minutes
    for prefixes, 30 for breakpoints."""
    entries: int = 200_000
    """Prefixes that are remembered, one for each 256 bytes of a prompt; the oldest are forgotten first."""

    def __post_init__(self) -> None:
        positive("cache", ttl_s=self.ttl_s, entries=self.entries)


@dataclass(frozen=True, slots=True)
class Flex:
    """The flex tier of one model (`service_tier: "flex"`): half the price, slower, and not always there."""

    latency: Latency | None = None
    """None is that of the default tier."""
    unavailable: float = 0.0
    """Share of the calls that find no capacity: 429 `resource_unavailable`, and nothing is billed."""
    downgraded: float = 0.0
    """Share of the other calls that are served, named and billed at the default tier."""
    offered: bool = True
    """Otherwise the tier is refused with 400, as for models without it."""

    def __post_init__(self) -> None:
        shares("flex", unavailable=self.unavailable, downgraded=self.downgraded)


@dataclass(frozen=True, slots=True)
class Model:
    """The behaviour of one model, or of all that have no other."""

    limits: Limits = field(default_factory=Limits)
    capacity: Capacity = field(default_factory=Capacity)
    latency: Latency = field(default_factory=Latency)
    cache: PromptCache = field(default_factory=PromptCache)
    flex: Flex = field(default_factory=Flex)
    decides: Decides = "by_name"
    context_tokens: int | None = None
    """Prompt and cap together; None is endless."""
    reasoning_tokens: int = 0
    """Billed with every completion before its first visible token, unless `reasoning_effort` is "none"."""
    verbosity: float = 1.0
    """Tokens that are billed for each one that an answer has: of a model that says more, or less, than this one."""

    def __post_init__(self) -> None:
        positive("model", context_tokens=self.context_tokens, verbosity=self.verbosity)
        not_negative("model", reasoning_tokens=self.reasoning_tokens)


@dataclass(frozen=True, slots=True)
class Outage:
    """Nothing works for a while: every call is answered with 503, reset, or not let in at all (`refuse`)."""

    start_s: float
    """Seconds since the simulator began."""
    duration_s: float
    kind: OutageKind = "503"

    def __post_init__(self) -> None:
        not_negative("outage", start_s=self.start_s, duration_s=self.duration_s)

    def covers(self, now_s: float) -> bool:
        """Tell whether it is on at `now_s` seconds since the simulator began."""
        return self.start_s <= now_s < self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Simulation:
    """A whole provider.

    Under one seed the same calls meet the same latencies and faults, in whatever order they come; what depends on order
    are limits, places, caches, and faults that strike every n-th call.
    """

    models: Mapping[str, Model] = field(default_factory=lambda: {ANY: Model()})
    """Behaviour by model name; without a "*", other names are answered with 404."""
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()
    seed: int = 0
    api_key: str | None = None
    """None lets every key in."""
    remembered_calls: int = 100_000
    """Different bodies that are told apart from new ones (8 bytes of digest each); the oldest are forgotten first."""
    stored_completions: int = 10_000
    """Completions of calls with `store` that are kept, whole; the oldest are forgotten first."""
    batches: Batches = field(default_factory=Batches)

    def __post_init__(self) -> None:
        positive("simulation", remembered_calls=self.remembered_calls, stored_completions=self.stored_completions)
        if not -(2**63) <= self.seed < 2**63:
            raise SettingsError("Simulator: simulation: seed must be a whole number of at most 63 bits.")
        if "" in self.models or self.api_key == "":
            raise SettingsError("Simulator: simulation: the name of a model and the key must not be empty.")
        if total_rate(self.faults) > 1 + 1e-9:
            raise SettingsError(f"The rates of all faults add up to {total_rate(self.faults):g}, which is above 1.")

    def behaviour(self, model: str) -> Model | None:
        """Return how `model` behaves; None when there is no such model."""
        return self.models.get(model) or self.models.get(ANY)


def total_rate(faults: Iterable[Fault]) -> float:
    """Return the greatest share of calls that faults can strike at once, for any model."""
    named = tuple(fault for fault in faults if fault.every is None)
    moments = {fault.start_s for fault in named}
    models: set[str | None] = {None, *(model for fault in named for model in fault.models)}
    places = {endpoint for fault in named for endpoint in fault.endpoints}
    at_once = (sum(f.rate for f in named if f.applies(m, s, p)) for m in models for s in moments for p in places)
    return max(at_once, default=0.0)
