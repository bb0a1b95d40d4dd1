"""Keeps `run.json` true while a session is at work, and says in the log when work begins and ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import anyio
import anyio.to_thread

from .domain.pack import Pack
from .errors import StorageFailed
from .logs import escape, get_logger
from .manifest import RUNNING, Manifest, PackIdentity, last_process, new_name, read_manifest
from .pipeline.circumstances import Circumstances
from .pipeline.tally import Tally
from .settings import Settings
from .store.handle import Run

EVERY_S = 5.0
"""How old the counts in `run.json` may be while a session is at work."""


log = get_logger()


class Now(NamedTuple):
    """What a session knows that changes while it works."""

    circumstances: tuple[Circumstances, ...]
    reading: str
    """See `Classifier.reading`; of the last circumstances."""
    tally: Tally
    unheard: int
    """Calls that may have been paid for and brought no reply."""
    untaken: int
    """Replies found at the provider that no cell has asked for yet."""
    stopped: str | None
    """Why no more work is taken."""


class Logbook:
    """Writes the manifest of one session."""

    def __init__(
        self,
        run: Run,
        settings: Settings,
        pack: Pack,
        previous: Manifest | None,
        prices: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`prices` say of the session's models where their prices come from."""
        self.previous = previous
        """What the session before has left."""
        self.prices = {**(previous.prices if previous else {}), **prices}
        """Where the prices of the run's models come from, and of when they are."""
        self._run = run
        self._settings = settings
        self._pack = pack
        self._models = list(prices)
        self._started = utc_now()
        self._begun_s = 0.0
        self._paid_before = run.state.ledger.total()
        self._name = previous.run if previous else None

    @property
    def run(self) -> str:
        """The name of the run, new if it has none."""
        self._name = self._name or new_name()
        return self._name

    @property
    def unheard_since(self) -> datetime | None:
        """From when on the session before may have missed replies that were paid for."""
        return self.previous.unheard_since if self.previous else None

    async def begin(self, now: Now) -> None:
        """Write the manifest of a session that has something to do.

        Raises:
            StorageFailed: It cannot be written.
        """
        await self.write(now)
        self._begun_s = anyio.current_time()
        log.info(
            "run_opened",
            run=self.run,
            folder=str(self._run.folder),
            resumed=self._paid_before.calls > 0,
            models=self._models,
            batch=self._settings.batch,
        )

    async def write(self, now: Now, *, ended: bool = False) -> None:
        """Replace the manifest.

        Raises:
            StorageFailed: It cannot be written.
        """
        manifest = Manifest(
            qloragen=version("qloragen"),
            run=self.run,
            status=self._status(now) if ended else RUNNING,
            started=self._started,
            updated=utc_now(),
            pack=PackIdentity(name=self._pack.name, version=self._pack.version, fingerprint=self._pack.fingerprint),
            settings=self._settings.public(),
            circumstances=now.circumstances,
            readings=self._readings(now),
            last_process=last_process(now.tally),
            prices=dict(self.prices),
            unheard_since=self._unheard_since(now, ended=ended),
        )
        await anyio.to_thread.run_sync(self._run.filing.write_manifest, manifest.model_dump(mode="json"))

    async def keep(self, look: Callable[[], Now]) -> None:
        """Replace the manifest every few seconds if there is news; a failure is said by whoever writes the journal,
        where it matters."""
        written: object = None
        while True:
            await anyio.sleep(EVERY_S)
            now = look()
            news = (last_process(now.tally), *(value for value in now if value is not now.tally))
            if news != written:  # batches are waited for by the hour
                with suppress(StorageFailed):
                    await self.write(now)
                    written = news

    async def end(self, now: Now) -> None:
        """Replace the manifest for the last time, also when the session is being cancelled."""
        with anyio.CancelScope(shield=True), suppress(StorageFailed):
            await self.write(now, ended=True)
        self._log_end(now)

    def _log_end(self, now: Now) -> None:
        tally, paid = now.tally, self._run.state.ledger.total().minus(self._paid_before)
        log.info(
            "run_ended",
            run=self.run,
            folder=str(self._run.folder),
            status=self._status(now),
            elapsed_s=round(anyio.current_time() - self._begun_s, 3),
            articles=tally.articles,
            finished_articles=tally.finished_articles,
            made=tally.records,
            rejected=dict(tally.rejected),
            failed=dict(tally.failed),
            skipped=dict(tally.skips),
            calls=paid.calls,
            prompt_tokens=paid.usage.prompt_tokens,
            cached_tokens=paid.usage.cached_tokens,
            completion_tokens=paid.usage.completion_tokens,
            cost_usd=float(paid.cost_usd),
            unpriced_calls=paid.unpriced_calls,
        )

    def _readings(self, now: Now) -> dict[str, str | None]:
        before = self.previous.readings if self.previous else {}
        if not now.reading or not now.circumstances:
            return before
        return before | {now.circumstances[-1].classify_prompt: now.reading}

    def _status(self, now: Now) -> str:
        # Escaped, for a path in it may have bytes that are no text.
        return f"stopped: {escape(now.stopped)}" if now.stopped else "ended"

    def _unheard_since(self, now: Now, *, ended: bool) -> datetime | None:
        if now.untaken and not (ended and now.stopped is None):
            return self.unheard_since
        if ended and not now.unheard:
            return None
        # A call that was sent before has come to its end, or been repeated.
        return max(self._started, utc_now() - timedelta(seconds=self._settings.timeout_s))


async def open_logbook(folder: Path, run: Run, settings: Settings, pack: Pack, prices: Mapping[str, str]) -> Logbook:
    """Read what the session before has left, and begin a new manifest in memory."""
    return Logbook(run, settings, pack, await anyio.to_thread.run_sync(read_manifest, folder), prices)


def utc_now() -> datetime:
    """Return the time of day."""
    return datetime.now(UTC)
