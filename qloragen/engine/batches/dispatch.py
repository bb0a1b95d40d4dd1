"""The batches of an engine: found again, submitted, looked at from time to time, and collected."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import anyio
from anyio.abc import TaskGroup

from ...errors import ChangesNotAccepted, ProviderUnavailable, RunStopped
from ...logs import about_many, get_logger
from ...words import counted
from ..budget import NOTHING
from ..client import Asking
from ..engine import Engine
from ..statistics import Pause
from .api import LOOKS_BY_ANOTHER_S, Batch, BatchApi, Gone, NoBatches
from .book import BatchBook, Submission
from .collecting import Collector
from .harvest import Scene
from .lane import BatchLane, Packed, Terms
from .parcel import form
from .parked import OpenBatch, Parked

_KEPT = timedelta(days=29)
"""So long does the provider keep what a batch has brought, at least."""

_LATE_LOOKS = 5
"""At a batch that has ended, for the file that its replies are in."""

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
    pause: Pause | None
    """Why nothing is heard of it now; None while calls about batches succeed."""


class Dispatch:
    """Sends batches, and brings back what they have come to, in tasks of its own."""

    def __init__(self, engine: Engine, client: Asking, book: BatchBook, terms: Terms, tasks: TaskGroup) -> None:
        shared = engine.shared
        self.scene = Scene(book, shared, {})
        self._engine = engine
        self._book = book
        self._terms = terms
        self._tasks = tasks
        self._halt, self._budget, self._random = shared.halt, shared.budget, shared.random
        self._lanes: dict[str, BatchLane] = {}
        self._api = BatchApi(client, shared.halt, shared.policy, shared.random)
        self._collector = Collector(self._api, self.scene)
        self._uploading = anyio.Lock()
        """Held while a file is in memory: one is enough."""
        self._creating = anyio.Lock()
        """Held until it is known, and on record, what has become of the call that makes a batch."""
        self._halt.told.append(self._wake)

    def lane(self, model: str) -> BatchLane:
        """Return where requests for a model gather, submitted from there as soon as there are any."""
        lane = self._lanes.get(model)
        if lane is None:
            lane = self._lanes[model] = BatchLane(self._engine.lane(model), self._terms, self._budget)
            with about_many():  # and not about the one whose request is the first
                self._tasks.start_soon(self._submit_all, lane)
        return lane

    async def attach(self, submission: Submission) -> None:
        """Go on with a batch of an earlier process, unless that is done already.

        Raises:
            ChangesNotAccepted: the provider does not know it, or knows of no batches at all.
            RunStopped: it cannot be asked.
        """
        lane = self.lane(submission.model)
        if any(batch.name == submission.name for batch in lane.open):
            return  # a beginning that failed came so far
        found, status = None, "never sent"
        try:
            found = await self._found(submission)
        except (Gone, NoBatches):
            if (refusal := self._refusal_to_forget(submission)) is not None:
                raise ChangesNotAccepted(refusal) from None
            status = "gone"
        batch = OpenBatch(submission)
        lane.open.append(batch)
        for asked in submission.requests:
            self.scene.where[asked.id] = batch
            self._budget.hold(lane.model, asked.worst)
        if found is None:
            self._collector.forsake(lane, batch, status)
            return
        if submission.batch is None:
            await self._book.begun(submission.name, found.id)
        batch.arrived(found)
        log.info("batch_attached", batch=found.id, model=submission.model, status=found.status)
        self._tasks.start_soon(self._watch, lane, batch)

    async def finished(self) -> None:
        """Return when what is being collected is on record, and what is being made has its name there."""
        await self._collector.finished()
        async with self._creating:
            return

    def forget(self, parked: Parked) -> None:
        """Let go of a request whose caller has left."""
        if parked.done:
            self._book.forget(parked.id)

    @property
    def progress(self) -> tuple[BatchProgress, ...]:
        """The batches that have not been collected, oldest first."""
        pause = self._api.pause
        return tuple(_progress(batch, pause) for lane in self._lanes.values() for batch in lane.open)

    def _wake(self) -> None:
        for lane in self._lanes.values():
            lane.wake()

    async def _found(self, submission: Submission) -> Batch | None:
        if submission.batch is None:
            return await self._api.find_late(submission.name, submission.asked, LOOKS_BY_ANOTHER_S)
        return await self._api.look(submission.batch)

    def _refusal_to_forget(self, submission: Submission) -> str | None:
        """Say why a batch that the provider does not know is not to be paid for again; None: it may be."""
        if self._terms.forgo or datetime.now(UTC) - submission.asked > _KEPT:
            return None
        requests = counted(len(submission.requests), "request")
        what = (
            f"This provider has no Batch API, and a batch with {requests} of this run may have been made"
            if submission.batch is None
            else f"The provider does not know batch {submission.batch}, in which {requests} of this run were submitted"
        )
        return f"{what}: use the key and base URL of then, or go on with --yes and pay for what is missing again."

    async def _submit_all(self, lane: BatchLane) -> None:
        """Submit what gathers in a lane, file after file."""
        try:
            while True:
                await lane.gather()
                packed = await lane.pack()
                self._halt.check()
                if packed is not None:
                    await self._submit(lane, packed)
                del packed  # so many requests need not wait for the next ones
        except RunStopped as reason:
            self._halt.stop(reason)

    async def _submit(self, lane: BatchLane, packed: Packed) -> None:
        for asked in packed.leave_out():
            self._budget.settle(lane.model, asked.worst, NOTHING)
        if not packed.asked:
            return
        name = self._random.randbytes(16).hex()
        submission = Submission(name, lane.model, tuple(packed.asked), datetime.now(UTC))
        batch = OpenBatch(submission, packed.family, packed.parked)
        lane.open.append(batch)
        self.scene.where.update(dict.fromkeys(batch.order, batch))
        await self._book.asked(submission)
        file_id = None
        try:
            async with self._uploading:
                file_id = await self._api.upload(await form(packed.lines()))
        finally:
            if file_id is None:
                self._collector.forsake(lane, batch, "never sent")  # without its file no batch was made
        async with self._creating:
            made = await self._api.create(file_id, self._book.run, name, submission.asked)
            await self._book.begun(name, made.id)
        batch.arrived(made)
        lane.known.tally.sent += len(batch.order)
        lane.known.tally.batched += len(batch.order)
        log.info("batch_submitted", batch=made.id, model=lane.model, requests=len(batch.order))
        self._tasks.start_soon(self._watch, lane, batch)

    async def _watch(self, lane: BatchLane, batch: OpenBatch) -> None:
        """Look at a batch from time to time until it has ended, and collect it."""
        shown = batch.shown
        assert shown is not None
        try:
            looks = _LATE_LOOKS
            while not shown.ended or (shown.lacks_results and looks):
                looks -= shown.ended
                await self._halt.sleep(self._terms.poll_s)
                batch.shown = shown = await self._api.look(shown.id)
            await self._collector.collect(lane, batch, shown)
        except Gone:
            log.warning("batch_gone", batch=shown.id, requests=len(batch.held))
            if (refusal := self._refusal_to_forget(batch.submission)) is not None:
                self._halt.stop(ProviderUnavailable(refusal))
                return
            self._collector.forsake(lane, batch, "gone")
        except RunStopped as reason:
            self._halt.stop(reason)


def _progress(batch: OpenBatch, pause: Pause | None) -> BatchProgress:
    shown, submission = batch.shown, batch.submission
    status = "submitting" if shown is None else "collecting" if shown.ended else shown.status
    done = 0 if shown is None else shown.done + shown.failed
    total = len(submission.requests) + len(submission.answered)
    return BatchProgress(submission.batch, submission.model, status, done, total, submission.asked, pause)
