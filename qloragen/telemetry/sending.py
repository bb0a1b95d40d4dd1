"""OpenTelemetry's own sending of spans and metrics, for a process that nobody else has set up."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import version
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

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
_EXPORTER = re.compile(r"opentelemetry\.exporter\..+\.(trace|metric)_exporter")
"""Names of the loggers of what sends a signal."""
_REMEDY = (
    "the run goes on without; OTEL_EXPORTER_OTLP_ENDPOINT should be the address of a collector that takes OTLP by HTTP"
)
_LOOK = "the run goes on, and what else there is to send is sent; look at the variables OTEL_*"

log = get_logger()


@contextmanager
def sending() -> Iterator[None]:
    """Let the process's spans and metrics be sent while the block is worked on, and what is left when it ends.

    A signal whose exporter is `none` (`OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER`), or for which there is a
    provider already, is let alone.
    """
    troubles = _Troubles()
    troubles.take_over()
    resource = _resource()
    endings: dict[str, Callable[[], object]] = {}
    if _wanted("OTEL_TRACES_EXPORTER") and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        trace.set_tracer_provider(traces)
        endings["trace"] = traces.shutdown
    if _wanted("OTEL_METRICS_EXPORTER") and not isinstance(metrics.get_meter_provider(), MeterProvider):
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        measures = MeterProvider([reader], resource, shutdown_on_exit=False)
        metrics.set_meter_provider(measures)
        endings["metric"] = measures.shutdown
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


def _end(endings: Mapping[str, Callable[[], object]], troubles: _Troubles) -> None:
    """Send what is left of each signal, all at once, until that is done or refused, or has taken too long.

    A thread that still tries then dies with the process.
    """
    news: SimpleQueue[str] = SimpleQueue()

    def send(signal: str, ending: Callable[[], object]) -> None:
        try:
            ending()
        finally:
            news.put(signal)

    troubles.tell = news.put
    for signal, ending in endings.items():
        Thread(target=send, args=[signal, ending], daemon=True).start()
    left, last_s = set(endings), monotonic() + FLUSH_S
    with suppress(Empty):
        while left:
            left.discard(news.get(timeout=max(0.0, last_s - monotonic())))


class _Troubles(logging.Handler):
    """Says once what OpenTelemetry would say again and again: that nothing can be sent, and why."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.tell: Callable[[str], object] = lambda _signal: None
        """Called with the name of a signal, `trace` or `metric`, whenever that cannot be sent."""
        self._said: set[str] = set()

    def take_over(self) -> None:
        """Hear from now on what OpenTelemetry logs, in the place of everyone else: its threads may outlive the run."""
        logger = logging.getLogger("opentelemetry")
        logger.handlers, logger.propagate = [self], False

    def emit(self, record: logging.LogRecord) -> None:
        """Take one of its log records."""
        exporter = _EXPORTER.fullmatch(record.name)
        if exporter is None:
            # What it inserts may be values of the user's, such as headers that hold a key.
            self._say_once(record.name, str(record.msg), _LOOK)
            return
        self.tell(exporter[1])
        self._say_once("", record.getMessage(), _REMEDY)

    def _say_once(self, of: str, error: str, what: str) -> None:
        if of not in self._said:
            self._said.add(of)
            log.warning("telemetry_not_sent", error=error, what=what)
