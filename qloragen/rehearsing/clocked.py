"""A simulated provider that knows what it takes of the CPU: a run's own work is what is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import thread_time
from typing import ParamSpec, TypeVar

from ..simulator import Ask, Plan, Provider, Simulation
from ..simulator.ask import Route
from ..simulator.provider import ModelEndpoint

Arguments = ParamSpec("Arguments")
Value = TypeVar("Value")

_BEGAN_WALL_S = 1_800_000_000.0
"""When a rehearsal takes place, for the provider: always then, so that it always says the same."""


class ClockedProvider(Provider):
    """Adds up the CPU time of its decisions, which are made in the thread of the event loop."""

    def __init__(self, simulation: Simulation) -> None:
        super().__init__(simulation, wall_clock=lambda: _BEGAN_WALL_S)
        self.cpu_s = 0.0

    def arrive(self, body: bytes, headers: Mapping[str, str], clock_s: float, endpoint: ModelEndpoint = "chat") -> Plan:
        """See `Provider.arrive`."""
        return self._timed(super().arrive, body, headers, clock_s, endpoint)

    def manage(self, ask: Ask, route: Route, headers: Mapping[str, str], clock_s: float) -> Plan:
        """See `Provider.manage`."""
        return self._timed(super().manage, ask, route, headers, clock_s)

    def end(self, plan: Plan, clock_s: float, *, whole: bool) -> None:
        """See `Provider.end`."""
        self._timed(super().end, plan, clock_s, whole=whole)

    def _timed(self, act: Callable[Arguments, Value], *arguments: Arguments.args, **named: Arguments.kwargs) -> Value:
        began_s = thread_time()
        value = act(*arguments, **named)
        self.cpu_s += thread_time() - began_s
        return value
