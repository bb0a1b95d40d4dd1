"""An observer of runs that makes spans and metrics of what it hears.

Rules:
1. A span for each article, and in it one for each HTTP call, whatever comes of it; and one for each batch, once it is
   collected. The conventions would put all attempts at a request into one span; apart they show what was waited for.
2. Counters hold what this process has done, each event once, so that all processes of a run add up to its bill.
3. Moments are told by the event loop's clock, set by the time of day when an article is begun: so a span is as long as
   its call, in virtual time too, and never ends before it begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from time import time_ns
from typing import NamedTuple

from opentelemetry import metrics, trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer

from ..errors import RunStopped
from ..types import Article, Cell, Completion, Request, Usage
from ..view import BatchView, View
from .counts import Counts
from .levels import Levels
from .names import CHAT, ERROR_TYPE, MODEL, SCHEMA_URL, Attributes, about, asked, operation_of, replied, whom
from .server import Server

_NS = 1_000_000_000


class Clock(NamedTuple):
    """What the event loop's clock means in time of day."""

    set_ns: int
    set_at_s: float

    def ns(self, at_s: float) -> int:
        """Return a moment of the loop's clock as nanoseconds since 1970."""
        return self.set_ns + round((at_s - self.set_at_s) * _NS)


class _Open:
    """An article that is worked on."""

    __slots__ = ("clock", "finished")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.finished = False


class _OpenCell:
    """A cell that is worked on."""

    __slots__ = ("cell", "operation")

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.operation = CHAT
        """What kind of call the last one about it was."""


_ARTICLE: ContextVar[_Open | None] = ContextVar("qloragen_article", default=None)
_CELL: ContextVar[_OpenCell | None] = ContextVar("qloragen_cell", default=None)


def observe(server: Server) -> Telemetry:
    """Return an observer that tells the process's own providers."""
    return Telemetry(server, trace.get_tracer_provider(), metrics.get_meter_provider())


class Telemetry:
    """Makes spans and metrics of one session, or several."""

    def __init__(self, server: Server, traces: trace.TracerProvider, measures: metrics.MeterProvider) -> None:
        """`server` is who answers calls."""
        release = version("qloragen")
        meter = measures.get_meter("qloragen", release, SCHEMA_URL)
        self._tracer = traces.get_tracer("qloragen", release, SCHEMA_URL)
        self._server = server
        self._counts = Counts(meter)
        self._levels = Levels(meter)
        self._last: dict[str, View] = {}
        """What was seen of each session that has not ended, by its run."""

    @contextmanager
    def article(self, article: Article) -> Iterator[None]:
        """Make a span of the time in which an article is worked on."""
        clock = _clock()
        known = {"qloragen.article.id": article.id}
        span = self._tracer.start_span("article", attributes=known, start_time=clock.set_ns)
        opened = _Open(clock)
        mark, token = _ARTICLE.set(opened), attach(trace.set_span_in_context(span))
        outcome = "error"
        try:
            yield
            outcome = "finished" if opened.finished else "left"
        except RunStopped:
            outcome = "stopped"
            raise
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        finally:
            detach(token)
            _ARTICLE.reset(mark)
            span.set_attribute("qloragen.outcome", outcome)
            if outcome == "error":
                span.set_status(Status(StatusCode.ERROR))
            span.end(clock.ns(_now_s()))
            self._counts.article(outcome)

    def finished(self, article: Article) -> None:
        """Note that an article has come to its end."""
        del article  # the one that this context is about
        if (opened := _ARTICLE.get()) is not None:
            opened.finished = True

    @contextmanager
    def cell(self, cell: Cell) -> Iterator[None]:
        """Let the spans of calls say what they are for."""
        mark = _CELL.set(_OpenCell(cell))
        try:
            yield
        finally:
            _CELL.reset(mark)

    def attempt(self, request: Request, *, number: int, waited_s: float) -> Attempt:
        """Begin the span of a call."""
        opened, open_cell, operation = _ARTICLE.get(), _CELL.get(), operation_of(request)
        clock, begun_s = opened.clock if opened else _clock(), _now_s()
        common = whom(self._server, request.model, operation)
        known = {**common, **asked(request, number, waited_s)}
        if open_cell is not None:
            open_cell.operation = operation
            known.update(about(open_cell.cell))
        span = self._tracer.start_span(
            f"{operation} {request.model}",
            kind=SpanKind.CLIENT,
            attributes=known,
            start_time=clock.ns(begun_s),
        )
        return Attempt(self._counts, self._server, common, span, clock, begun_s)

    def billed(self, cell: Cell, usage: Usage, cost_usd: Decimal | None) -> None:
        """Count what was billed; of calls of an earlier process it is not known what kind they were."""
        open_cell = _CELL.get()
        operation = open_cell.operation if open_cell and open_cell.cell.key == cell.key else CHAT
        self._counts.bill(whom(self._server, cell.model, operation), cell, usage, cost_usd)

    def settled(self, cell: Cell, reason: str | None) -> None:
        """Count a result, or a rejection."""
        self._counts.cell(cell, reason)

    def seen(self, view: View) -> None:
        """Show what there is to see, and count what nobody tells of otherwise."""
        before = self._last.get(view.run)
        for reason, count in view.skips.items():
            new = count - (before.skips.get(reason, 0) if before else 0)
            if new > 0:
                self._counts.skip(reason, new)
        there = {(batch.model, batch.asked) for batch in view.batches}
        for batch in before.batches if before else ():
            if (batch.model, batch.asked) not in there:
                _batch_span(self._tracer, self._server, batch, view.time)
        self._levels.show(view)
        if view.ended:
            self._last.pop(view.run, None)
        else:
            self._last[view.run] = view


class Attempt:
    """One call that is being made."""

    __slots__ = ("_begun_s", "_clock", "_common", "_counts", "_server", "_span")

    def __init__(
        self, counts: Counts, server: Server, common: Attributes, span: Span, clock: Clock, begun_s: float
    ) -> None:
        self._counts = counts
        self._server = server
        self._common = common
        self._span = span
        self._clock = clock
        self._begun_s = begun_s

    def answered(self, completion: Completion) -> None:
        """End the span with what the reply says of itself."""
        if self._span.is_recording():
            self._span.set_attributes(replied(completion, self._server))
        self._end(None)

    def failed(self, reason: str, status: int | None) -> None:
        """End the span with what has gone wrong: a code, and no text of anyone's."""
        self._span.set_attribute(ERROR_TYPE, reason)
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        self._span.set_status(Status(StatusCode.ERROR))
        self._end(reason)

    def _end(self, error: str | None) -> None:
        now_s = _now_s()
        self._span.end(self._clock.ns(now_s))
        self._counts.call(self._common, now_s - self._begun_s, error)


def _batch_span(tracer: Tracer, server: Server, batch: BatchView, ended: datetime) -> None:
    """Make a span of a batch that is not there any more: it has been collected, or is no use."""
    known = whom(server, batch.model, "batch")
    known.update({"qloragen.batch.requests": batch.total, "qloragen.batch.done": batch.done})
    if batch.id is not None:
        known["qloragen.batch.id"] = batch.id
    span = tracer.start_span(
        f"batch {known[MODEL]}", kind=SpanKind.CLIENT, attributes=known, start_time=_ns(batch.asked)
    )
    span.end(_ns(ended))


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1_000


def _clock() -> Clock:
    return Clock(time_ns(), _now_s())


def _now_s() -> float:
    return asyncio.get_running_loop().time()
