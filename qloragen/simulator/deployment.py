"""One model being served: its limits, its places, its cache."""

from __future__ import annotations

import heapq
from typing import NamedTuple

from .cache import BreakpointCache, PrefixCache
from .draws import Draws, lognormal
from .limits import ServerLimits
from .requests import NameRules, rules_for
from .settings import Capacity, Latency, Model, PromptCache
from .tiers import Service, latency_at


class Served(NamedTuple):
    """When a call is worked on, in seconds since the simulator began."""

    start_s: float
    end_s: float


class Deployment:
    """The state of one model."""

    def __init__(self, name: str, model: Model) -> None:
        self.model = model
        self.rules: NameRules = rules_for(name)
        self.limits = ServerLimits(model.limits)
        self.cache = _cache(model.cache, self.rules)
        self._places = _Places(model.capacity)

    @property
    def reports_writes(self) -> bool:
        """Whether usage says what was written to the cache."""
        return isinstance(self.cache, BreakpointCache)

    def first_token_s(self, draws: Draws, service: Service) -> float:
        """Return the time to first token of a call."""
        latency = latency_at(self.model, service)
        return lognormal(latency.median_s, latency.p99_s, draws.first)

    def serve(self, tokens: int, draws: Draws, service: Service, *, in_flight: int, now_s: float) -> Served:
        """Give a call its time: for the first token, and for each of `tokens`, when its turn has come."""
        seconds = self.first_token_s(draws, service) + tokens * _token_s(latency_at(self.model, service), draws)
        return self._places.serve(seconds, in_flight=in_flight, now_s=now_s)


def _token_s(latency: Latency, draws: Draws) -> float:
    return lognormal(latency.token_s, latency.token_p99_s, draws.token)


def _cache(settings: PromptCache, rules: NameRules) -> PrefixCache | BreakpointCache | None:
    rule = settings.rule
    if rule == "none":
        return None
    if rule == "breakpoints" or (rule == "by_name" and rules.breakpoints):
        return BreakpointCache(ttl_s=settings.ttl_s, entries=settings.entries)
    return PrefixCache(ttl_s=settings.ttl_s, entries=settings.entries)


class _Places:
    """The places in which calls are served; a client that goes away does not free its place early."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._busy_until_s: list[float] = []

    def serve(self, seconds: float, *, in_flight: int, now_s: float) -> Served:
        if self._capacity.knee is not None:
            seconds *= max(1.0, in_flight / self._capacity.knee)
        if self._capacity.slots is None:
            return Served(now_s, now_s + seconds)
        start_s = now_s
        if len(self._busy_until_s) == self._capacity.slots:
            start_s = max(now_s, heapq.heappop(self._busy_until_s))
        heapq.heappush(self._busy_until_s, start_s + seconds)
        return Served(start_s, start_s + seconds)
