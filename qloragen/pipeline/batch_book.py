"""Batches on record: the engine's requests are the cells of a run, and its book is the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import anyio.to_thread
from anyio.lowlevel import checkpoint

from ..engine.batches.book import Asked, Submission
from ..engine.budget import Spending
from ..engine.client import Client
from ..store import submissions
from ..store.handle import Run
from ..types import Cell, Completion, LostCall, Reply, Request
from .chronicle import Chronicle
from .job import reply_of
from .salvage import Salvage

_PAUSE_EVERY = 1_000
"""Lines after which other tasks get their turn."""


class Keeper(Protocol):
    """Waits for what was put into a run to be safe; both raise StorageFailed when it never will be."""

    async def kept(self) -> None:
        """Return when it would survive the death of the process."""
        ...

    async def durable(self) -> None:
        """Return when it is acknowledged."""
        ...


class JournalledBatches:
    """The book of one run's batches. As the flow's `Salvage` it learns which cell a request is about."""

    def __init__(
        self, name: Callable[[], str], run: Run, keeper: Keeper, salvage: Salvage, chronicle: Chronicle
    ) -> None:
        """`name` says what the run is called; what is salvaged otherwise is left to `salvage`."""
        self._name = name
        self._run = run
        self._keeper = keeper
        self._salvage = salvage
        self._chronicle = chronicle
        self._cells: dict[str, Cell] = {}
        """By request: of those that somebody waits for."""
        self._recalled: dict[str, dict[str, Cell]] = {}
        """By submission and request: of batches that brought something that nobody waits for."""

    # ------------------------------------------------------------------------------------------------- as a salvage

    @property
    def untaken(self) -> int:
        """Replies that were found and not adopted yet."""
        return self._salvage.untaken

    async def collect(self, client: Client, since: datetime, run: Run) -> None:
        """Look for replies that were paid for since `since` and never arrived."""
        await self._salvage.collect(client, since, run)

    def marked(self, cell: Cell, request: Request) -> Request:
        """Return `request` so that its reply can be found again."""
        if request.id is not None and not request.predicates:
            self._cells[request.id] = cell if cell.model == request.model else replace(cell, model=request.model)
        return self._salvage.marked(cell, request)

    def adopted(self, cell: Cell) -> list[Reply]:
        """Return the replies for `cell` that were found, each once."""
        return self._salvage.adopted(cell)

    # --------------------------------------------------------------------------------------------------- as a book

    @property
    def run(self) -> str:
        """Names the run among all others of the account."""
        return self._name()

    @property
    def left(self) -> int:
        """How many batches earlier processes have left behind."""
        return len(self._run.state.submissions.open())

    async def open(self) -> list[Submission]:
        """Return what earlier processes have left behind."""
        return await anyio.to_thread.run_sync(_open, self._run)

    async def asked(self, submission: Submission) -> None:
        """Return when it is on record that `submission` may be sent from now on."""
        cells = [self._cells[one.id] for one in submission.requests]
        for number, (one, cell) in enumerate(zip(submission.requests, cells, strict=True), 1):
            self._run.add_asked(
                submissions.AskedInBatch(
                    cell=cell,
                    submission=submission.name,
                    request=one.id,
                    structure=one.structure,
                    prompt_tokens=one.prompt_tokens,
                    worst_usd=one.worst.usd,
                    worst_tokens=one.worst.tokens,
                    time=submission.asked,
                )
            )
            if number % _PAUSE_EVERY == 0:
                await checkpoint()
        await self._keeper.durable()

    async def begun(self, name: str, batch: str) -> None:
        """Return when it is on record what the provider calls a submission."""
        self._run.add_batch(name, batch, self._chronicle.now())
        await self._keeper.durable()

    def adopt(self, name: str, id: str, completion: Completion) -> None:
        """Keep a reply that nobody waits for."""
        if (cell := self._cell(name, id)) is not None:
            self._run.add_reply(reply_of(cell, completion, self._chronicle.now()))
            self._chronicle.billed(cell, completion.usage, completion.cost_usd)

    def lose(self, name: str, id: str, lost: LostCall) -> None:
        """Book a request that nobody waits for, and that may have been billed for nothing."""
        if (cell := self._cell(name, id)) is not None:
            self._run.add_lost(cell, lost, self._chronicle.now())
            if lost.usage is not None:
                self._chronicle.billed(cell, lost.usage, lost.cost_usd)

    async def kept(self) -> None:
        """Return when all that was handed over is safe."""
        await self._keeper.kept()

    def end(self, name: str, status: str) -> None:
        """Put on record that nothing more comes of a submission."""
        self._recalled.pop(name, None)
        self._run.end_batch(name, status, self._chronicle.now())

    def forget(self, id: str) -> None:
        """Take in that nobody waits for a request any more."""
        self._cells.pop(id, None)

    def _cell(self, name: str, id: str) -> Cell | None:
        if name not in self._recalled:
            found = next((one for one in self._run.state.submissions.open() if one.name == name), None)
            asked = self._run.asked(found) if found else ()
            self._recalled[name] = {one.request: one.cell for one in asked}
        return self._recalled[name].get(id)


def _open(run: Run) -> list[Submission]:
    found = run.state.submissions.open()
    if not found:
        return []
    there = set(run.request_ids_after(min(one.at for one in found)))
    return [_submission(run, one, there) for one in found]


def _submission(run: Run, one: submissions.Submission, there: set[str | None]) -> Submission:
    asked = list(run.asked(one))
    answered = frozenset(each.request for each in asked if f"{one.batch}:{each.request}" in there)
    return Submission(
        name=one.name,
        model=one.model,
        requests=tuple(_asked(each) for each in asked if each.request not in answered),
        asked=one.asked,
        batch=one.batch,
        answered=answered,
    )


def _asked(each: submissions.AskedInBatch) -> Asked:
    return Asked(each.request, each.structure, each.prompt_tokens, Spending(each.worst_usd, each.worst_tokens, 1))
