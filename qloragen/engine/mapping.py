"""Many requests through one function, as they finish, with bounded memory."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

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
    work = _Work(complete, requests)
    send, receive = anyio.create_memory_object_stream[Outcome](at_once)
    async with background(work.hire, at_once, send):
        with receive:
            yield work.outcomes(receive)


class _Work:
    """Requests that workers help themselves to, and why they ended early, if they did."""

    def __init__(self, complete: Complete, requests: Iterable[Request] | AsyncIterable[Request]) -> None:
        self._complete = complete
        self._requests = aiter(requests) if isinstance(requests, AsyncIterable) else iter(requests)
        self._turn = anyio.Lock(fast_acquire=True)
        self._ended = False
        self._error: Exception | None = None

    async def hire(self, most: int, send: MemoryObjectSendStream[Outcome]) -> None:
        """Give each request a worker of its own, until there are enough of them; returns when they have done all."""
        async with anyio.create_task_group() as workers:
            with send:
                for _ in range(most):
                    request = await self._take()
                    if request is None:
                        break
                    workers.start_soon(self._work, request, send.clone())

    async def outcomes(self, receive: MemoryObjectReceiveStream[Outcome]) -> AsyncIterator[Outcome]:
        """Yield what the workers send; raises what ended them early."""
        async for outcome in receive:
            yield outcome
        if self._error is not None:
            raise self._error

    async def _work(self, request: Request | None, send: MemoryObjectSendStream[Outcome]) -> None:
        with send:
            try:
                while request is not None:
                    await send.send((request, await self._outcome(request)))
                    request = await self._take()
            except RunStopped as reason:
                self._error, self._ended = reason, True
            except anyio.BrokenResourceError:
                self._ended = True  # nobody takes outcomes any more

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
