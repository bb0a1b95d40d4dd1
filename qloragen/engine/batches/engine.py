"""Answers requests in batches: the same face as the engine that asks one by one, at half the price, within a day.

Rules:
1. A request waits until its batch has brought its reply, through as many batches as that takes.
2. What a batch asks for is on record before it is sent, and what the provider calls it as soon as that is known. So a
   process that goes on after any other finds each batch again, and asks for nothing that is in one.
3. Nothing is asked for twice at the same time: a batch is closed on record before what it has left undone goes into
   another.
4. A stop wakes all who wait, at once. The batches go on at the provider, for the next process to collect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from ...background import background
from ...errors import ChangesNotAccepted, RequestFailed, RunStopped
from ...logs import get_logger
from ...types import Completion, Request
from ..answering import Caller, Keep, Lost
from ..client import Asking
from ..engine import Engine
from ..statistics import ModelStatistics
from .api import Batch, BatchApi, Gone
from .book import BatchBook, Submission
from .collecting import Collector
from .lane import BatchLane, Packed, Terms
from .parked import OpenBatch, Parked

_KEPT = timedelta(days=29)
"""So long does the provider keep what a batch has brought, at least."""

log = get_logger()


class BatchProgress(NamedTuple):
    """How far a batch is."""

    id: str | None
    """The provider's; None while it is being submitted."""
    model: str
    status: str
    """As the provider says; `submitting` before that, `collecting` after."""
    done: int
    """Requests that have been executed."""
    total: int
    asked: datetime
    """When it was made."""


class BatchEngine:
    """Puts requests into batches; made by `batching`."""

    def __init__(self, engine: Engine, client: Asking, book: BatchBook, terms: Terms, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._engine = engine
        self._book = book
        self._terms = terms
        self._shared = engine.shared
        self._lanes: dict[str, BatchLane] = {}
        self._where: dict[str, OpenBatch] = {}
        self._api = BatchApi(client, self._shared.halt, self._shared.policy, self._shared.random)
        self._collector = Collector(self._api, book, self._shared, self._where)
        self._unnamed = 0
        self._shared.halt.told.append(self._told)
        self._parked: set[Parked] = set()

    async def complete(self, request: Request, keep: Keep | None = None, lost: Lost | None = None) -> Completion:
        """Return the reply once a batch has brought it and it is kept; see `Engine.complete`.

        Typed decisions cannot be had in batches, and are asked for at once; as is the way to ask a model that nothing
        is known of for structured answers, and everything if no batch is to be made.

        Raises:
            RequestFailed: this request has no answer.
            RunStopped: no request will get one any more, or not from this process.
        """
        parked = Parked(request.id or self._name(), request, Caller(keep, lost))
        try:
            if parked.id not in self._where and (alone := await self._alone(parked)):
                return alone
            self._shared.halt.check()
            self._park(parked)
            outcome = await parked.answer
            if outcome is None:
                return await self._engine.complete(request, keep, lost)
            return await self._answered(parked, outcome)
        finally:
            self._parked.discard(parked)
            self._leave(parked)
            self._forget(parked)

    def worth_sharing(self, request: Request, calls: int) -> bool:
        """Say that no request need go ahead of others: prompts of batches are not cached."""
        del request, calls
        return False

    async def attach(self) -> None:
        """Find the batches that earlier processes have made, so that nothing in them is asked for again.

        Raises:
            ChangesNotAccepted: the provider does not know one of them.
            RunStopped: it cannot be asked.
        """
        for submission in await self._book.open():
            await self._attach(submission)

    def stop(self, reason: RunStopped) -> None:
        """Send nothing more: everyone who waits gets `reason`. Batches go on at the provider."""
        self._engine.stop(reason)

    @property
    def progress(self) -> tuple[BatchProgress, ...]:
        """The batches that have not been collected, oldest first."""
        return tuple(_progress(batch) for lane in self._lanes.values() for batch in lane.open)

    @property
    def statistics(self) -> Mapping[str, ModelStatistics]:
        """Counts of each model at this moment; see `Engine.statistics`."""
        return self._engine.statistics

    # -------------------------------------------------------------------------------------------------- requests

    async def _alone(self, parked: Parked) -> Completion | None:
        """Ask for what is not for batches; returns None for what is."""
        request, caller = parked.request, parked.caller
        if request.predicates or not self._terms.submit:
            return await self._engine.complete(request, caller.keep, caller.lost)
        shape = self._engine.lane(request.model).form.shape
        if request.function is None or not shape.probing:
            return None
        async with self._lane(request.model).probing:
            if shape.probing:
                return await self._engine.complete(request, caller.keep, caller.lost)
        return None

    def _park(self, parked: Parked) -> None:
        self._parked.add(parked)
        batch = self._where.get(parked.id)
        held = batch.held.get(parked.id) if batch else None
        if held is None:
            self._lane(parked.request.model).park(parked)
        else:
            held.parked = parked

    async def _answered(self, parked: Parked, outcome: Completion | RequestFailed | RunStopped) -> Completion:
        if isinstance(outcome, RequestFailed):
            raise outcome
        if isinstance(outcome, RunStopped):
            raise outcome.with_traceback(None)
        parked.taken = True
        if parked.caller.keep is not None:
            try:
                await parked.caller.keep(outcome)
            except RunStopped as reason:
                parked.failed = reason
                self._shared.halt.stop(reason)
                raise
        return outcome

    def _leave(self, parked: Parked) -> None:
        batch = self._where.get(parked.id)
        held = batch.held.get(parked.id) if batch else None
        if held is not None and held.parked is parked:
            held.parked = None
        parked.done.set()

    def _forget(self, parked: Parked) -> None:
        if parked.done.is_set() and not parked.packed:
            self._book.forget(parked.id)

    def _told(self) -> None:
        reason = self._shared.halt.reason
        if reason is not None:
            for parked in list(self._parked):
                parked.settle(reason)
            for lane in self._lanes.values():
                lane.wake()

    def _lane(self, model: str) -> BatchLane:
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = BatchLane(self._engine.lane(model), self._terms, self._shared.budget)
            self._tasks.start_soon(self._submit_all, lane)
        return lane

    def _name(self) -> str:
        self._unnamed += 1
        return f"unnamed-{self._unnamed}"

    # --------------------------------------------------------------------------------------------------- batches

    async def _attach(self, submission: Submission) -> None:
        lane, batch = self._lane(submission.model), OpenBatch(submission)
        self._hold(lane, batch)
        try:
            found = await self._found(submission)
        except Gone:
            self._refuse_to_forget(submission)
            self._collector.forsake(lane, batch, "gone")
            return
        if found is None:
            self._collector.forsake(lane, batch, "never sent")
            return
        if submission.batch is None:
            await self._book.begun(submission.name, found.id)
            batch.arrived(found.id)
        batch.shown = found
        log.info("batch_attached", batch=found.id, model=submission.model, status=found.status)
        self._tasks.start_soon(self._watch, lane, batch)

    def _hold(self, lane: BatchLane, batch: OpenBatch) -> None:
        lane.open.append(batch)
        for asked in batch.submission.requests:
            self._where[asked.id] = batch
            self._shared.budget.hold(lane.model, asked.worst)

    async def _found(self, submission: Submission) -> Batch | None:
        if submission.batch is None:
            return await self._api.find_late(submission.name, submission.asked)
        return await self._api.look(submission.batch)

    def _refuse_to_forget(self, submission: Submission) -> None:
        if self._terms.forgo or datetime.now(UTC) - submission.asked > _KEPT:
            return
        raise ChangesNotAccepted(
            f"The provider does not know batch {submission.batch}, in which {len(submission.requests)} requests of this"
            " run were submitted: use the key and base URL that they were submitted with, or go on with --yes and pay"
            " for them again."
        )

    async def _submit_all(self, lane: BatchLane) -> None:
        """Submit what gathers in a lane, file after file."""
        try:
            while True:
                await lane.gather()
                packed = await lane.pack()
                self._shared.halt.check()
                if packed is not None:
                    await self._submit(lane, packed)
        except RunStopped as reason:
            self._shared.halt.stop(reason)

    async def _submit(self, lane: BatchLane, packed: Packed) -> None:
        name = self._shared.random.randbytes(16).hex()
        submission = Submission(name, lane.model, tuple(packed.asked), datetime.now(UTC))
        batch = OpenBatch(submission, packed.family, packed.parked)
        lane.open.append(batch)
        self._where.update(dict.fromkeys(batch.order, batch))
        await self._book.asked(submission)
        for parked in packed.parked:
            parked.packed = False
            self._forget(parked)
        file_id = await self._api.upload(packed.parcel.form())
        made = await self._api.create(file_id, self._book.run, name, submission.asked)
        await self._book.begun(name, made.id)
        batch.arrived(made.id)
        batch.shown = made
        lane.known.tally.sent += len(batch.order)
        log.info("batch_submitted", batch=made.id, model=lane.model, requests=len(batch.order))
        self._tasks.start_soon(self._watch, lane, batch)

    async def _watch(self, lane: BatchLane, batch: OpenBatch) -> None:
        """Look at a batch from time to time until it has ended, and collect it."""
        name = batch.submission.batch
        assert name is not None
        try:
            while batch.shown is None or not batch.shown.ended:
                await self._shared.halt.sleep(self._terms.poll_s)
                batch.shown = await self._api.look(name)
            await self._collector.collect(lane, batch, batch.shown)
        except Gone:
            log.warning("batch_gone", batch=name, requests=len(batch.held))
            self._collector.forsake(lane, batch, "gone")
        except RunStopped as reason:
            self._shared.halt.stop(reason)


@asynccontextmanager
async def batching(engine: Engine, client: Asking, book: BatchBook, terms: Terms) -> AsyncIterator[BatchEngine]:
    """Let `engine` answer in batches within the block. What is under way when it ends goes on at the provider."""
    async with background(anyio.sleep_forever) as tasks:
        yield BatchEngine(engine, client, book, terms, tasks)


def _progress(batch: OpenBatch) -> BatchProgress:
    shown, submission = batch.shown, batch.submission
    status = "submitting" if shown is None else "collecting" if shown.ended else shown.status
    done = 0 if shown is None else shown.done + shown.failed
    total = len(submission.requests) + len(submission.answered)
    return BatchProgress(submission.batch, submission.model, status, done, total, submission.asked)
