"""Sees a session at work as a `View`, and lets other processes see it too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from time import monotonic

import anyio
import anyio.to_thread

from ..engine.batches.dispatch import BatchProgress
from ..engine.budget import Spending, Standing
from ..engine.engine import Engine
from ..engine.statistics import ModelStatistics, Pause
from ..errors import Interrupted, RunStopped
from ..logs import get_logger
from ..observing import Observer, Watcher
from ..pipeline.tally import Tally
from ..pipeline.workload import Sizes
from ..store.ledger import Bill
from ..view import Allowance, BatchView, ModelView, Paused, Spent, View
from .eta import Forecast, Terms
from .file import write_view
from .meter import Meter
from .remaining import Expected

EVERY_S = 1.0
"""How old `progress.json` may be, and how far apart the counts are noted that rates are made of."""

log = get_logger()


@dataclass(frozen=True, slots=True)
class Scene:
    """Where a session's state is to be found, which changes all the time."""

    folder: Path
    """Where `progress.json` is kept."""
    run: str
    """Name of the run."""
    makes: str
    """What comes of it: `records`, or `judgements`."""
    tally: Tally
    engine: Engine
    bill: Callable[[], Bill]
    batches: Callable[[], Sequence[BatchProgress]]
    missing_in_sinks: Callable[[], Mapping[str, int]]
    stopped: Callable[[], RunStopped | None]
    now: Callable[[], datetime]
    """The time of day."""
    terms: Terms | None
    """What a forecast rests on; None where none can be made, as of batches."""


class Lookout:
    """Looks at one session from its opening on; what was a minute ago it remembers while `keep` is at work."""

    def __init__(self, scene: Scene, clock: Callable[[], float] = monotonic) -> None:
        """`clock` tells real seconds: the file is for others, who do not live in the event loop's time."""
        self.expected: Expected | None = None
        """What is to be done in all, once anybody has counted it."""
        self._scene = scene
        self._clock = clock
        self._started, self._started_s = scene.now(), _now_s()
        self._begun = anyio.Event()
        self._forecast = Forecast(scene.terms, self._started_s) if scene.terms else None
        self._noted_s = self._started_s
        self._watcher: Watcher | None = None
        self._requests: dict[str, Meter] = {}
        self._tokens: dict[str, Meter] = {}
        self._refused = False
        """The disk has refused the file, and that was said."""

    def show(self, observer: Observer | None) -> None:
        """Let an observer see the session as well, if it wants to: from now on, every second, and at the end."""
        if isinstance(observer, Watcher):
            self._watcher = observer

    def begin(self) -> None:
        """Let other processes see the session from now on: it has something to do."""
        self._begun.set()

    def expect(self, sizes: Sizes) -> None:
        """Take in that there are so many more articles to be worked on, unless a plan has said more of them."""
        if self.expected is None:
            self.expected = Expected(sizes.articles, sizes)
        elif self.expected.sizes is not None:
            whole = self.expected.sizes.plus(sizes)
            self.expected = Expected(whole.articles, whole)

    def view(self) -> View:
        """Return what there is to see at this moment. It is made anew each time, in some tenths of a millisecond."""
        scene, now_s = self._scene, _now_s()
        bill, standings, tally = scene.bill(), scene.engine.shared.budget.standings, scene.tally
        stopped, batches = scene.stopped(), scene.batches()
        unheard = {batch.model: batch.pause for batch in batches}
        return View(
            run=scene.run,
            makes=scene.makes,
            started=self._started,
            time=scene.now(),
            elapsed_s=now_s - self._started_s,
            articles=tally.articles,
            finished_articles=tally.finished_articles,
            expected_articles=self.expected.articles if self.expected else None,
            made=tally.records,
            adopted=tally.adopted,
            rejections=dict(tally.rejected),
            rejected_before=tally.rejected_before,
            failures=dict(tally.failed),
            skips=dict(tally.skips),
            models={
                name: self._model(name, counts, standings.get(name), counts.pause or unheard.get(name))
                for name, counts in scene.engine.statistics.items()
            },
            calls=bill.calls,
            cost_usd=bill.cost_usd,
            unpriced_calls=bill.unpriced_calls,
            prompt_tokens=bill.usage.prompt_tokens,
            cached_tokens=bill.usage.cached_tokens,
            completion_tokens=bill.usage.completion_tokens,
            allowance=_allowance(standings[""]),
            batches=tuple(_batch(batch) for batch in batches),
            sinks={name: count for name, count in scene.missing_in_sinks().items() if count},
            stopping=None if stopped is None else _text(str(stopped)),
            leaves_in_s=_leaves_in_s(stopped, now_s),
            eta_s=self._eta_s(now_s),
        )

    async def keep(self) -> None:
        """Note what rates are made of every second, and keep `progress.json` true once there is work; never returns."""
        written_s = -EVERY_S
        while True:
            self._note(_now_s())
            if self._watcher is not None:
                self._watcher.seen(self.view())
            if self._begun.is_set() and self._clock() - written_s >= EVERY_S:
                await anyio.to_thread.run_sync(self._write, self.view())
                written_s = self._clock()
            await anyio.sleep(EVERY_S)

    async def end(self) -> None:
        """Say to all who look that the session is over, also when it is being cancelled."""
        if self._watcher is not None:
            self._watcher.seen(replace(self.view(), ended=True))
        if self._begun.is_set():
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._write, replace(self.view(), ended=True))

    def _note(self, now_s: float) -> None:
        models, self._noted_s = self._scene.engine.statistics, now_s
        if self._forecast:
            self._forecast.note(now_s, models)
        for name, counts in models.items():
            self._requests.setdefault(name, Meter(self._started_s)).note(now_s, _calls(counts))
            self._tokens.setdefault(name, Meter(self._started_s)).note(now_s, _tokens(counts))

    def _model(self, name: str, counts: ModelStatistics, standing: Standing | None, pause: Pause | None) -> ModelView:
        fresh, now_s = Meter(self._started_s), _now_s()
        return ModelView(
            in_flight=counts.in_flight,
            max_in_flight=counts.max_in_flight,
            waiting=counts.waiting,
            sent=counts.sent,
            completed=counts.completed,
            rate_limited=counts.rate_limited,
            no_capacity=counts.no_capacity,
            retried=counts.retried,
            given_up=counts.given_up,
            requests_per_minute=self._requests.get(name, fresh).per_minute(now_s, _calls(counts)),
            tokens_per_minute=self._tokens.get(name, fresh).per_minute(now_s, _tokens(counts)),
            rpm=counts.rpm,
            tpm=counts.tpm,
            bound=counts.bound.value,
            pause=_paused(pause),
            prompt_tokens=counts.prompt_tokens,
            cached_tokens=counts.cached_tokens,
            completion_tokens=counts.completion_tokens,
            allowance=None if standing is None else _allowance(standing),
        )

    def _eta_s(self, now_s: float) -> float | None:
        if self._forecast is None or self.expected is None:
            return None
        left_s = self._forecast.left_s(self._scene.tally.work, self.expected, self._scene.engine.statistics)
        return None if left_s is None else max(0.0, left_s - (now_s - self._noted_s))

    def _write(self, view: View) -> None:
        try:
            write_view(self._scene.folder, view)
        except OSError as error:
            if not self._refused:
                log.warning("progress_not_written", folder=str(self._scene.folder), error=error.strerror)
            self._refused = True
        else:
            self._refused = False


def _now_s() -> float:
    return asyncio.get_running_loop().time()  # anyio knows no clock in a callback, such as that of a signal


def _calls(counts: ModelStatistics) -> int:
    return counts.sent - counts.batched


def _tokens(counts: ModelStatistics) -> int:
    """Return those of calls: what batches take is no matter of a minute."""
    return counts.prompt_tokens + counts.completion_tokens - counts.batched_tokens


def _batch(progress: BatchProgress) -> BatchView:
    batch_id, model, status, done, total, asked, _ = progress
    return BatchView(batch_id, model, status, done, total, asked)


def _paused(pause: Pause | None) -> Paused | None:
    return None if pause is None else Paused(pause.cause.value, _text(pause.why), pause.probe_in_s)


def _text(text: str) -> str:
    """Return `text` as UTF-8 can write it: paths need not be."""
    return text.encode("utf-8", "replace").decode()


def _allowance(standing: Standing) -> Allowance:
    bounds = standing.bounds
    return Allowance(
        bounds.max_cost_usd, bounds.max_tokens, bounds.max_calls, _spent(standing.spent), _spent(standing.reserved)
    )


def _spent(spending: Spending) -> Spent:
    return Spent(spending.usd, spending.tokens, spending.calls)


def _leaves_in_s(reason: RunStopped | None, now_s: float) -> float | None:
    """Return how long calls in flight may still take; None: as long as they do."""
    if not isinstance(reason, Interrupted) or reason.finish_by_s is None:
        return None
    return max(0.0, reason.finish_by_s - now_s)
