"""The provider itself, without clock, sockets or files: a call comes in, a plan for its reply comes out.

The order in which a call is looked at: outage, key, form, model, script, limits, capacity of its tier, faults, what the
model takes, context window; then it is answered. A call that is refused by its form or its key takes nothing from the
limits. A request out of a batch is looked at when it is executed, without outage, key, limits, tier and cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time
from typing import Literal

from . import refusals
from .answers import Answer, answer
from .ask import Ask, Route
from .backend import Backend, Moment
from .bodies import ApiLanguage, Language
from .calls import Call, Script
from .decision_answers import Decider, decide
from .desk import Desk
from .effects import Wire
from .ledger import Ledger, Statistics
from .plan import Plan
from .service import own_headers, refused
from .settings import ANY, Simulation
from .shelf import Shelf

ModelEndpoint = Literal["chat", "decisions"]

_OUTAGES = {"reset": Wire.RESET_BEFORE_HEADERS, "refuse": Wire.REFUSED}


class Provider:
    """Decides what becomes of each call, and counts it.

    `script` decides for tests what goes wrong with a call; `answers` and `decide` give other answers than the built-in
    ones; `language` is for a client that does not speak as the API does, whose replies can be neither stored nor looked
    at; `record` keeps every call with its reply in `calls`, without bound; `wall_clock` (seconds since 1970) says when
    what is stored was made. A call with `store` is answered, billed and stored to the end, whether its client waits or
    not.
    """

    def __init__(
        self,
        simulation: Simulation | None = None,
        *,
        script: Script | None = None,
        answers: Callable[[Mapping[str, object]], Answer] = answer,
        decide: Decider = decide,
        language: Language | None = None,
        record: bool = False,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        self.simulation = simulation or Simulation()
        self.shelf = Shelf(self.simulation.stored_completions)
        """What is stored, for `GET /v1/chat/completions`."""
        self._wall_clock = wall_clock
        self._began_s: float | None = None
        self._began_wall_s = 0.0
        self._ledger = Ledger(self.simulation.remembered_calls)
        self._backend = Backend(
            self.simulation,
            self._ledger,
            language=language or ApiLanguage(self.simulation.seed),
            script=script,
            answers=answers,
            decide=decide,
            record=record,
        )
        self._desk = Desk(self.simulation, answer=self._execute, stamp=lambda at_s: int(self._began_wall_s + at_s))

    @property
    def calls(self) -> list[Call]:
        """Every call to a model with a readable body, in order of arrival, when they are recorded."""
        return self._backend.calls

    @property
    def statistics(self) -> Statistics:
        """What was seen until now; of batches, what had been done when somebody last called files or batches, or
        `catch_up`."""
        return self._ledger.statistics()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that `GET /v1/models` lists."""
        return tuple(name for name in self.simulation.models if name != ANY) or ("simulated",)

    def begin(self, clock_s: float) -> None:
        """Start the time of faults and outages; otherwise the first call does."""
        if self._began_s is None:
            self._began_s, self._began_wall_s = clock_s, self._wall_clock()

    def arrive(self, body: bytes, headers: Mapping[str, str], clock_s: float, endpoint: ModelEndpoint = "chat") -> Plan:
        """Decide about a call that comes at `clock_s`; each call ends in `end`. Names of headers are in lower case."""
        self.begin(clock_s)
        moment = Moment(clock_s - (self._began_s or 0.0), clock_s, self._wall_clock())
        arrival = self._backend.receive(body, headers, moment, endpoint)
        plan = self._gate(arrival.index, headers, moment.now_s) or self._backend.read(arrival, body)
        if plan.kept is not None:
            self.shelf.expect(plan.kept, clock_s + plan.first_s, clock_s)
        self._ledger.begin(plan)
        return plan

    def manage(self, ask: Ask, route: Route, headers: Mapping[str, str], clock_s: float) -> Plan:
        """Decide about a call to files or batches that comes at `clock_s`; it too ends in `end`."""
        self.begin(clock_s)
        now_s = clock_s - (self._began_s or 0.0)
        plan = self._gate(self._backend.arrived, headers, now_s) or self._desk.plan(ask, route, now_s)
        plan = plan._replace(endpoint=route.endpoint)
        self._ledger.begin(plan)
        return plan

    def catch_up(self, clock_s: float) -> None:
        """Do what was due in batches by now."""
        self._desk.work.settle(clock_s - (clock_s if self._began_s is None else self._began_s))

    def look(self, headers: Mapping[str, str], clock_s: float) -> Plan | None:
        """Return the plan for a look at the models that an outage or a wrong key keeps out; looks are not counted."""
        now_s = clock_s - (clock_s if self._began_s is None else self._began_s)
        return self._gate(self._backend.arrived, headers, now_s)

    def end(self, plan: Plan, clock_s: float, *, whole: bool) -> None:
        """Count what became of a plan; `whole` tells whether the client has got all of the reply."""
        outcome = plan.outcome if whole or plan.wire not in {Wire.WHOLE, Wire.TRICKLE} else "abandoned"
        self._ledger.end(plan, outcome, delivered=whole)
        if plan.call is not None and whole:
            _note(plan, plan.call, clock_s)
        collected = self._desk.work.collect(plan.collects) if plan.collects is not None and whole else None
        if collected is not None:
            self._ledger.deliver(*collected)

    def _execute(self, body: bytes, at_s: float) -> Plan:
        """Answer and bill a request out of a batch, at so many seconds since the beginning."""
        clock_s = (self._began_s or 0.0) + at_s
        arrival = self._backend.receive(body, {}, Moment(at_s, clock_s, self._began_wall_s + at_s), "batched")
        plan = self._backend.read(arrival, body)._replace(endpoint="batched")
        self._ledger.note(plan)
        if plan.call is not None:
            _note(plan, plan.call, clock_s)
        return plan

    def _gate(self, index: int, headers: Mapping[str, str], now_s: float) -> Plan | None:
        simulation = self.simulation
        for outage in simulation.outages:
            if outage.covers(now_s):
                wire = _OUTAGES.get(outage.kind, Wire.WHOLE)
                return refused(refusals.outage(), own_headers(index), wire=wire)
        if simulation.api_key is not None and not _has_key(headers, simulation.api_key):
            return refused(refusals.no_key(), own_headers(index))
        return None


def _note(plan: Plan, call: Call, clock_s: float) -> None:
    """Write into a recorded call what came of it."""
    call.answered, call.status, call.reply = clock_s, plan.status, plan.reply
    call.usage = plan.reply.get("usage") if plan.reply else None


def _has_key(headers: Mapping[str, str], key: str) -> bool:
    """Tell whether a call carries the key, as OpenAI or as Azure wants it."""
    return headers.get("authorization") == f"Bearer {key}" or headers.get("api-key") == key
