"""A run seen while it goes: one live line on a terminal, log events elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol, TextIO

import anyio
from anyio.abc import TaskGroup

from .background import background
from .costs import dollars, usd_at_least
from .engine.batches.dispatch import BatchProgress
from .engine.gate import Cause
from .engine.statistics import Pause
from .errors import Interrupted, RunStopped, SourceError
from .logs import escape, get_logger
from .pipeline.tally import Tally
from .session import Session, Source
from .store.ledger import Bill

LIVE_EVERY_S = 0.25
LOG_EVERY_S = 30.0

log = get_logger()


class Watched(Protocol):
    """What is at work: a session that makes records, or one that judges them."""

    @property
    def tally(self) -> Tally:
        """What it has done."""
        ...

    @property
    def bill(self) -> Bill:
        """Everything that was paid so far, earlier sessions included."""
        ...

    @property
    def calls_in_flight(self) -> int:
        """Calls that have been sent and not answered yet."""
        ...

    @property
    def pauses(self) -> Mapping[str, Pause]:
        """Models that are not called at the moment, and why."""
        ...

    @property
    def batches(self) -> Sequence[BatchProgress]:
        """Batches at the provider that have not been collected."""
        ...

    @property
    def stopped(self) -> RunStopped | None:
        """Why it takes no more work, once that is so."""
        ...


class Progress:
    """Describes a session at work; times are those of the event loop, in seconds."""

    def __init__(self, session: Watched, total_articles: int | None = None, makes: str = "records") -> None:
        """`makes` are what it makes, in a word."""
        self.total_articles = total_articles
        """How many articles the source holds, once that is known."""
        self._session = session
        self._makes = makes
        self._started = anyio.current_time()

    async def count(self, session: Session, source: Source, limit: int | None) -> None:
        """Find out how many articles there are, by reading all of a source that can be read twice.

        A source that cannot be read, and a stop, are left to those who process it.
        """
        with suppress(SourceError, RunStopped):
            self.total_articles = (await session.plan(source, limit=limit)).articles

    def fields(self) -> dict[str, object]:
        """Return the numbers, as fields of a log event."""
        tally, bill = self._session.tally, self._session.bill
        return {
            "articles": tally.finished_articles,
            "of": self.total_articles,
            "records": tally.records,
            "rejected": tally.rejections,
            "failed": tally.failures,
            "in_flight": self._session.calls_in_flight,
            "cost_usd": usd_at_least(bill.cost_usd, bill.unpriced_calls),
            "records_per_minute": round(self._rate() * 60, 1),
            "eta_s": self._eta_s(),
            "paused": {model: pause.cause.value for model, pause in self._session.pauses.items()},
            "batches": [batch._asdict() | {"asked": str(batch.asked)} for batch in self._session.batches],
        }

    def ending(self) -> dict[str, object] | None:
        """Return what the end of a session that stops waits for, as fields of a log event; None while it does not."""
        reason = self._session.stopped
        if reason is None:
            return None
        fields: dict[str, object] = {"calls_in_flight": self._session.calls_in_flight}
        left_s = _left_s(reason)
        return fields if left_s is None else fields | {"cancelled_in_s": round(left_s)}

    def line(self) -> str:
        """Return the numbers as one line for people."""
        tally, bill = self._session.tally, self._session.bill
        of = f"/{self.total_articles}" if self.total_articles else ""
        parts = [f"articles {tally.finished_articles}{of}", f"{self._makes} {tally.records}"]
        parts += [f"rejected {tally.rejections}"] if tally.rejections else []
        parts += [f"failed {tally.failures}"] if tally.failures else []
        parts += [f"in flight {self._session.calls_in_flight}", dollars(bill.cost_usd, bill.unpriced_calls)]
        parts.append(f"{self._rate() * 60:.1f} {self._makes}/min")
        eta_s = self._eta_s()
        parts += [f"ETA {_duration(eta_s)}"] if eta_s is not None else []
        parts += [_batched(batches)] if (batches := self._session.batches) else []
        parts += dict.fromkeys(_said(model, pause) for model, pause in self._session.pauses.items())
        parts += [_stopping(stopped, self._session.calls_in_flight)] if (stopped := self._session.stopped) else []
        return " · ".join(parts)

    def _elapsed_s(self) -> float:
        return max(anyio.current_time() - self._started, 1e-9)

    def _rate(self) -> float:
        return self._session.tally.records / self._elapsed_s()

    def _eta_s(self) -> int | None:
        done = self._session.tally.finished_articles
        if not done or self.total_articles is None:
            return None
        return round(self._elapsed_s() / done * max(0, self.total_articles - done))


class Line:
    """The last line of a terminal, written over and over, with ordinary lines passing above it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""

    def show(self, text: str) -> None:
        """Put `text` in the place of what was shown."""
        self._text = text
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()

    def write(self, text: str) -> int:
        """Write whole lines above; makes this a stream for log handlers."""
        self._stream.write(f"\r\x1b[K{text}{self._text}")
        return len(text)

    def flush(self) -> None:
        """Hand what was written to the terminal."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Say that colours are welcome."""
        return self._stream.isatty()


@asynccontextmanager
async def shown(progress: Progress, line: Line | None) -> AsyncIterator[TaskGroup]:
    """Show `progress` within the block: on `line`, or without one as log events every `LOG_EVERY_S` seconds.

    The task group that it yields is for work that ends with the block, as counting the source.
    """
    async with background(_live, progress, line) if line else background(_logged, progress) as tasks:
        if not line:
            tasks.start_soon(_finishing, progress)
        try:
            yield tasks
        finally:
            if line:
                line.show(f"{progress.line()}\n")
            else:
                log.info("progress", **progress.fields())


async def _live(progress: Progress, line: Line) -> None:
    while True:
        line.show(progress.line())
        await anyio.sleep(LIVE_EVERY_S)


async def _logged(progress: Progress) -> None:
    while True:
        await anyio.sleep(LOG_EVERY_S)
        log.info("progress", **progress.fields())


async def _finishing(progress: Progress) -> None:
    """Say once what the end waits for."""
    while True:
        ending = progress.ending()
        if ending:
            break
        await anyio.sleep(LIVE_EVERY_S)
    if ending["calls_in_flight"]:
        log.warning("run_finishing", **ending)


def _said(model: str, pause: Pause) -> str:
    """Return in words why a model is not called, and until when."""
    if pause.cause is Cause.HELD:
        return f"paused: {escape(pause.why)}"
    why = _CAUSES.get(pause.cause) or f"outage ({escape(pause.why)})"
    if pause.probe_in_s is None:
        return f"paused: {model}: {why}, a probe is under way"
    return f"paused: {model}: {why}, next probe in {pause.probe_in_s:.0f} s"


_CAUSES = {Cause.RATE_LIMITED: "rate limit", Cause.NO_CAPACITY: "no capacity at the flex tier"}


def _batched(batches: Sequence[BatchProgress]) -> str:
    """Return in words how far the batches at the provider are."""
    stations = Counter(batch.status.replace("_", " ") for batch in batches)
    where = ", ".join(f"{count} {station}" for station, count in stations.items())
    return f"batches {where}: {sum(batch.done for batch in batches)}/{sum(batch.total for batch in batches)}"


def _stopping(reason: RunStopped, calls: int) -> str:
    """Return in words what the end waits for, and for how long."""
    if not calls:
        return "stopping"
    in_flight = "1 call in flight is" if calls == 1 else f"{calls} calls in flight are"
    waits = f"stopping: {in_flight} finished first"
    left_s = _left_s(reason)
    return waits if left_s is None else f"{waits} (up to {left_s:.0f} s; Ctrl-C again leaves at once)"


def _left_s(reason: RunStopped) -> float | None:
    """Return how long calls in flight may still take; None: as long as they do."""
    if not isinstance(reason, Interrupted) or reason.finish_by_s is None:
        return None
    return max(0.0, reason.finish_by_s - anyio.current_time())


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
