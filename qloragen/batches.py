"""Whether a session works in batches, and on which terms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .engine.batches.book import BatchBook
from .engine.batches.engine import BatchEngine, batching
from .engine.batches.lane import Terms
from .engine.client import Asking, Client
from .engine.engine import Engine
from .errors import SettingsError
from .settings import Settings

OPEN_ARTICLES = 7_500
"""Articles worked on at once in batches, unless that is set: all of them wait for hours, in about 1 GB of memory."""


@asynccontextmanager
async def batches_of(
    settings: Settings, engine: Engine, client: Client, book: BatchBook
) -> AsyncIterator[BatchEngine | None]:
    """Open what answers requests in batches; None where none are wanted, and none are left by earlier sessions.

    Raises:
        SettingsError: There are batches, and the client knows nothing of them.
    """
    left = book.left
    if not settings.batch and not left:
        yield None
        return
    if not isinstance(client, Asking):
        why = "" if settings.batch else f" {left} of this run have not been collected yet."
        raise SettingsError(f"This client cannot be used for batches: it has no `ask`.{why}")
    async with batching(engine, client, book, _terms(settings)) as batches:
        yield batches


def _terms(settings: Settings) -> Terms:
    return Terms(
        gather_s=settings.batch_gather_s,
        poll_s=settings.batch_poll_s,
        enqueued_tokens=lambda model: settings.own(model).batch_enqueued_tokens or settings.batch_enqueued_tokens,
        submit=settings.batch,
        forgo=settings.accept_changes,
    )
