"""A request that waits for a batch to bring its answer, and the batches that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import anyio

from ...errors import RequestFailed, RunStopped
from ...types import Completion, Request
from ..answering import Caller
from ..models import Family
from .api import Batch
from .book import Asked, Submission

Outcome = Completion | RequestFailed | RunStopped | None
"""None: no batch will bring it."""


@dataclass(slots=True, eq=False)
class Parked:
    """One caller's request, through as many batches as it takes."""

    id: str
    request: Request
    caller: Caller
    answer: asyncio.Future[Outcome] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    done: bool = False
    """Its caller waits no more."""
    taken: bool = False
    """Its caller has the reply: it is for the caller to keep."""
    failed: RunStopped | None = None
    """Why the caller could not keep it."""
    failures: dict[str, int] = field(default_factory=dict)
    """Failed attempts by kind, which is reason and status."""
    own: int = 0
    """Those of them where others of the same batch succeeded."""
    lost: int = 0
    """Attempts that may have been billed and brought no reply."""
    changes: int = 0
    """Times that it was sent again in another form."""
    _left: anyio.Event | None = None
    """Only where somebody waits for it: an event takes a kilobyte, and there are many who wait for a batch."""

    @property
    def count(self) -> int:
        """Failed attempts in all."""
        return sum(self.failures.values())

    def leave(self) -> None:
        """Take in that its caller waits no more."""
        self.done = True
        if self._left is not None:
            self._left.set()

    async def left(self) -> None:
        """Return when its caller waits no more."""
        if not self.done:
            self._left = self._left or anyio.Event()
            await self._left.wait()

    def settle(self, outcome: Outcome) -> None:
        """Wake the caller."""
        if not self.answer.done():
            self.answer.set_result(outcome)


@dataclass(slots=True, eq=False)
class Held:
    """A request that is in a batch, and who waits for it."""

    asked: Asked
    parked: Parked | None
    """None where nobody does: its caller is of another process, or has left."""


class OpenBatch:
    """A submission until all of it is collected."""

    def __init__(self, submission: Submission, family: Family | None = None, parked: Iterable[Parked] = ()) -> None:
        self.submission = submission
        self.family = family
        """What was known of the model when it was made; None: it was made by an earlier process."""
        waiting = {one.id: one for one in parked}
        self.held = {asked.id: Held(asked, waiting.get(asked.id)) for asked in submission.requests}
        """By id: those that have no outcome yet."""
        self.order = [asked.id for asked in submission.requests]
        """Ids by the lines of the file."""
        self.prompt_tokens = sum(asked.prompt_tokens for asked in submission.requests)
        """How many count against the limit of enqueued tokens."""
        self.shown: Batch | None = None
        """As the provider showed it last."""
        self.succeeded = 0
        """Replies that were collected."""

    def arrived(self, shown: Batch) -> None:
        """Take in what the provider calls it."""
        self.shown = shown
        self.submission = replace(self.submission, batch=shown.id)

    @property
    def name(self) -> str:
        """The submission's name."""
        return self.submission.name
