"""The provider in process: an `engine.client.Client` on the event loop's clock, for whole runs in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

from ..engine.client import ConnectionLost, HttpReply
from .ask import Ask, route_of
from .effects import Wire
from .multipart import Part, write_form
from .plan import Plan
from .provider import Provider
from .routes import Look, look_up

_ENDLESS = frozenset({Wire.NEVER_ENDS, Wire.HANG})
_LOST = {
    Wire.RESET_BEFORE_HEADERS: "connection reset",
    Wire.RESET_AFTER_HEADERS: "connection reset after the headers",
    Wire.TRUNCATED: "connection closed in the middle of the body",
    Wire.REFUSED: "connection refused",
}


class SimulatedClient:
    """Passes each call to a provider and waits as long as the reply takes; of itself it keeps nothing."""

    def __init__(self, provider: Provider, *, api_key: str | None = None) -> None:
        self._provider = provider
        self._headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `engine.client.Client.post`.

        Raises:
            ConnectionLost: the reply broke on its way, or takes longer than `timeout_s`.
        """
        return await self._act_out(self._provider.arrive(body, self._headers, _now_s()), timeout_s)

    async def decide(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Make one attempt at `POST /decisions` with a JSON body.

        Raises:
            ConnectionLost: the reply broke on its way, or takes longer than `timeout_s`.
        """
        plan = self._provider.arrive(body, self._headers, _now_s(), "decisions")
        return await self._act_out(plan, timeout_s)

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """See `engine.client.Listing.get`; a look takes no time.

        Raises:
            ConnectionLost: an outage lets nobody in, or a fault at files or batches breaks the reply.
        """
        if route_of(path) is not None:
            return await self.ask(Ask("GET", path, urlencode(query)), timeout_s=timeout_s)
        now_s = _now_s()
        kept_out = self._provider.look(self._headers, now_s)
        if kept_out is not None and kept_out.wire is not Wire.WHOLE:
            raise ConnectionLost(_LOST[kept_out.wire], maybe_paid=False)
        if kept_out is not None:
            return HttpReply(kept_out.status, kept_out.body, kept_out.headers)
        return HttpReply(*look_up(self._provider, Look("GET", path, urlencode(query)), now_s))

    async def ask(self, ask: Ask, *, timeout_s: float) -> HttpReply:
        """Make one attempt at any call to `/files` or `/batches`, such as `Ask("POST", "/batches", body=...)`.

        Raises:
            ConnectionLost: the reply broke on its way, or takes longer than `timeout_s`.
            ValueError: the address is another.
        """
        route = route_of(ask.path)
        if route is None:
            raise ValueError(f"{ask.path} is neither of files nor of batches")
        return await self._act_out(self._provider.manage(ask, route, self._headers, _now_s()), timeout_s)

    async def upload(self, content: bytes, filename: str, *, timeout_s: float) -> HttpReply:
        """Make one attempt at `POST /files` with the file of a batch.

        Raises:
            ConnectionLost: the reply broke on its way, or takes longer than `timeout_s`.
        """
        kind, body = write_form({"purpose": Part(b"batch"), "file": Part(content, filename)})
        return await self.ask(Ask("POST", "/files", body=body, content_type=kind), timeout_s=timeout_s)

    async def _act_out(self, plan: Plan, timeout_s: float) -> HttpReply:
        lost, whole = _LOST.get(plan.wire), False
        ends_s = plan.first_s if lost else inf if plan.wire in _ENDLESS else plan.last_s
        try:
            await asyncio.sleep(min(ends_s, timeout_s))
            if ends_s > timeout_s:
                raise ConnectionLost(f"no whole reply within {timeout_s:g} s", timed_out=True)
            if lost:
                raise ConnectionLost(lost, maybe_paid=plan.wire is not Wire.REFUSED)
            whole = True
        finally:
            self._provider.end(plan, _now_s(), whole=whole)
        return HttpReply(plan.status, plan.body, plan.headers)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
