"""One cell at a time: its call, the reply in the journal, and what the reply comes to; or why it is given up.

Rules:
1. A paid reply is in the journal, and with the kernel, before its place is given to another call and before anything is
   made of it; and what is made of it is the same whether it has just arrived or was journalled by an earlier process.
2. What goes wrong with a cell ends the cell; what goes wrong with the run stops the run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Protocol

import anyio

from ..errors import RequestFailed, RunStopped, StorageFailed
from ..logs import get_logger
from ..store.handle import Run
from ..store.money import Paid
from ..types import Cell, Completion, Invalid, LostCall, Rejection, Reply, Request
from .chronicle import Chronicle
from .job import reply_of
from .refused import Answer, Settled, beside_of, refused_of
from .salvage import NoSalvage, Salvage
from .tally import Tally

MAX_FAILED_RUNS = 3
"""A cell that has failed alike in so many runs in a row is given up for good."""
APART = timedelta(hours=1)
"""So long after a failure without a sign of whose fault it was does the next one count."""

_NO_SALVAGE = NoSalvage()

Keep = Callable[[Completion], Awaitable[None]]
Lost = Callable[[LostCall], None]

log = get_logger()


class Completer(Protocol):
    """The part of an engine that a flow needs."""

    async def complete(self, request: Request, keep: Keep | None = None, lost: Lost | None = None) -> Completion:
        """Return the model's reply once it is kept; raises RequestFailed or RunStopped.

        `lost` is told of calls that may have been billed and brought no reply.
        """
        ...

    def worth_sharing(self, request: Request, calls: int) -> bool:
        """Tell whether `calls` requests that begin as this one does are cheaper if one of them goes ahead."""
        ...

    def stop(self, reason: RunStopped) -> None:
        """Send nothing more; calls in flight are finished."""
        ...


class Keeper(Protocol):
    """Waits for what was put into a run to be safe; both raise StorageFailed when it never will be."""

    async def kept(self) -> None:
        """Return when it would survive the death of the process."""
        ...

    async def durable(self) -> None:
        """Return when it is acknowledged."""
        ...

    def soon(self) -> None:
        """See to it that it is, though nobody waits."""
        ...


class Settling:
    """Pays for what cells need, and keeps it, in one session of a run."""

    def __init__(
        self,
        engine: Completer,
        run: Run,
        keeper: Keeper,
        tally: Tally,
        *,
        stop: Callable[[RunStopped], None],
        salvage: Salvage = _NO_SALVAGE,
        chronicle: Chronicle,
    ) -> None:
        """`stop` is told what ends the run; `tally` counts what is adopted, given up and failed."""
        self._engine = engine
        self._run = run
        self._keeper = keeper
        self._tally = tally
        self._stop = stop
        self._salvage = salvage
        self._now = chronicle.now
        self._chronicle = chronicle
        self._busy: dict[str, anyio.Event | None] = {}
        self._begun_at = run.filing.end

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncIterator[None]:
        """Let one task at a time work on a cell, so that streams with an article in common do not pay for it twice."""
        while key in self._busy:
            # Made only here: most wait for nobody, and thousands of events are megabytes.
            other = self._busy[key] = self._busy[key] or anyio.Event()
            await other.wait()
        self._busy[key] = None
        try:
            yield
        finally:
            if (done := self._busy.pop(key)) is not None:
                done.set()

    async def settle(
        self,
        cell: Cell,
        build: Callable[[list[Reply], list[Invalid]], Request],
        read: Callable[[list[Reply]], Awaitable[Answer | Invalid]],
        max_asks: int,
    ) -> Settled[Answer] | None:
        """Return what the cell has come to; None once it is given up.

        Replies that an earlier process has paid for, and those that are salvaged, are read first. `build` gets the
        replies so far and what was wrong with each. Nothing is awaited between the end of `read` and the return.
        """
        with self._chronicle.cell(cell):
            settled = await self._settled(cell, build, read, max_asks)
        self._tally.work.ended[cell.stage] += 1
        return settled

    async def _settled(
        self,
        cell: Cell,
        build: Callable[[list[Reply], list[Invalid]], Request],
        read: Callable[[list[Reply]], Awaitable[Answer | Invalid]],
        max_asks: int,
    ) -> Settled[Answer] | None:
        replies = self._run.replies(cell.key)
        for adopted in self._salvage.adopted(cell):
            self._run.add_reply(adopted, found=True)
            self._chronicle.billed(adopted.cell, adopted.usage, adopted.cost_usd)
            self._tally.adopted += 1
            replies.append(adopted)
        complaints: list[Invalid] = []
        for ask in range(max(max_asks, len(replies))):
            if ask == len(replies):
                request = replace(build(replies, complaints), id=f"{cell.key}-{ask}")
                reply = await self._ask(cell, request, refused_of(replies, complaints), first=not replies)
                if reply is None:
                    return None
                replies.append(reply)
            answer = await read(replies[: ask + 1])
            if not isinstance(answer, Invalid):
                taken = replies[: ask + 1]
                self._chronicle.settled(cell)
                log.debug("cell_settled", cell=cell.key, asks=len(taken))
                return Settled(answer, taken, beside_of(taken, complaints, self._run.state.money_of(cell.key).paid))
            complaints.append(answer)
            if answer.final:
                break
        self._reject(cell, complaints[-1], refused_of(replies, complaints))
        return None

    async def _ask(self, cell: Cell, request: Request, refused: Mapping[str, Paid], *, first: bool) -> Reply | None:
        """Return the reply to `request`, which is in the journal; None once the cell is given up.

        `refused` is what replies to the cell have cost that could not be used; the `first` request comes without any.
        """
        kept: list[Reply] = []

        async def keep(completion: Completion) -> None:
            kept.append(reply_of(replace(cell, model=request.model), completion, self._now()))
            self._run.add_reply(kept[0])
            self._chronicle.billed(kept[0].cell, completion.usage, completion.cost_usd)
            self._tally.work.hear(kept[0].cell, completion, first=first)
            await self._keeper.kept()

        try:
            marked = self._salvage.marked(cell, self._as_tried(cell, request))
            await self._engine.complete(marked, keep, partial(self._lose, cell))
        except RequestFailed as error:
            self._fail(cell, error, refused)
            if isinstance(error.__cause__, RunStopped):
                self._stop(error.__cause__)
            return None
        return kept[0]

    def _as_tried(self, cell: Cell, request: Request) -> Request:
        """Give a cell that has failed in the session before a single attempt: it had its chances, and may be poison."""
        standing = self._run.state.standing(cell.key)
        if standing is None or standing.kind != "failure" or standing.at >= self._begun_at:
            return request
        return replace(request, max_attempts=1)

    def _lose(self, cell: Cell, call: LostCall) -> None:
        """Keep that a call may have been paid for whose reply never came."""
        try:
            self._run.add_lost(cell, call, self._now())
        except StorageFailed as reason:
            self._stop(reason)
        else:
            self._keeper.soon()
            if call.usage is not None:
                self._chronicle.billed(replace(cell, model=call.model), call.usage, call.cost_usd)

    def _reject(self, cell: Cell, invalid: Invalid, refused: Mapping[str, Paid]) -> None:
        self._run.add_rejection(Rejection(cell, invalid.reason, invalid.detail, invalid.also), refused)
        self._tally.rejected[invalid.reason] += 1
        self._chronicle.settled(cell, invalid.reason)
        log.debug("cell_rejected", cell=cell.key, reason=invalid.reason, also=list(invalid.also))

    def _fail(self, cell: Cell, error: RequestFailed, refused: Mapping[str, Paid]) -> None:
        given_up = Rejection(cell, error.reason, str(error))
        counted = self._has_failed(cell.key, error.reason)
        counts = error.suspect or self._failed_long_ago(cell.key)
        failures = self._run.state.failures_of(cell.key, error.reason) + (counts and not counted)
        if error.final or error.own or failures >= MAX_FAILED_RUNS:
            self._run.add_rejection(given_up, refused)
            self._tally.rejected[error.reason] += 1
        elif not counted:
            self._run.add_failure(given_up, self._now(), counts=counts)
            self._tally.failed[error.reason] += 1
        self._chronicle.settled(cell, error.reason)
        log.warning("cell_failed", cell=cell.key, reason=error.reason, final=error.final)

    def _failed_long_ago(self, key: str) -> bool:
        """Whether the cell is known as a suspect, or failed so long ago that it was hardly the same outage."""
        standing = self._run.state.standing(key)
        failed_at = self._run.failed_at(key)
        return (standing is not None and standing.times > 0) or (
            failed_at is not None and self._now() - failed_at >= APART
        )

    def _has_failed(self, key: str, reason: str) -> bool:
        """Whether it is said already that the cell has failed for this reason since this session began."""
        standing = self._run.state.standing(key)
        return (
            standing is not None
            and (standing.kind, standing.detail) == ("failure", reason)
            and standing.at >= self._begun_at
        )
