"""OpenTelemetry in memory: an observer of runs, and what it has made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from qloragen.telemetry.observer import Telemetry
from qloragen.telemetry.server import Server

SERVER = Server("openai", "api.openai.com", 443)


class Traced:
    """What an observer has told; its spans and metrics go nowhere else."""

    def __init__(self, server: Server = SERVER) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        traces = TracerProvider(shutdown_on_exit=False)
        traces.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = traces.get_tracer("test")
        self.observer = Telemetry(server, traces, MeterProvider([self._reader], shutdown_on_exit=False))

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """All spans that have ended."""
        return self._exporter.get_finished_spans()

    @property
    def articles(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name == "article"]

    @property
    def calls(self) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.split()[0] in {"chat", "decisions"}]

    def points(self) -> list[tuple[str, dict[str, object], float]]:
        """Return the sum, the count or the last value of each metric, by attributes; what was asked for is gone."""
        return list(self._points())

    def bounds(self) -> dict[str, tuple[float, ...]]:
        """Return the bounds of the buckets of each histogram."""
        found = self._reader.get_metrics_data()
        metrics = [
            metric
            for resource in (found.resource_metrics if found else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]
        return {
            metric.name: tuple(point.explicit_bounds)
            for metric in metrics
            for point in metric.data.data_points
            if isinstance(point, HistogramDataPoint)
        }

    def _points(self) -> Iterator[tuple[str, dict[str, object], float]]:
        found = self._reader.get_metrics_data()
        for resource in found.resource_metrics if found else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    for point in metric.data.data_points:
                        value = point.value if isinstance(point, NumberDataPoint) else point.count
                        yield metric.name, dict(point.attributes or {}), value


def total(points: list[tuple[str, dict[str, object], float]], name: str) -> float:
    """Return the sum of a metric over all its attributes."""
    return sum(value for metric, _, value in points if metric == name)


def by(points: list[tuple[str, dict[str, object], float]], name: str, attribute: str) -> Counter[object]:
    """Return the sums of a metric by one of its attributes."""
    found: Counter[object] = Counter()
    for metric, about, value in points:
        if metric == name:
            found[about.get(attribute)] += int(value)
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})
