"""Many requests through one function, as they finish, with bounded memory."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing, asynccontextmanager

import anyio
from anyio.abc import TaskGroup

from ..background import background
from ..errors import RequestFailed
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
        self._came = asyncio.Event()
        """Something lies here, or the end has come; one event for all times, since a new one for each outcome costs."""
        self._room = asyncio.Event()
        """Set for a moment, to wake those who wait for room."""
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
                    self._room.clear()
            if self._ended:
                return
            self._came.clear()
            await self._came.wait()


class _Work:
    """Requests on their way to workers, and why they ended early, if they did.

    Workers help themselves from an ordinary iterable. Of an asynchronous one a single task takes, and closes it: a
    generator that holds task groups or cancel scopes of its own (another map, say) must be entered and left in the same
    task.
    """

    def __init__(
        self, complete: Complete, requests: Iterable[Request] | AsyncIterable[Request], outcomes: _Outcomes
    ) -> None:
        self._complete = complete
        self._source = requests
        self._outcomes = outcomes
        self._ready = asyncio.Queue[Request | None](maxsize=1)
        """From an asynchronous source; None is the end, for every worker."""
        self._feeding = anyio.CancelScope()
        self._error: Exception | None = None

    async def hire(self, most: int) -> None:
        """Give each request a worker of its own, until there are enough of them; returns when they have done all."""
        async with anyio.create_task_group() as workers:
            if isinstance(self._source, AsyncIterable):
                with self._feeding:
                    await self._feed(self._source, workers, most)
                await self._ready.put(None)
            else:
                self._share(iter(self._source), workers, most)
        self._outcomes.end()

    def _share(self, requests: Iterator[Request], workers: TaskGroup, most: int) -> None:
        async def take() -> Request | None:
            try:
                return None if self._error is not None else next(requests, None)
            except Exception as error:  # noqa: BLE001 - the source is anybody's code; what is under way is finished first
                self._error = self._error or error
                return None

        for _ in range(most):
            workers.start_soon(self._work, take)

    async def _feed(self, source: AsyncIterable[Request], workers: TaskGroup, most: int) -> None:
        hired = 0
        try:
            async with aclosing(_each(source)) as requests:
                async for request in requests:
                    if hired < most:
                        hired += 1
                        workers.start_soon(self._work, self._fed)
                    await self._ready.put(request)
        except Exception as error:  # noqa: BLE001 - the source is anybody's code; what is under way is finished first
            self._error = self._error or error

    async def _fed(self) -> Request | None:
        request = await self._ready.get()
        if request is None:
            self._ready.put_nowait(None)
        return request

    async def outcomes(self) -> AsyncIterator[Outcome]:
        """Yield what the workers leave; raises what ended them early."""
        async for outcome in self._outcomes.taken():
            yield outcome
        if self._error is not None:
            raise self._error

    async def _work(self, take: Callable[[], Awaitable[Request | None]]) -> None:
        while (request := await take()) is not None:
            try:
                outcome: Completion | RequestFailed = await self._complete(request)
            except RequestFailed as failed:
                outcome = failed
            except Exception as error:  # noqa: BLE001 - it is raised where the outcomes are taken
                self._error = self._error or error
                self._feeding.cancel()  # the source may be waiting for something that never comes
                continue
            await self._outcomes.put((request, outcome))


async def _each(source: AsyncIterable[Request]) -> AsyncGenerator[Request]:
    requests = aiter(source)
    try:
        async for request in requests:
            yield request
    finally:
        if isinstance(requests, AsyncGenerator):
            await requests.aclose()
