"""Telemetry of the command line: what a collector gets, and what becomes of a run whose collector is not there."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import orjson
import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from .simulated import Simulated
from .test_main_job import article

PATIENT_S = 60
"""So long would OpenTelemetry itself try to send what is left."""


class Collector:
    """Takes what is sent by OTLP over HTTP, of the signals that it `takes`, and answers after so many seconds."""

    def __init__(self, takes: Iterable[str] = ("traces", "metrics"), after_s: float = 0.0) -> None:
        self._takes = takes
        self._after_s = after_s
        self.traces: list[ExportTraceServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.headers: set[str | None] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        app = web.Application()
        for kind in self._takes:
            app.router.add_post(f"/v1/{kind}", self._take)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.headers.add(request.headers.get("x-tenant"))
        body = await request.read()
        await anyio.sleep(self._after_s)
        if request.path == "/v1/traces":
            self.traces.append(ExportTraceServiceRequest.FromString(body))
        else:
            self.metrics.append(ExportMetricsServiceRequest.FromString(body))
        return web.Response()

    @property
    def spans(self) -> Counter[str]:
        """Return how many spans of each name have come."""
        scopes = [scope for sent in self.traces for one in sent.resource_spans for scope in one.scope_spans]
        return Counter(span.name for scope in scopes for span in scope.spans)

    @property
    def resources(self) -> set[tuple[str, str]]:
        """Return what all that was sent says of who has sent it."""
        resources = [one.resource for sent in self.traces for one in sent.resource_spans]
        resources += [one.resource for sent in self.metrics for one in sent.resource_metrics]
        return {(each.key, each.value.string_value) for resource in resources for each in resource.attributes}

    def sums(self, name: str) -> list[float]:
        """Return the sum of a counter, as it was sent each time."""
        return [
            sum(point.as_double + point.as_int for point in metric.sum.data_points)
            for sent in self.metrics
            for one in sent.resource_metrics
            for scope in one.scope_metrics
            for metric in scope.metrics
            if metric.name == name
        ]


async def generated(folder, endpoint: str, **environment: str) -> list[dict[str, object]]:
    """Let the command make records of two articles with telemetry on; returns its log lines."""
    source = folder / "articles.jsonl"
    source.write_bytes(b"\n".join(orjson.dumps(article(n)) for n in range(2)))
    async with Simulated() as server:
        with anyio.fail_after(PATIENT_S / 2):
            done = await anyio.run_process(
                [sys.executable, "-m", "qloragen", "generate", str(source), "--out", str(folder / "run")],
                stdin=None,
                check=False,
                env={
                    **os.environ,
                    "OPENAI_API_KEY": "sk-no-key-at-all",
                    "QLORAGEN_BASE_URL": server.base_url,
                    "QLORAGEN_TELEMETRY": "true",
                    "QLORAGEN_LOG_FORMAT": "json",
                    "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                    "OTEL_EXPORTER_OTLP_TIMEOUT": str(PATIENT_S),
                    **environment,
                },
            )
    assert done.returncode == 0, done.stderr.decode()
    assert len(server.calls) == 8
    return [orjson.loads(line) for line in done.stderr.splitlines()]


async def test_a_collector_gets_every_span_and_the_sums_as_the_standard_variables_say(tmp_path):
    collector = Collector()

    async with collector.listening() as endpoint:
        lines = await generated(
            tmp_path, endpoint, OTEL_EXPORTER_OTLP_HEADERS="x-tenant=north", OTEL_RESOURCE_ATTRIBUTES="team=data"
        )

    assert collector.spans == {"article": 2, "chat gpt-6-luna": 6, "chat gpt-6-sol": 2}
    assert collector.sums("qloragen.record.count")[-1] == 6
    assert collector.sums("qloragen.cost")[-1] > 0
    assert collector.headers == {"north"}
    assert {("service.name", "qloragen"), ("team", "data")} <= collector.resources
    assert "telemetry_not_sent" not in {line["event"] for line in lines}


async def test_a_collector_that_refuses_is_told_of_once_and_keeps_nobody_waiting(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    lines = await generated(tmp_path, f"http://127.0.0.1:{port}")

    assert [line["level"] for line in lines if line["event"] == "telemetry_not_sent"] == ["warning"]
    assert not [line for line in lines if "opentelemetry" in str(line.get("logger", line["event"]))]


async def test_a_collector_that_takes_no_metrics_gets_every_span_and_each_trouble_is_said_without_a_secret(tmp_path):
    collector = Collector(takes={"traces"}, after_s=0.1)
    wrong = {"OTEL_EXPORTER_OTLP_HEADERS": "team north", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "2"}

    async with collector.listening() as endpoint:
        lines = await generated(tmp_path, endpoint, **wrong)

    assert collector.spans == {"article": 2, "chat gpt-6-luna": 6, "chat gpt-6-sol": 2}
    said = [str(line["error"]) for line in lines if line["event"] == "telemetry_not_sent"]
    assert [word in error for error, word in zip(said, ["Header", "404"], strict=True)] == [True, True]
    assert "north" not in str(lines)


async def test_a_collector_that_never_answers_keeps_nobody_waiting_either(tmp_path):
    async def be_silent(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await anyio.sleep_forever()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as silent,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(silent.serve, be_silent)
        port = silent.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - not Django's

        await generated(tmp_path, f"http://127.0.0.1:{port}")

        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("variable", ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_BSP_MAX_QUEUE_SIZE"])
async def test_a_variable_that_opentelemetry_refuses_is_a_sentence_before_anything_is_done(tmp_path, variable):
    command = [sys.executable, "-m", "qloragen", "generate", str(tmp_path), "--out", str(tmp_path / "run")]
    environment = {**os.environ, "QLORAGEN_TELEMETRY": "true", variable: "-1"}

    done = await anyio.run_process(command, check=False, env=environment)

    (said,) = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert said.startswith("qloragen: OpenTelemetry cannot be set up (")
    assert said.endswith("): mend the variables OTEL_*, or leave telemetry out.")
    assert not (tmp_path / "run").exists()


async def test_what_an_application_has_set_up_stays_and_what_it_does_not_want_is_left_out():
    script = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from qloragen.settings import load
from qloragen.telemetry import exporting

own = TracerProvider()
trace.set_tracer_provider(own)
with exporting(load(telemetry=True)):
    assert trace.get_tracer_provider() is own
    assert not isinstance(metrics.get_meter_provider(), MeterProvider)
"""

    await anyio.run_process([sys.executable, "-c", script], env={**os.environ, "OTEL_METRICS_EXPORTER": "none"})


async def test_a_run_without_telemetry_imports_nothing_of_it(tmp_path):
    source = tmp_path / "articles.jsonl"
    source.write_bytes(orjson.dumps(article(1)))
    script = f"""
import sys
from qloragen.cli.main import main

assert main(["generate", {str(source)!r}, "--out", {str(tmp_path / "run")!r}]) == 0
assert not [name for name in sys.modules if name.split(".")[0] == "opentelemetry"]
"""

    async with Simulated() as server:
        environment = {**os.environ, "OPENAI_API_KEY": "sk-no-key-at-all", "QLORAGEN_BASE_URL": server.base_url}
        await anyio.run_process([sys.executable, "-c", script], env=environment)

    assert len(server.calls) == 4
