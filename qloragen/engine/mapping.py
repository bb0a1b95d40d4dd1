"""Many requests through one function, as they finish, with bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import anyio

from ..background import background
from ..errors import RequestFailed, RunStopped
from ..types import Completion, Request

Complete = Callable[[Request], Awaitable[Completion]]
Outcome = tuple[Request, Completion | RequestFailed]


@asynccontextmanager
async def mapped(
    complete: Complete, requests: Iterable[Request] | AsyncIterable[Request], at_once: int
) -> AsyncIterator[AsyncIterator[Outcome]]:
    """See `Engine.map`."""
    work = _Work(complete, requests, _Outcomes(at_once))
    async with background(work.hire, at_once):
        yield work.outcomes()


class _Outcomes:
    """A buffer between many workers and one taker. A stream of anyio's costs several times as much per item."""

    def __init__(self, most: int) -> None:
        self._left: deque[Outcome] = deque()
        self._most = most
        self._came = anyio.Event()
        self._room = anyio.Event()
        self._ended = False

    async def put(self, outcome: Outcome) -> None:
        """Leave an outcome; waits while too many lie here. When half of them are taken, all who wait may go on."""
        while len(self._left) >= self._most:
            await self._room.wait()
        self._left.append(outcome)
        self._came.set()

    def end(self) -> None:
        """Say that no more will come."""
        self._ended = True
        self._came.set()

    async def taken(self) -> AsyncIterator[Outcome]:
        """Yield the outcomes until the end."""
        while True:
            while self._left:
                yield self._left.popleft()
                if len(self._left) <= self._most // 2:
                    self._room.set()
                    self._room = anyio.Event()
            if self._ended:
                return
            self._came = anyio.Event()
            await self._came.wait()


class _Work:
    """Requests that workers help themselves to, and why they ended early, if they did."""

    def __init__(
        self, complete: Complete, requests: Iterable[Request] | AsyncIterable[Request], outcomes: _Outcomes
    ) -> None:
        self._complete = complete
        self._requests = aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        self._outcomes = outcomes
        self._turn = anyio.Lock(fast_acquire=True)
        self._ended = False
        self._error: Exception | None = None

    async def hire(self, most: int) -> None:
        """Give each request a worker of its own, until there are enough of them; returns when they have done all."""
        async with anyio.create_task_group() as workers:
            for _ in range(most):
                request = await self._take()
                if request is None:
                    break
                workers.start_soon(self._work, request)
        self._outcomes.end()

    async def outcomes(self) -> AsyncIterator[Outcome]:
        """Yield what the workers leave; raises what ended them early."""
        async for outcome in self._outcomes.taken():
            yield outcome
        if self._error is not None:
            raise self._error

    async def _work(self, request: Request | None) -> None:
        try:
            while request is not None:
                await self._outcomes.put((request, await self._outcome(request)))
                request = await self._take()
        except RunStopped as reason:
            self._error, self._ended = reason, True

    async def _outcome(self, request: Request) -> Completion | RequestFailed:
        try:
            return await self._complete(request)
        except RequestFailed as failed:
            return failed

    async def _take(self) -> Request | None:
        """Return the next request, None at the end of all."""
        async with self._turn:
            if self._ended:
                return None
            try:
                found = await self._next()
            except Exception as error:  # noqa: BLE001 - the source is anybody's code; what is under way is finished first
                self._error, found = error, None
            self._ended |= found is None
            return found

    async def _next(self) -> Request | None:
        requests = self._requests
        return await anext(requests, None) if isinstance(requests, AsyncIterator) else next(requests, None)
