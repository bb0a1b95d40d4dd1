"""`/v1/files` and `/v1/batches`, without sockets: a call comes in, a plan for its reply comes out.

    POST   /v1/files                     GET  /v1/batches
    GET    /v1/files                     POST /v1/batches
    GET    /v1/files/{id}                GET  /v1/batches/{id}
    GET    /v1/files/{id}/content        POST /v1/batches/{id}/cancel
    DELETE /v1/files/{id}

Faults strike these calls where their `endpoints` name `files` or `batches`. One that breaks the reply after its headers
leaves done what was asked for; one that is an error, a reset before the headers or silence leaves it undone. What is
made says that it was made at the wall clock of the simulator's beginning plus what has passed since on the clock that
calls come with, so that times agree with each other in virtual time too.

Unverified: the words for what is not there, for files that are too large, and for too many batches in an hour.
"""

from __future__ import annotations

from collections.abc import Callable

import orjson

from . import refusals
from .ask import Ask, Route
from .batch_desk import BatchDesk
from .batching import BatchWork
from .draws import Draws, Repetitions, identify
from .effects import WELL
from .faults import Fault, struck
from .file_desk import FileDesk
from .filing import Cabinet
from .plan import Plan
from .refusals import Refusal
from .service import broken, own_headers, refused, without_answer
from .settings import Simulation


class Desk:
    """Decides what becomes of each call to files and batches.

    `answer` executes a request out of a batch at a time, in seconds since the simulator began, and bills it; `stamp`
    turns such a time into one since 1970.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        answer: Callable[[bytes, float], Plan],
        stamp: Callable[[float], int],
    ) -> None:
        self._faults = simulation.faults
        self._seed = simulation.seed
        self._repetitions = Repetitions(simulation.remembered_calls)
        self._asked = 0
        self._cabinet = Cabinet()
        self._files = FileDesk(self._cabinet, simulation.batches.most_bytes, stamp)
        self.work = BatchWork(
            simulation.batches,
            simulation.seed,
            self._cabinet,
            answer=answer,
            has_model=lambda model: simulation.behaviour(model) is not None,
            remembered=simulation.remembered_calls,
        )
        self._batches = BatchDesk(self.work, self._cabinet, stamp)

    def plan(self, ask: Ask, route: Route, now_s: float) -> Plan:
        """Decide about a call."""
        headers = own_headers(f"{route.endpoint}_{self._asked}")
        fault = self._struck(ask, route, now_s)
        self._asked += 1
        effect = fault.does if fault is not None else WELL
        if fault is not None and without_answer(effect):
            return broken(fault.kind, effect, headers, effect.delay_s)
        self.work.settle(now_s)
        desk = self._files if route.endpoint == "files" else self._batches
        found = desk.serve(ask, route, now_s)
        if found is None:
            found = refusals.no_path(ask.method, ask.path)
        if isinstance(found, Refusal):
            return refused(found, headers, first_s=effect.delay_s)
        headers["content-type"] = "application/octet-stream" if isinstance(found, bytes) else "application/json"
        headers.update(effect.headers)
        return Plan(
            "answered" if fault is None else fault.kind,
            200,
            headers,
            found if isinstance(found, bytes) else orjson.dumps(found),
            effect.delay_s,
            effect.wire,
            effect.gap_s,
            collects=route.id if isinstance(found, bytes) else None,
        )

    def _struck(self, ask: Ask, route: Route, now_s: float) -> Fault | None:
        if not self._faults:
            return None
        identity = identify(f"{ask.method} {ask.path}?{ask.query} ".encode() + ask.body, self._seed)
        draws = Draws(identity, self._repetitions.count(identity))
        return struck(self._faults, model=None, index=self._asked, now_s=now_s, draws=draws, endpoint=route.endpoint)
