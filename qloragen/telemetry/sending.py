"""OpenTelemetry's own sending of spans and metrics, for a process that nobody else has set up."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Literal

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from ..logs import get_logger

FLUSH_S = 2.0
"""So long does the end of a run wait for what has not been sent yet. A collector answers in milliseconds; one that does
not answer would be tried for half a minute."""
_UNKNOWN = "unknown_service"
_NONE = "none"
_REMEDY = (
    "the run goes on without; OTEL_EXPORTER_OTLP_ENDPOINT should be the address of a collector that takes OTLP by HTTP"
)

log = get_logger()


@contextmanager
def sending() -> Iterator[None]:
    """Let the process's spans and metrics be sent while the block is worked on, and what is left when it ends.

    A signal whose exporter is `none` (`OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`), or for which there is a
    provider already, is let alone.
    """
    resource = _resource()
    troubles = _Troubles()
    troubles.take_over()
    endings: list[Callable[[], object]] = []
    if _wanted("OTEL_TRACES_EXPORTER") and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(traces)
        endings.append(traces.shutdown)
    if _wanted("OTEL_METRICS_EXPORTER") and not isinstance(metrics.get_meter_provider(), MeterProvider):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        measures = MeterProvider([reader], resource, shutdown_on_exit=False)
        metrics.set_meter_provider(measures)
        endings.append(measures.shutdown)
    try:
        yield
    finally:
        _end(endings, troubles)


def _wanted(variable: str) -> bool:
    return os.environ.get(variable, "").strip().lower() != _NONE


def _resource() -> Resource:
    """Return who sends, as `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` say, else qloragen."""
    found = Resource.create({SERVICE_VERSION: version("qloragen")})
    if str(found.attributes.get(SERVICE_NAME, _UNKNOWN)).startswith(_UNKNOWN):
        return found.merge(Resource({SERVICE_NAME: "qloragen"}))
    return found


def _end(endings: list[Callable[[], object]], troubles: _Troubles) -> None:
    """Send what is left, all at once, until that is done or refused, or has taken too long.

    A thread that still tries then dies with the process.
    """
    news: SimpleQueue[Literal["sent", "trouble"]] = SimpleQueue()

    def send(ending: Callable[[], object]) -> None:
        try:
            ending()
        finally:
            news.put("sent")

    troubles.tell = lambda: news.put("trouble")
    for ending in endings:
        Thread(target=send, args=[ending], daemon=True).start()
    last_s = monotonic() + FLUSH_S
    with suppress(Empty):
        for _ in endings:
            if news.get(timeout=max(0.0, last_s - monotonic())) == "trouble":
                return


class _Troubles(logging.Handler):
    """Says once what OpenTelemetry would say again and again: that nothing can be sent, and why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.tell: Callable[[], None] = lambda: None
        """Called whenever there is trouble."""
        self._said = False

    def take_over(self) -> None:
        """Hear from now on what OpenTelemetry logs, in the place of everyone else: its threads may outlive the run."""
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one of its log records."""
        self.tell()
        if not self._said:
            self._said = True
            log.warning("telemetry_not_sent", error=record.getMessage(), what=_REMEDY)
