"""One connection of the HTTP server: acts out the plans of its calls, one after the other."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from .ask import Ask, route_of
from .effects import Wire
from .http1 import CONTINUE, HttpRequest, NotHttp, RequestReader, head
from .outlet import Outlet
from .plan import Plan
from .provider import Provider
from .refusals import error_body
from .routes import CHAT, DECISIONS, Look, is_gated, look_up

_MOST_WAITING_BYTES = 2**20
"""Of calls behind the one that is answered; no more is read until then."""
_BEFORE_RESET_S = 0.02
"""Time for the headers to be read before the reset overtakes them."""


class Connection(asyncio.Protocol):
    """Reads requests, and writes each reply when its time has come. The client's going away ends its call."""

    def __init__(self, provider: Provider, open_connections: set[Connection]) -> None:
        self._provider = provider
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader()
        self._outlet = Outlet()
        self._timer: asyncio.TimerHandle | None = None
        self._plan: Plan | None = None
        """Of the call in flight."""
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._outlet.open(transport)
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        del exc
        self._open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self._end(whole=False)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._reader.feed(data)
        self._read()
        if self._plan is not None and self._reader.buffered_bytes > _MOST_WAITING_BYTES:
            self._outlet.pause()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`.

        Who asked to close the connection after the reply and sends no more may still wait for it; all others are gone.
        """
        return self._plan is not None and not self._keep_alive

    def abort(self) -> None:
        """Reset the connection."""
        self._outlet.reset()

    def _read(self) -> None:
        """Take up requests until one keeps the connection busy."""
        try:
            while self._plan is None and self._outlet.is_open and (request := self._reader.next()):
                self._take_up(request)
        except NotHttp as error:
            body = error_body({"message": f"Bad request: {error}.", "type": "invalid_request_error"})
            self._outlet.write(head(error.status, {"content-type": "application/json"}, len(body), keep_alive=False))
            self._outlet.write(body)
            self._outlet.close()
        else:
            if self._plan is None:
                self._outlet.resume()
                if self._reader.should_continue():
                    self._outlet.write(CONTINUE)

    def _take_up(self, request: HttpRequest) -> None:
        self._keep_alive = request.keep_alive
        self._plan = self._planned(request)
        if self._plan is not None:
            if self._plan.wire is not Wire.HANG:
                self._later(self._plan.first_s, self._answer)
            return
        kept_out = self._provider.look(request.headers, self._loop.time()) if is_gated(request.path) else None
        if kept_out is not None and kept_out.wire is not Wire.WHOLE:
            self.abort()
        elif kept_out is not None:
            self._show(request, kept_out.status, kept_out.body)
        else:
            look = Look(request.method, request.path, request.query)
            self._show(request, *look_up(self._provider, look, self._loop.time()))

    def _planned(self, request: HttpRequest) -> Plan | None:
        """Return the plan of a call that is more than a look."""
        if request.method == "POST" and request.path.endswith(CHAT):
            return self._provider.arrive(request.body, request.headers, self._loop.time())
        if request.method == "POST" and request.path.endswith(DECISIONS):
            return self._provider.arrive(request.body, request.headers, self._loop.time(), "decisions")
        route = route_of(request.path)
        if route is None or request.method == "HEAD":
            return None
        kind = request.headers.get("content-type", "")
        ask = Ask(request.method, request.path, request.query, request.body, kind)
        return self._provider.manage(ask, route, request.headers, self._loop.time())

    def _show(self, request: HttpRequest, status: int, body: bytes) -> None:
        beginning = head(status, {"content-type": "application/json"}, len(body), keep_alive=self._keep_alive)
        self._outlet.write(beginning if request.method == "HEAD" else beginning + body)
        self._done()

    # -------------------------------------------------------------------------------------------------- the reply

    def _answer(self) -> None:
        plan = self._plan
        assert plan is not None
        beginning = head(plan.status, plan.headers, len(plan.body), keep_alive=self._keep_alive)
        match plan.wire:
            case Wire.RESET_BEFORE_HEADERS | Wire.REFUSED:
                self.abort()
            case Wire.TRICKLE:
                self._outlet.write(beginning)
                self._trickle(deque(plan.pieces), plan.gap_s)
            case Wire.WHOLE:
                self._outlet.write(beginning + plan.body)
                self._done()
            case Wire.TRUNCATED:
                self._outlet.write(beginning + plan.half)
                self._outlet.close()
            case Wire.RESET_AFTER_HEADERS:
                self._outlet.write(beginning)
                self._later(_BEFORE_RESET_S, self.abort)
            case _:
                self._outlet.write(beginning + plan.half)

    def _trickle(self, pieces: deque[bytes], gap_s: float) -> None:
        self._outlet.write(pieces.popleft())
        if pieces:
            self._later(gap_s, lambda: self._trickle(pieces, gap_s))
        else:
            self._done()

    def _done(self) -> None:
        self._end(whole=True)
        if not self._keep_alive:
            self._outlet.close()

    def _end(self, *, whole: bool) -> None:
        if self._plan is not None:
            plan, self._plan = self._plan, None
            self._provider.end(plan, self._loop.time(), whole=whole)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        if seconds <= 0:
            act()
            return

        def wake() -> None:
            act()
            self._read()

        self._timer = self._loop.call_later(seconds, wake)
