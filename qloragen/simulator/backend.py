"""The models behind the provider: reads what is asked of them, and decides what it gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from . import refusals
from .answers import Answer
from .bodies import Asked, Language, Unreadable
from .calls import Call, Script, scripted
from .decision_answers import Decider
from .decisions import answer_decisions
from .deployment import Deployment
from .draws import Draws, Repetitions
from .effects import Json
from .faults import Endpoint
from .ledger import Ledger
from .plan import Plan
from .prompts import cap_tokens
from .reading import Arrival, Reading
from .service import Answering, answer_chat, own_headers, refused, serve
from .settings import Simulation
from .tiers import Service, service_of

_SERVICES: Mapping[str, Service] = {"batched": "batch", "decisions": "decisions"}


class Moment(NamedTuple):
    """One time on three clocks, in seconds."""

    now_s: float
    """Since the simulator began."""
    clock_s: float
    """On the shell's clock."""
    wall_s: float
    """Since 1970."""


class Backend:
    """All models; `calls` are those that were recorded."""

    def __init__(
        self,
        simulation: Simulation,
        ledger: Ledger,
        *,
        language: Language,
        script: Script | None,
        answers: Callable[[Mapping[str, object]], Answer],
        decide: Decider,
        record: bool,
    ) -> None:
        self.calls: list[Call] = []
        self.arrived = 0
        self._simulation = simulation
        self._ledger = ledger
        self._language = language
        self._script = script
        chat = partial(answer_chat, answers=answers, word=language.word)
        decisions = partial(answer_decisions, decider=decide)
        self._answering: Mapping[str, Answering] = {"chat": chat, "batched": chat, "decisions": decisions}
        self._record = record
        self._deployments: dict[str, Deployment] = {}
        self._repetitions = Repetitions(simulation.remembered_calls)

    def receive(self, raw: bytes, headers: Mapping[str, str], moment: Moment, endpoint: Endpoint) -> Arrival:
        """Give a call its number and its chances."""
        identity = self._language.identify(raw)
        draws = Draws(identity, self._repetitions.count(identity))
        self.arrived += 1
        return Arrival(self.arrived - 1, identity, draws, headers, *moment, endpoint)

    def read(self, arrival: Arrival, raw: bytes) -> Plan:
        """Decide about a call."""
        asked = self._language.read(raw, arrival.endpoint)
        if isinstance(asked, Unreadable):
            return refused(asked.refusal, own_headers(arrival.index) | self._announced(asked.model, arrival.now_s))
        call = self._call(arrival, asked.body)
        deployment = self._deployment(asked.body["model"])
        if deployment is None:
            return refused(refusals.no_model(asked.body["model"]), own_headers(arrival.index), call=call)
        reading = self._reading(arrival, asked, deployment, call)
        scripted_fault = scripted(self._script, call) if call is not None else None
        return serve(reading, scripted_fault, self._simulation.faults, self._answering[arrival.endpoint])

    def _reading(self, arrival: Arrival, asked: Asked, deployment: Deployment, call: Call | None) -> Reading:
        body, model = asked.body, asked.body["model"]
        in_flight = self._ledger.in_flight(model) + 1
        service = _SERVICES.get(arrival.endpoint) or service_of(body, deployment.model.flex, arrival.draws)
        return Reading(arrival, body, model, deployment, cap_tokens(body), asked.prompt, in_flight, call, service)

    def _announced(self, model: object, now_s: float) -> dict[str, str]:
        """Return what is known of the limits of a model, if it is one."""
        deployment = self._deployment(model) if isinstance(model, str) else None
        return {} if deployment is None else deployment.limits.headers(now_s)

    def _call(self, arrival: Arrival, body: Json) -> Call | None:
        if not self._record and self._script is None:
            return None
        call = Call(arrival.index, body, arrival.headers, arrival.clock_s, endpoint=arrival.endpoint)
        if self._record:
            self.calls.append(call)
        return call

    def _deployment(self, model: str) -> Deployment | None:
        found = self._deployments.get(model)
        if found is None and (behaviour := self._simulation.behaviour(model)) is not None:
            found = self._deployments[model] = Deployment(model, behaviour)
        return found
