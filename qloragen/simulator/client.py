"""The provider in process: an `engine.client.Client` on the event loop's clock, for whole runs in virtual time."""

from __future__ import annotations

from math import inf

import anyio

from ..engine.client import ConnectionLost, HttpReply
from .effects import Wire
from .plan import Plan
from .provider import Provider

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


async def _wait(plan: Plan, timeout_s: float) -> None:
    lost = _LOST.get(plan.wire)
    ends_s = plan.first_s if lost else inf if plan.wire in _ENDLESS else plan.last_s
    await anyio.sleep(min(ends_s, timeout_s))
    if ends_s > timeout_s:
        raise ConnectionLost(f"no whole reply within {timeout_s:g} s", timed_out=True)
    if lost:
        raise ConnectionLost(lost, maybe_paid=plan.wire is not Wire.REFUSED)
