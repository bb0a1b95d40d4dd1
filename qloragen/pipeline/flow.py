"""Articles in, records out: the story of a run.

Rules:
1. A paid reply is in the journal, and with the kernel, before its place is given to another call and before anything is
   made of it; and what is made of it is the same whether it has just arrived or was journalled by an earlier process.
2. So many workers as `open_articles` says take articles one at a time and finish each before the next: that bounds
   memory, and a stop leaves little half done.
3. Where it pays, the first generation of an article goes ahead alone. The others follow as soon as it is answered, and
   find the article in the prompt cache; meanwhile other articles use the places.
4. What goes wrong with a cell ends the cell. What goes wrong with the run ends the taking of new work; calls in flight
   are finished and kept.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import anyio

from ..errors import RequestFailed, RunStopped, StorageFailed
from ..logs import get_logger
from ..store.handle import Run
from ..store.money import Paid
from ..types import (
    Article,
    Cell,
    Completion,
    Draft,
    InstructionType,
    Invalid,
    LostCall,
    Record,
    Rejection,
    Reply,
    Request,
    Skip,
)
from .crew import Crew
from .job import Job, OpenArticle, record_of, reply_of
from .prefix import Prefix
from .refused import Answer, Settled, beside_of, refused_of
from .salvage import NoSalvage, Salvage
from .shared import Shared
from .tally import Tally

MAX_GENERATE_ASKS = 3
"""A record that is not valid is asked at most twice more, with what was wrong."""
MAX_FAILED_RUNS = 3
"""A cell that has failed alike in so many runs in a row is given up for good."""
APART = timedelta(hours=1)
"""So long after a failure without a sign of whose fault it was does the next one count."""

_NO_SALVAGE = NoSalvage()

Deliver = Callable[[Record], Awaitable[None]]
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


async def drop(_: Record) -> None:
    """Hand a record to nobody: it is in the sink."""


class Flow:
    """Moves articles through classification and generation into a run directory."""

    def __init__(
        self,
        job: Job,
        engine: Completer,
        run: Run,
        keeper: Keeper,
        *,
        salvage: Salvage = _NO_SALVAGE,
        open_articles: Callable[[], int],
        now: Callable[[], datetime],
    ) -> None:
        self.tally = Tally()
        self.stopped: RunStopped | None = None
        """Why no new work is taken, once that is so."""
        self._job = job
        self._engine = engine
        self._run = run
        self._keeper = keeper
        self._salvage = salvage
        self._open_articles = open_articles
        self._now = now
        self._sources: set[Shared[Article | Skip]] = set()
        self._busy: dict[str, anyio.Event | None] = {}
        self._begun_at = run.filing.end

    async def process(self, source: Shared[Article | Skip], deliver: Deliver = drop, recall: Deliver = drop) -> None:
        """Work through `source` until it ends or the run stops; why it stopped is in `stopped`.

        `deliver` is awaited with every new record once it is acknowledged, `recall` with those that these articles
        had already; a slow one holds the run back.
        """
        self._sources.add(source)
        if self.stopped:
            source.close()
        async with anyio.create_task_group() as workers:
            crew = Crew(workers, self._open_articles)
            crew.hire(partial(self._work, crew, source, deliver, recall))
        self._sources.discard(source)

    def stop(self, reason: RunStopped) -> None:
        """Take no new article and send no new call; calls in flight are finished and kept."""
        if self.stopped:
            return
        self.stopped = reason
        self._engine.stop(reason)
        for source in self._sources:
            source.close()
        log.warning("run_stopping", reason=type(reason).__name__)

    async def _work(self, crew: Crew, source: Shared[Article | Skip], deliver: Deliver, recall: Deliver) -> None:
        async for item in source:
            if isinstance(item, Skip):
                self.tally.skip(item)
                log.info("source_skipped", where=item.where, reason=item.reason.value, detail=item.detail)
                continue
            self.tally.articles += 1
            try:
                finished = await self._article(item, source, deliver, recall)
            except RunStopped as reason:
                self.stop(reason)
            else:
                self.tally.finished_articles += finished
            if not crew.is_needed():
                return

    async def _article(
        self, article: Article, source: Shared[Article | Skip], deliver: Deliver, recall: Deliver
    ) -> bool:
        """Finish an article, unless nobody wants its source any more; returns whether it is finished."""
        opened = OpenArticle(article)
        missing: list[InstructionType] = []
        there: list[str] = []
        for kind in await self._classify(opened):
            key = self._job.generation(article, kind).key
            standing = self._run.state.standing(key)
            if standing is None or not standing.settled:
                missing.append(kind)
            elif standing.kind == "record":
                there.append(key)
            else:
                self.tally.rejected_before += 1
        await self._recall(there, recall)
        prefix = Prefix(shared=self._worth_sharing(opened, missing))
        async with anyio.create_task_group() as siblings:
            for kind in missing:
                if source.closed and not self.stopped:
                    return False
                siblings.start_soon(self._generate, opened, kind, prefix, deliver)
                await prefix.decided()
        if self.stopped:
            raise self.stopped
        return True

    def _worth_sharing(self, opened: OpenArticle, types: list[InstructionType]) -> bool:
        if len(types) < 2:
            return False
        return self._engine.worth_sharing(self._job.generation_request(opened, types[0], (), shared=True), len(types))

    async def _recall(self, keys: list[str], recall: Deliver) -> None:
        if recall is drop or not keys:
            return
        await self._keeper.durable()  # another stream may have made them a moment ago
        for key in keys:
            await recall(self._run.record(key))

    async def _classify(self, opened: OpenArticle) -> tuple[InstructionType, ...]:
        cell = self._job.classification(opened.article)
        async with self._alone(cell.key):
            if self._run.state.rejection_of(cell.key) is not None:
                self.tally.rejected_before += 1
            elif not self._run.state.settled(cell.key):
                self._run.add_article(opened.article)
                settled = await self._settle(
                    cell,
                    lambda refused, _: self._job.classification_request(opened, refused),
                    self._job.read_classification,
                    self._job.classifier.most_asks,
                )
                if settled:
                    self._run.add_types(cell, settled.answer, settled.refused)
                await self._keeper.kept()
        return self._job.applicable(self._run.state.types_of(cell.key) or (), opened.article)

    async def _generate(self, opened: OpenArticle, type: InstructionType, prefix: Prefix, deliver: Deliver) -> None:
        cell = self._job.generation(opened.article, type)
        try:
            async with self._alone(cell.key):
                if not self._run.state.settled(cell.key):
                    await self._make(cell, opened, type, prefix)
            if deliver is not drop and self._run.state.record_offset(cell.key) is not None:
                await self._keeper.durable()
                await deliver(self._run.record(cell.key))
        except RunStopped as reason:
            # Siblings in flight are finished, not cancelled: they are paid for.
            self.stop(reason)
        finally:
            prefix.left()

    async def _make(self, cell: Cell, opened: OpenArticle, type: InstructionType, prefix: Prefix) -> None:
        def build(_: list[Reply], complaints: list[Invalid]) -> Request:
            prefix.asks()
            request = self._job.generation_request(opened, type, complaints, shared=prefix.shared)
            return replace(request, follows=prefix.written)

        def read(replies: list[Reply]) -> Draft | Invalid:
            prefix.answered()
            return self._job.read_generation(opened, type, replies[-1])

        self._run.add_article(opened.article)
        settled = await self._settle(cell, build, read, MAX_GENERATE_ASKS)
        if settled:
            record = record_of(opened.article, type, settled.answer, settled.replies)
            self._run.add_record(record, refused=settled.refused)
            self.tally.records += 1
        await self._keeper.kept()

    @asynccontextmanager
    async def _alone(self, key: str) -> AsyncIterator[None]:
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

    async def _settle(
        self,
        cell: Cell,
        build: Callable[[list[Reply], list[Invalid]], Request],
        read: Callable[[list[Reply]], Answer | Invalid],
        max_asks: int,
    ) -> Settled[Answer] | None:
        """Return what the cell has come to; None once it is given up.

        Replies that an earlier process has paid for, and those that are salvaged, are read first. `build` gets the
        replies so far and what was wrong with each.
        """
        replies = self._run.replies(cell.key)
        for adopted in self._salvage.adopted(cell):
            self._run.add_reply(adopted, found=True)
            self.tally.adopted += 1
            replies.append(adopted)
        complaints: list[Invalid] = []
        for ask in range(max(max_asks, len(replies))):
            if ask == len(replies):
                request = replace(build(replies, complaints), id=f"{cell.key}-{ask}")
                reply = await self._ask(cell, request, refused_of(replies, complaints))
                if reply is None:
                    return None
                replies.append(reply)
            answer = read(replies[: ask + 1])
            if not isinstance(answer, Invalid):
                taken = replies[: ask + 1]
                return Settled(answer, taken, beside_of(taken, complaints, self._run.state.money_of(cell.key).paid))
            complaints.append(answer)
            if answer.final:
                break
        self._reject(cell, complaints[-1], refused_of(replies, complaints))
        return None

    async def _ask(self, cell: Cell, request: Request, refused: Mapping[str, Paid]) -> Reply | None:
        """Return the reply to `request`, which is in the journal; None once the cell is given up.

        `refused` is what replies to the cell have cost that could not be used.
        """
        kept: list[Reply] = []

        async def keep(completion: Completion) -> None:
            kept.append(reply_of(replace(cell, model=request.model), completion, self._now()))
            self._run.add_reply(kept[0])
            await self._keeper.kept()

        try:
            marked = self._salvage.marked(cell, self._as_tried(cell, request))
            await self._engine.complete(marked, keep, partial(self._lose, cell))
        except RequestFailed as error:
            self._fail(cell, error, refused)
            if isinstance(error.__cause__, RunStopped):
                self.stop(error.__cause__)
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
            self.stop(reason)
        else:
            self._keeper.soon()

    def _reject(self, cell: Cell, invalid: Invalid, refused: Mapping[str, Paid]) -> None:
        self._run.add_rejection(Rejection(cell, invalid.reason, invalid.detail), refused)
        self.tally.rejections += 1
        log.info("cell_rejected", cell=cell.key, stage=cell.stage, type=cell.type_slug, reason=invalid.reason)

    def _fail(self, cell: Cell, error: RequestFailed, refused: Mapping[str, Paid]) -> None:
        given_up = Rejection(cell, error.reason, str(error))
        counted = self._has_failed(cell.key, error.reason)
        counts = error.suspect or self._failed_long_ago(cell.key)
        failures = self._run.state.failures_of(cell.key, error.reason) + (counts and not counted)
        if error.final or error.own or failures >= MAX_FAILED_RUNS:
            self._run.add_rejection(given_up, refused)
            self.tally.rejections += 1
        elif not counted:
            self._run.add_failure(given_up, self._now(), counts=counts)
            self.tally.failures += 1
        log.warning("cell_failed", cell=cell.key, stage=cell.stage, reason=error.reason, final=error.final)

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
