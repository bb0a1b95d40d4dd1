"""The provider itself, without clock, sockets or files: a call comes in, a plan for its reply comes out.

The order in which a call is looked at: outage, key, form, model, script, limits, faults, what the model takes, context
window; then it is answered. A call that is refused by its form or its key takes nothing from the limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import time

from . import refusals
from .answers import Answer, answer
from .calls import Call, Script, scripted
from .deployment import Deployment
from .draws import Draws, Repetitions, identify
from .effects import Json, Wire
from .ledger import Ledger, Statistics
from .plan import Plan
from .prompts import read_prompt
from .refusals import Refusal
from .requests import read_body, refused_by_form
from .service import Arrival, Reading, own_headers, refused, serve
from .settings import ANY, Simulation
from .shelf import Shelf
from .tiers import service_of

_OUTAGES = {"reset": Wire.RESET_BEFORE_HEADERS, "refuse": Wire.REFUSED}


class Provider:
    """Decides what becomes of each call, and counts it.

    `script` decides for tests what goes wrong with a call; `answers` gives other answers than the built-in ones;
    `record` keeps every call with its reply in `calls`, without bound; `wall_clock` (seconds since 1970) says when what
    is stored was made. A call with `store` is answered, billed and stored to the end, whether its client waits or not.
    """

    def __init__(
        self,
        simulation: Simulation | None = None,
        *,
        script: Script | None = None,
        answers: Callable[[Mapping[str, object]], Answer] = answer,
        record: bool = False,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        self.simulation = simulation or Simulation()
        self.calls: list[Call] = []
        """Every call with a readable body, in order of arrival, when they are recorded."""
        self.shelf = Shelf(self.simulation.stored_completions)
        """What is stored, for `GET /v1/chat/completions`."""
        self._wall_clock = wall_clock
        self._script = script
        self._answers = answers
        self._record = record
        self._began_s: float | None = None
        self._arrived = 0
        self._deployments: dict[str, Deployment] = {}
        self._repetitions = Repetitions(self.simulation.remembered_calls)
        self._ledger = Ledger(self.simulation.remembered_calls)

    @property
    def statistics(self) -> Statistics:
        """What was seen until now."""
        return self._ledger.statistics()

    @property
    def models(self) -> tuple[str, ...]:
        """The models that `GET /v1/models` lists."""
        return tuple(name for name in self.simulation.models if name != ANY) or ("simulated",)

    def has(self, model: str) -> bool:
        """Tell whether there is a model of this name."""
        return self.simulation.behaviour(model) is not None

    def begin(self, clock_s: float) -> None:
        """Start the time of faults and outages; otherwise the first call does."""
        if self._began_s is None:
            self._began_s = clock_s

    def arrive(self, body: bytes, headers: Mapping[str, str], clock_s: float) -> Plan:
        """Decide about a call that comes at `clock_s`; each call ends in `end`. Names of headers are in lower case."""
        self.begin(clock_s)
        identity = identify(body, self.simulation.seed)
        draws = Draws(identity, self._repetitions.count(identity))
        now_s = clock_s - (self._began_s or 0.0)
        arrival = Arrival(self._arrived, identity, draws, headers, now_s, clock_s, self._wall_clock())
        self._arrived += 1
        plan = self._gate(arrival.index, headers, now_s) or self._read(arrival, body)
        if plan.kept is not None:
            self.shelf.expect(plan.kept, clock_s + plan.first_s, clock_s)
        self._ledger.begin(plan)
        return plan

    def look(self, headers: Mapping[str, str], clock_s: float) -> Plan | None:
        """Return the plan for a look at the models that an outage or a wrong key keeps out; looks are not counted."""
        return self._gate(self._arrived, headers, clock_s - (clock_s if self._began_s is None else self._began_s))

    def end(self, plan: Plan, clock_s: float, *, whole: bool) -> None:
        """Count what became of a plan; `whole` tells whether the client has got all of the reply."""
        outcome = plan.outcome if whole or plan.wire not in {Wire.WHOLE, Wire.TRICKLE} else "abandoned"
        self._ledger.end(plan, outcome, delivered=whole)
        if plan.call is not None and whole:
            plan.call.answered, plan.call.status, plan.call.reply = clock_s, plan.status, plan.reply
            plan.call.usage = plan.reply.get("usage") if plan.reply else None

    # ------------------------------------------------------------------------------------------- before it is let in

    def _gate(self, index: int, headers: Mapping[str, str], now_s: float) -> Plan | None:
        simulation = self.simulation
        outage = next((outage for outage in simulation.outages if outage.covers(now_s)), None)
        if outage is not None:
            wire = _OUTAGES.get(outage.kind, Wire.WHOLE)
            return refused(refusals.outage(), own_headers(index), wire=wire)
        if simulation.api_key is not None and not _has_key(headers, simulation.api_key):
            return refused(refusals.no_key(), own_headers(index))
        return None

    def _read(self, arrival: Arrival, raw: bytes) -> Plan:
        body = read_body(raw)
        if isinstance(body, Refusal):
            return refused(body, own_headers(arrival.index))
        if (refusal := refused_by_form(body)) is not None:
            return refused(refusal, own_headers(arrival.index) | self._announced(body.get("model"), arrival.now_s))
        call = self._call(arrival, body)
        deployment = self._deployment(body["model"])
        if deployment is None:
            return refused(refusals.no_model(body["model"]), own_headers(arrival.index), call=call)
        prompt = read_prompt(body)
        in_flight = self._ledger.in_flight(body["model"]) + 1
        service = service_of(body, deployment.model.flex, arrival.draws)
        reading = Reading(arrival, body, body["model"], deployment, prompt, prompt.text, in_flight, call, service)
        scripted_fault = scripted(self._script, call) if call is not None else None
        return serve(reading, scripted_fault, self.simulation.faults, self._answers)

    def _announced(self, model: object, now_s: float) -> dict[str, str]:
        """Return what is known of the limits of a model, if it is one."""
        deployment = self._deployment(model) if isinstance(model, str) else None
        return {} if deployment is None else deployment.limits.headers(now_s)

    def _call(self, arrival: Arrival, body: Json) -> Call | None:
        if not self._record and self._script is None:
            return None
        call = Call(arrival.index, body, arrival.headers, arrival.clock_s)
        if self._record:
            self.calls.append(call)
        return call

    def _deployment(self, model: str) -> Deployment | None:
        found = self._deployments.get(model)
        if found is None and (behaviour := self.simulation.behaviour(model)) is not None:
            found = self._deployments[model] = Deployment(model, behaviour)
        return found


def _has_key(headers: Mapping[str, str], key: str) -> bool:
    """Tell whether a call carries the key, as OpenAI or as Azure wants it."""
    return headers.get("authorization") == f"Bearer {key}" or headers.get("api-key") == key
