"""One connection of the HTTP server: acts out the plans of its calls, one after the other."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable

from .effects import Wire
from .http1 import CONTINUE, HttpRequest, NotHttp, RequestReader, head
from .plan import Plan
from .provider import Provider
from .refusals import error_body
from .routes import CHAT, look_up

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: closing drops what is unsent and sends a reset."""
_BEFORE_RESET_S = 0.02
"""Time for the headers to be read before the reset overtakes them."""


class Connection(asyncio.Protocol):
    """Reads requests, and writes each reply when its time has come. The client's going away ends its call."""

    def __init__(self, provider: Provider, open_connections: set[Connection]) -> None:
        self._provider = provider
        self._open = open_connections
        self._loop = asyncio.get_running_loop()
        self._reader = RequestReader()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._plan: Plan | None = None
        """Of the call in flight."""
        self._keep_alive = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._open.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        del exc
        self._open.discard(self)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._end(whole=False)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        self._reader.feed(data)
        if self._plan is None:
            self._read()

    def abort(self) -> None:
        """Reset the connection."""
        if self._transport is not None:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()

    def _read(self) -> None:
        """Take up requests until one keeps the connection busy."""
        try:
            while self._plan is None and self._transport is not None and (request := self._reader.next()):
                self._take_up(request)
        except NotHttp as error:
            body = error_body({"message": f"Bad request: {error}.", "type": "invalid_request_error"})
            self._write(head(error.status, {"content-type": "application/json"}, len(body), keep_alive=False), body)
            self._close()
        else:
            if self._plan is None and self._reader.should_continue():
                self._write(CONTINUE)

    def _take_up(self, request: HttpRequest) -> None:
        self._keep_alive = request.keep_alive
        if request.method == "POST" and request.path.endswith(CHAT):
            self._plan = self._provider.arrive(request.body, request.headers, self._loop.time())
            if self._plan.wire is Wire.HANG:
                return
            self._later(self._plan.first_s, self._answer)
        else:
            status, body = look_up(self._provider, request.method, request.path)
            headers = {"content-type": "application/json"}
            self._write(head(status, headers, len(body), keep_alive=self._keep_alive), body)
            self._close_unless_kept()

    # -------------------------------------------------------------------------------------------------- the reply

    def _answer(self) -> None:
        plan = self._plan
        assert plan is not None
        if plan.wire in {Wire.RESET_BEFORE_HEADERS, Wire.REFUSED}:
            self.abort()
            return
        beginning = head(plan.status, plan.headers, len(plan.body), keep_alive=self._keep_alive)
        if plan.wire is Wire.WHOLE:
            self._write(beginning, plan.body)
            self._done()
        elif plan.wire is Wire.TRICKLE:
            self._write(beginning)
            self._trickle(deque(plan.pieces), plan.gap_s)
        else:
            self._write(beginning, plan.head_only)
            self._break(plan.wire)

    def _break(self, wire: Wire) -> None:
        if wire is Wire.TRUNCATED:
            self._close()
        elif wire is Wire.RESET_AFTER_HEADERS:
            self._later(_BEFORE_RESET_S, self.abort)

    def _trickle(self, pieces: deque[bytes], gap_s: float) -> None:
        self._write(pieces.popleft())
        if pieces:
            self._later(gap_s, lambda: self._trickle(pieces, gap_s))
        else:
            self._done()

    def _done(self) -> None:
        self._end(whole=True)
        self._close_unless_kept()
        if self._timer is not None:
            # Not from within a request that is being taken up: that loop goes on by itself.
            self._timer = None
            self._read()

    def _end(self, *, whole: bool) -> None:
        if self._plan is not None:
            plan, self._plan = self._plan, None
            self._provider.end(plan, self._loop.time(), whole=whole)

    # -------------------------------------------------------------------------------------------------- the socket

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        if seconds > 0:
            self._timer = self._loop.call_later(seconds, act)
        else:
            act()

    def _write(self, *parts: bytes) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(parts))

    def _close_unless_kept(self) -> None:
        if not self._keep_alive:
            self._close()

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()
