"""Answers requests in batches: the same face as the engine that asks one by one, at half the price, within a day.

Rules:
1. A request waits until its batch has brought its reply, through as many batches as that takes.
2. What a batch asks for is on record before it is sent, and what the provider calls it as soon as that is known. So a
   process that goes on after any other finds each batch again, and asks for nothing that is in one. Only one whose
   making was cut off has to be looked for by its name, and counts as never made if it is listed too late.
3. Nothing is asked for twice at the same time: a batch is closed on record before what it has left undone goes into
   another.
4. A stop wakes all who wait, at once. The batches go on at the provider, for the next process to collect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from ...background import background
from ...errors import RequestFailed, RunStopped
from ...types import Completion, Request
from ..answering import Caller, Keep, Lost
from ..client import Asking
from ..engine import Engine
from .book import BatchBook
from .dispatch import BatchProgress, Dispatch
from .lane import Terms
from .parked import Parked


class BatchEngine:
    """Puts requests into batches; made by `batching`."""

    def __init__(self, engine: Engine, book: BatchBook, terms: Terms, dispatch: Dispatch) -> None:
        self._engine = engine
        self._book = book
        self._terms = terms
        self._dispatch = dispatch
        self._where = dispatch.scene.where
        self._halt = engine.shared.halt
        self._halt.told.append(self._told)
        self._parked: set[Parked] = set()
        self._unnamed = 0

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
            self._halt.check()
            self._park(parked)
            outcome = await parked.answer
            if outcome is None:
                return await self._engine.complete(request, keep, lost)
            return await self._answered(parked, outcome)
        finally:
            self._leave(parked)

    def worth_sharing(self, request: Request, calls: int) -> bool:
        """See `Engine.worth_sharing`; in batches no request need go ahead of others: their prompts are not cached."""
        return not self._terms.submit and self._engine.worth_sharing(request, calls)

    async def attach(self) -> None:
        """Find the batches that earlier processes have made, so that nothing in them is asked for again.

        Raises:
            ChangesNotAccepted: the provider does not know one of them.
            RunStopped: it cannot be asked.
        """
        for submission in await self._book.open():
            await self._dispatch.attach(submission)

    def stop(self, reason: RunStopped) -> None:
        """Send nothing more: everyone who waits gets `reason`. Batches go on at the provider."""
        self._engine.stop(reason)

    @property
    def progress(self) -> tuple[BatchProgress, ...]:
        """The batches that have not been collected, oldest first."""
        return self._dispatch.progress

    async def _alone(self, parked: Parked) -> Completion | None:
        """Ask for what is not for batches; returns None for what is."""
        request, caller = parked.request, parked.caller
        if request.predicates or not self._terms.submit:
            return await self._engine.complete(request, caller.keep, caller.lost)
        shape = self._engine.lane(request.model).form.shape
        if request.function is None or not shape.probing:
            return None
        async with self._dispatch.lane(request.model).probing:
            if shape.probing:
                return await self._engine.complete(request, caller.keep, caller.lost)
        return None

    def _park(self, parked: Parked) -> None:
        self._parked.add(parked)
        batch = self._where.get(parked.id)
        held = batch.held.get(parked.id) if batch else None
        if held is None:
            self._dispatch.lane(parked.request.model).park(parked)
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
                self._halt.stop(reason)
                raise
        return outcome

    def _leave(self, parked: Parked) -> None:
        self._parked.discard(parked)
        batch = self._where.get(parked.id)
        held = batch.held.get(parked.id) if batch else None
        if held is not None and held.parked is parked:
            held.parked = None
        parked.leave()
        self._dispatch.forget(parked)

    def _told(self) -> None:
        if self._halt.reason is not None:
            for parked in list(self._parked):
                parked.settle(self._halt.reason)

    def _name(self) -> str:
        self._unnamed += 1
        return f"unnamed-{self._unnamed}"


@asynccontextmanager
async def batching(engine: Engine, client: Asking, book: BatchBook, terms: Terms) -> AsyncIterator[BatchEngine]:
    """Let `engine` answer in batches within the block. What is under way when it ends goes on at the provider."""
    async with background(anyio.sleep_forever) as tasks:
        dispatch = Dispatch(engine, client, book, terms, tasks)
        yield BatchEngine(engine, book, terms, dispatch)
        await dispatch.finished()  # the last who waited for a batch may have left before it is put on record
