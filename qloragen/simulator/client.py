"""The provider in process: an `engine.client.Client` on the event loop's clock, for whole runs in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from urllib.parse import urlencode

import anyio

from ..engine.client import ConnectionLost, HttpReply
from .effects import Wire
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
        plan = self._provider.arrive(body, self._headers, anyio.current_time())
        whole = False
        try:
            await _wait(plan, timeout_s)
            whole = True
        finally:
            self._provider.end(plan, anyio.current_time(), whole=whole)
        return HttpReply(plan.status, plan.body, plan.headers)

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """See `engine.client.Listing.get`; a look takes no time.

        Raises:
            ConnectionLost: an outage lets nobody in.
        """
        del timeout_s
        now_s = anyio.current_time()
        kept_out = self._provider.look(self._headers, now_s)
        if kept_out is not None and kept_out.wire is not Wire.WHOLE:
            raise ConnectionLost(_LOST[kept_out.wire], maybe_paid=False)
        if kept_out is not None:
            return HttpReply(kept_out.status, kept_out.body, kept_out.headers)
        return HttpReply(*look_up(self._provider, Look("GET", path, urlencode(query)), now_s))


async def _wait(plan: Plan, timeout_s: float) -> None:
    lost = _LOST.get(plan.wire)
    ends_s = plan.first_s if lost else inf if plan.wire in _ENDLESS else plan.last_s
    await anyio.sleep(min(ends_s, timeout_s))
    if ends_s > timeout_s:
        raise ConnectionLost(f"no whole reply within {timeout_s:g} s", timed_out=True)
    if lost:
        raise ConnectionLost(lost, maybe_paid=plan.wire is not Wire.REFUSED)
