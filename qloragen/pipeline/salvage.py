"""Adopting replies that the provider finished while nobody was there to take them (opt-in).

Each call asks the provider to store what it generates, with the run and the cell as metadata. A process that goes on
after a crash lists what was stored since, and takes what the journal does not have in the place of new calls. The price
is privacy: articles and records lie at the provider for as long as it keeps stored completions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol

import anyio.to_thread

from ..engine.client import Client
from ..engine.listing import Stored, StoredUnavailable, stored
from ..engine.pricing import Price
from ..engine.reply import UnreadableReply, decode, json_object
from ..logs import get_logger
from ..store.handle import Run
from ..types import Cell, Reply, Request, Usage
from .job import reply_of

Book = Callable[[str, Usage, Decimal | None], None]

RUN, CELL, MODEL = "qloragen_run", "qloragen_cell", "qloragen_model"
CLOCKS_APART = timedelta(minutes=10)
"""How far the clocks of this machine and of the provider may differ, with time to spare."""

log = get_logger()


class Salvage(Protocol):
    """What a session and its flow need to know of salvaging."""

    @property
    def untaken(self) -> int:
        """Replies that were found and not adopted yet."""
        ...

    async def collect(self, client: Client, since: datetime, run: Run) -> None:
        """Look for replies that were paid for since `since` and never arrived."""
        ...

    def marked(self, cell: Cell, request: Request) -> Request:
        """Return `request` so that its reply can be found again."""
        ...

    def adopted(self, cell: Cell) -> list[Reply]:
        """Return the replies for `cell` that were found, each once."""
        ...


class NoSalvage:
    """What is lost on the way is lost."""

    untaken = 0

    async def collect(self, client: Client, since: datetime, run: Run) -> None:
        """Look nowhere."""

    def marked(self, cell: Cell, request: Request) -> Request:
        """Leave the request alone."""
        del cell
        return request

    def adopted(self, cell: Cell) -> list[Reply]:
        """Find nothing."""
        del cell
        return []


class StoredReplies:
    """Replies of one run that its provider has stored."""

    def __init__(self, run: str, prices: Mapping[str, Price | None], book: Book) -> None:
        """`run` names the run; `book` is told the model, usage and cost in USD of adopted replies."""
        self._run = run
        self._prices = prices
        self._book = book
        self._found: dict[str, list[Stored]] = {}

    @property
    def untaken(self) -> int:
        """Replies that were found and not adopted yet."""
        return sum(map(len, self._found.values()))

    async def collect(self, client: Client, since: datetime, run: Run) -> None:
        """Look for what was stored since `since` (by this machine's clock) for cells that are not settled.

        What is in the journal is not found, also where a retry has let it count no more.

        A provider that lists nothing is no error: it is logged, and the calls are made again.
        """
        earliest_s = (since - CLOCKS_APART).timestamp()
        self._found = {}  # a beginning that failed may have looked before
        try:
            async for one in stored(client, {RUN: self._run}):
                if one.created_s < earliest_s:
                    break
                if _may_be(key := one.metadata.get(CELL, "")) and not run.state.settled(key):
                    self._found.setdefault(key, []).insert(0, one)
        except StoredUnavailable as error:
            log.warning("salvage_failed", error=str(error))
        if self._found:
            there = await anyio.to_thread.run_sync(_ids, run, set(self._found))
            left = {key: [one for one in found if one.id not in there] for key, found in self._found.items()}
            self._found = {key: found for key, found in left.items() if found}
        log.info("replies_found", found=self.untaken, since=since.isoformat())

    def marked(self, cell: Cell, request: Request) -> Request:
        """Ask the provider to store the reply."""
        return replace(request, metadata={RUN: self._run, CELL: cell.key, MODEL: request.model})

    def adopted(self, cell: Cell) -> list[Reply]:
        """Return what was found for `cell`, oldest first."""
        found = self._found.pop(cell.key, ())
        replies = [reply for one in found if (reply := self._reply(cell, one))]
        for reply in replies:
            self._book(reply.cell.model, reply.usage, reply.cost_usd)
        return replies

    def _reply(self, cell: Cell, one: Stored) -> Reply | None:
        model = one.metadata.get(MODEL, cell.model)  # a cell may take calls of several
        try:
            completion = decode(one.body, model=model, structure=one.structure, price=self._prices.get(model))
        except UnreadableReply:
            return None
        return reply_of(replace(cell, model=model), completion, datetime.fromtimestamp(one.created_s, UTC))


def _may_be(key: str) -> bool:
    return len(key) == 32 and not set(key) - set("0123456789abcdef")


def _ids(run: Run, keys: set[str]) -> set[object]:
    """Return the provider's ids of all replies to the cells `keys` that are in the journal."""
    ids: set[object] = set()
    for reply in run.all_replies(keys):
        with suppress(UnreadableReply):
            ids.add(json_object(reply.body.encode("utf-8", "replace")).get("id"))
    return ids
