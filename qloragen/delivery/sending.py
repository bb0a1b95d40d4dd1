"""All sinks of an open run, each followed by a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from math import inf

import anyio

from ..background import background
from ..errors import RunStopped, StorageFailed
from ..logs import get_logger
from ..sinks.values import Sink
from ..store.handle import Run
from ..words import counted
from .following import Acknowledged, Follower, Patience

FIRST_TRY_S = 15.0
"""So long a run waits for its sinks to be entered, to say what is wrong with them before it pays for anything."""
_SOON_S = 5.0
"""A wait that is longer is worth a line."""

log = get_logger()


class Delivery:
    """Brings the records of one run to its sinks; made by `delivering`."""

    def __init__(
        self,
        run: Run,
        sinks: Iterable[Sink],
        journal: Acknowledged,
        patience: Patience,
        stop: Callable[[RunStopped], None],
    ) -> None:
        self._followers = tuple(Follower(run, sink, journal, patience) for sink in sinks)
        self._journal = journal
        self._grace_s = patience.grace_s
        self._leave_at_s = inf
        self._waits: set[anyio.CancelScope] = set()
        self._stop = stop
        self._begun, self._ended = anyio.Event(), anyio.Event()

    @property
    def missing(self) -> Mapping[str, int]:
        """Records that sinks do not have as they are now, by the sink's name; those that have all are left out."""
        return {one.name: one.missing for one in self._followers if one.missing}

    @property
    def owed(self) -> str:
        """A sentence about them; empty where nothing is missing."""
        said = [f"{counted(count, 'record')} {_is(count)} not in {name} yet" for name, count in self.missing.items()]
        return f"{', and '.join(said)}." if said else ""

    @property
    def done(self) -> tuple[Follower, ...]:
        """What was done, for each sink."""
        return self._followers

    async def begin(self) -> None:
        """Enter the sinks, and bring them what is missing from now on. One that is down does not hold this up for long.

        Raises:
            SetupError: One cannot be used as it is.
            RunStopped: One has failed for good.
        """
        self._begun.set()
        with anyio.move_on_after(FIRST_TRY_S):
            for one in self._followers:
                await one.tried.wait()
        for one in self._followers:
            if one.failed:
                raise one.failed
            one.tried.set()  # from now on it stops a run that is at work

    async def delivered(self) -> None:
        """Return when all sinks have everything that is acknowledged by now, but for those that have failed, which has
        stopped the run; or when nobody is to wait any more (see `leave`)."""
        end = self._journal.acknowledged
        for one in self._followers:
            one.want()
        with self._waiting():
            with anyio.move_on_after(_SOON_S):
                await self._reached(end)
                return
            log.info("sinks_awaited", missing=dict(self.missing))
            await self._reached(end)

    async def _reached(self, end: int) -> None:
        for one in self._followers:
            await one.reached(end)

    def hurry(self) -> None:
        """Wait no longer than `grace_s` for sinks that are in trouble: the run is at its end."""
        for one in self._followers:
            one.hurry()

    def leave(self) -> None:
        """Let nobody wait for sinks for longer than `grace_s` from now: someone has asked the run to stop."""
        self.hurry()
        now_s = asyncio.get_running_loop().time()  # anyio knows no clock in a callback, such as that of a signal
        self._leave_at_s = min(self._leave_at_s, now_s + self._grace_s)
        for wait in self._waits:
            wait.deadline = self._leave_at_s

    def close(self) -> None:
        """Finish what is being handed over, and end."""
        for one in self._followers:
            one.close()

    async def work(self) -> None:
        """Follow, from the beginning on, until closed."""
        await self._begun.wait()
        async with anyio.create_task_group() as tasks:
            for one in self._followers:
                tasks.start_soon(self._followed, one)
        self._ended.set()

    async def end(self) -> None:
        """Bring sinks what is left, unless that takes longer than `grace_s`, and leave them."""
        if not self._begun.is_set():
            return
        self.leave()
        with self._waiting():
            with suppress(StorageFailed):
                await self._journal.durable()
            await self.delivered()
            self.close()
            await self._ended.wait()

    def tell(self) -> None:
        """Log what is missing."""
        for name, count in self.missing.items():
            log.warning("records_not_delivered", sink=name, records=count, what="the same command goes on with them")

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with anyio.CancelScope(deadline=self._leave_at_s) as wait:
            self._waits.add(wait)
            try:
                yield
            finally:
                self._waits.discard(wait)

    async def _followed(self, one: Follower) -> None:
        await one.work()
        if isinstance(one.failed, RunStopped):
            self._stop(one.failed)


@asynccontextmanager
async def delivering(
    run: Run,
    sinks: Iterable[Sink],
    journal: Acknowledged,
    patience: Patience,
    stop: Callable[[RunStopped], None],
) -> AsyncIterator[Delivery]:
    """Bring the records of `run` to `sinks` beside the block, once told to begin. After a block that was not cancelled
    they get `grace_s` for what is left then. `stop` is told when a sink has failed."""
    delivery = Delivery(run, sinks, journal, patience, stop)
    if not delivery.done:
        yield delivery
        return
    try:
        async with background(delivery.work):
            yield delivery
            await delivery.end()
    finally:
        delivery.tell()


def _is(count: int) -> str:
    return "is" if count == 1 else "are"
