"""Group commit: one task that writes and syncs what everybody queues, in a thread, while they wait together.

| durability | a line is acknowledged when | a loss of power may take |
|---|---|---|
| `process` | it is with the kernel | what the kernel has not written yet, some 30 s |
| `group` | its group is synced; one that is not full waits `commit_s` at most for more | nothing acknowledged |
| `record` | it is synced, at once | nothing acknowledged |

In all of them a line that is with the kernel survives the death of the process, and a paid reply is with the kernel
before the place of its call is given to another.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Literal

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from ..background import background
from ..errors import StorageFailed
from ..logs import get_logger
from .filing import Ends, Written, refused
from .handle import Moment, Run

Durability = Literal["process", "group", "record"]

FULL_GROUP_BYTES = 1 << 20
"""A group of this size is synced without waiting for more."""
SAVE_EVERY = 5_000
"""Changes after which the index is brought up to date: about what is read again after the death of a process."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 10.0
"""Between two tries to write to a disk that refuses."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Terms:
    """How safe lines are to be, and how patient to be with the disk."""

    durability: Durability = "group"
    commit_s: float = 0.05
    """Most time that a group waits for more lines; its sync comes on top."""
    patience_s: float = inf
    """So long is a disk that refuses tried again."""
    trouble: Callable[[str | None], None] = lambda _: None
    """Told in words when the disk refuses, and None when it takes lines again."""


_USUAL = Terms()


class Committer:
    """Makes the lines of one run safe; made by `committing`."""

    def __init__(self, run: Run, terms: Terms) -> None:
        self.failed: StorageFailed | None = None
        """Why what was queued last could not be written."""
        self._ended: StorageFailed | None = None
        """Why nothing more will be written."""
        self._run = run
        self._files = run.filing
        self._terms = terms
        self._committed = self._files.written
        self._kept, self._durable = _Waiters(), _Waiters()
        self._followers = _Waiters()
        self._news = anyio.Event()
        self._closing = False
        self._impatient = anyio.Event()
        self._due_s = inf
        """When the group that is open is to be synced."""
        self._saving = False

    async def kept(self) -> None:
        """Return when everything queued so far would survive the death of the process.

        Raises:
            StorageFailed: It never will.
        """
        await self._reached(self._kept, self._files.written)

    async def durable(self) -> None:
        """Return when all that is queued so far is acknowledged, as the durability says, and in the sink.

        Raises:
            StorageFailed: It never will be.
        """
        await self._reached(self._durable, self._committed)

    @property
    def acknowledged(self) -> int:
        """Up to where the journal is acknowledged, and in the sink."""
        return self._committed

    async def beyond(self, end: int) -> int:
        """Return up to where the journal is acknowledged, once that is further than `end`, which it was before.

        Raises:
            StorageFailed: It never will be.
        """
        if self._committed <= end:
            if self._ended:
                raise _again(self._ended)
            await self._followers.until(end + 1)
        return self._committed

    def soon(self) -> None:
        """See to it that what is queued is acknowledged, though nobody waits for it."""
        if not self._ended:
            self._news.set()

    def hurry(self) -> None:
        """Wait no longer for a disk that refuses."""
        self._impatient.set()

    def close(self) -> None:
        """Commit what is queued, then end; a disk that refuses is not waited for."""
        self._closing = True
        self._impatient.set()
        self._news.set()

    async def work(self) -> None:
        """Commit until closed. Not to be cancelled: what others have queued is paid for."""
        with anyio.CancelScope(shield=True):
            try:
                await self._rounds()
                self._end(StorageFailed(f"The run in {self._run.folder} is closed; open it again to go on."))
            except StorageFailed as error:
                self.failed = error
                self._end(error)

    def _end(self, error: StorageFailed) -> None:
        self._ended = error
        self._kept.fail(error)
        self._durable.fail(error)
        self._followers.fail(error)

    async def _reached(self, waiters: _Waiters, end: int) -> None:
        if self._ended:
            raise _again(self._ended)
        if end < self._files.end:
            self._news.set()
            await waiters.until(self._files.end)

    async def _rounds(self) -> None:
        failed: StorageFailed | None = None
        async with anyio.create_task_group() as saver:
            try:
                while not (self._closing and self._committed == self._files.end):
                    await self._round(saver)
            except StorageFailed as error:
                failed = error
        if failed:
            raise failed

    async def _round(self, saver: TaskGroup) -> None:
        if not self._closing:
            with anyio.move_on_after(self._due_s - anyio.current_time()):
                await self._news.wait()
            self._news = anyio.Event()
        moment = self._run.moment() if self._is_save_due() else None
        ends = moment.ends if moment else self._files.ends
        if self._files.written < ends.journal:
            await self._tried(partial(self._files.write, ends.journal))
            self._kept.reached(ends.journal)
        if self._is_due(ends) or moment:
            await self._commit(ends, synced=moment is not None)
        if moment:
            self._saving = True
            saver.start_soon(self._save, moment, self._files.checked())

    def _is_save_due(self) -> bool:
        return self._files.indexed and not self._saving and self._run.state.unsaved >= SAVE_EVERY

    def _is_due(self, ends: Ends) -> bool:
        if self._committed == ends.journal:
            return False
        if self._terms.durability != "group" or self._closing or ends.journal - self._committed >= FULL_GROUP_BYTES:
            return True
        now_s = anyio.current_time()
        self._due_s = min(self._due_s, now_s + self._terms.commit_s)
        return now_s >= self._due_s

    async def _commit(self, ends: Ends, *, synced: bool) -> None:
        self._due_s = inf
        # At least once: were only records left of a run by a loss of power, it could not be gone on with.
        if synced or self._terms.durability != "process" or not self._files.synced:
            await self._once(self._files.sync)
        await self._tried(partial(self._files.project, ends.sink))
        self._committed = ends.journal
        self._durable.reached(ends.journal)
        self._followers.reached(ends.journal)

    async def _save(self, moment: Moment, written: Written) -> None:
        """Bring the index up to date, while commits go on."""
        await anyio.to_thread.run_sync(self._files.save, moment.changes, moment.mark, written)
        self._run.saved(moment)
        self._saving = False

    async def _once(self, act: Callable[[], None]) -> None:
        try:
            await anyio.to_thread.run_sync(act)
        except OSError as error:
            raise refused(self._run.folder, error) from error

    async def _tried(self, act: Callable[[], None]) -> None:
        """Do what a disk may refuse and accept later, when there is room again."""
        wait_s, refused_since_s = FIRST_WAIT_S, inf
        while True:
            try:
                await anyio.to_thread.run_sync(act)
            except OSError as error:
                now_s = anyio.current_time()
                refused_since_s = min(refused_since_s, now_s)
                if self._impatient.is_set() or now_s - refused_since_s >= self._terms.patience_s:
                    raise refused(self._run.folder, error) from error
                self._terms.trouble(error.strerror or type(error).__name__)
                with anyio.move_on_after(wait_s):
                    await self._impatient.wait()
                wait_s = min(2 * wait_s, LONGEST_WAIT_S)
            else:
                if refused_since_s < inf:
                    self._terms.trouble(None)
                return


def _again(error: StorageFailed) -> StorageFailed:
    """Return the same error for another waiter: raised in many tasks, a single one would grow by a trace in each."""
    return StorageFailed(str(error))


class _Waiters:
    """Those who wait for the journal to be safe up to some offset, in order."""

    def __init__(self) -> None:
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()

    def until(self, end: int) -> Awaitable[None]:
        """Return what to await."""
        future = asyncio.get_running_loop().create_future()
        self._waiters.append((end, future))
        return future

    def reached(self, end: int) -> None:
        """Let those go on who wait for `end` or less."""
        while self._waiters and self._waiters[0][0] <= end:
            _, future = self._waiters.popleft()
            if not future.done():
                future.set_result(None)

    def fail(self, error: StorageFailed) -> None:
        """Tell all that it will not come."""
        while self._waiters:
            _, future = self._waiters.popleft()
            if not future.done():
                future.set_exception(_again(error))


@asynccontextmanager
async def committing(run: Run, terms: Terms = _USUAL) -> AsyncIterator[Committer]:
    """Commit what is queued in `run` beside the block; after it, everything is committed or `failed` says why not."""
    committer = Committer(run, terms)
    async with background(committer.work):
        try:
            yield committer
        finally:
            committer.close()
