"""What every run works with, whatever it makes: a keeper of what arrives, a way to the provider, an engine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread

from .assembly import connection_of, engine_of, specs_besides, terms_of
from .batches import OPEN_ARTICLES
from .bounds import budget_of
from .engine.client import Client
from .engine.engine import Engine
from .engine.spec import ModelSpec
from .logs import get_logger
from .observing import Observer
from .settings import Settings
from .store.committer import Committer, committing
from .store.handle import Run

log = get_logger()


class Equipment(NamedTuple):
    """The tools of one open run."""

    committer: Committer
    client: Client
    engine: Engine


async def equipped(
    run: Run,
    settings: Settings,
    specs: Sequence[ModelSpec],
    client: Client | None,
    base_url: str | None,
    exits: AsyncExitStack,
    *,
    observer: Observer | None = None,
) -> Equipment:
    """Open what a run works with; it ends with `exits`. `client` takes the place of a connection to `base_url`.

    `observer` is told of each call.

    Raises:
        SettingsError: A limit in US dollars cannot be kept.
        RunStopped: There is no API key.
    """
    holding = _Holding(run.folder)
    committer = await exits.enter_async_context(committing(run, terms_of(settings, holding.disk_said)))
    if client is None:
        client = await exits.enter_async_context(connection_of(settings, specs, base_url))
    engine = holding.engine = await _engine_for(run, settings, client, specs, observer)
    return Equipment(committer, client, engine)


def open_articles(settings: Settings, engine: Engine, *, in_batches: bool) -> int:
    """Return how many articles are worked on at once.

    Unless set, as many as calls may be in flight in all: each open article has one or more calls to make, so the slower
    model is always busy, and more would only wait in memory. In batches all of them wait, so memory decides.
    """
    return settings.open_articles or (OPEN_ARTICLES if in_batches else engine.most_in_flight)


async def _engine_for(
    run: Run, settings: Settings, client: Client, specs: Sequence[ModelSpec], observer: Observer | None
) -> Engine:
    """Return the engine of a run, which knows also the models of batches that have not been collected."""
    models = [one.model for one in run.state.submissions.open()]
    left = await anyio.to_thread.run_sync(specs_besides, settings, specs, models)
    budget = budget_of(settings, run.state.ledger)
    return engine_of(settings, client, (*specs, *left), budget, observer=observer)


class _Holding:
    """Lets the disk hold the engine back, which is made after it."""

    def __init__(self, folder: Path) -> None:
        self.engine: Engine | None = None
        self._folder = folder

    def disk_said(self, trouble: str | None) -> None:
        """Send nothing while what comes back could not be kept."""
        if trouble is None:
            log.info("disk_writes_again", folder=str(self._folder))
            if self.engine:
                self.engine.resume()
            return
        log.error(
            "disk_refuses",
            folder=str(self._folder),
            error=trouble,
            what="no call is sent until it takes lines again: make room, or stop; replies are held till then",
        )
        if self.engine:
            self.engine.pause(f"{self._folder} cannot be written: {trouble}")
