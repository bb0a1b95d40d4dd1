"""What do traces and metrics cost, in CPU time of each call: where they are off, and where they are on?

The whole job over the simulated provider, in virtual time, and the engine alone with a client that answers at once:

    off             the setting `telemetry` is off, as it is unless somebody turns it on
    no provider     it is on, and the process has set up nothing that would listen
    spans, metrics  it is on, and OpenTelemetry's own SDK makes all spans and metrics, to throw them away in its threads

The forms take turns in one process; what is shown is the best turn of each.

Run: python benchmarks/telemetry.py [--articles N] [--calls N] [--repeat N] [--json FILE] [--short]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from material import stories
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from qloragen import Session
from qloragen.engine import Engine, HttpReply, Message, ModelSpec, Request, family
from qloragen.observing import Observer
from qloragen.simulator import Provider, SimulatedClient, Simulation
from qloragen.telemetry.observer import Telemetry
from qloragen.telemetry.server import Server
from qloragen.testing import run_virtually

SERVER = Server("openai", "api.openai.com", 443)
REPLY = (
    b'{"id":"chatcmpl-1","model":"m","choices":[{"finish_reason":"stop","message":{"content":"'
    + b"word " * 300
    + b'"}}],"usage":{"prompt_tokens":1500,"completion_tokens":300}}'
)
PROMPT = "A node keeps its replicas in step. " * 170
AT_ONCE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=60, metavar="N")
    parser.add_argument("--calls", type=int, default=20_000, metavar="N", help="of the engine alone")
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="turns")
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.short:
        options.articles, options.calls, options.repeat = min(options.articles, 12), min(options.calls, 2_000), 3
    logging.getLogger("qloragen").setLevel(logging.ERROR)
    tables = {
        "the whole job": measured(lambda form: job(form, options.articles), options.repeat),
        "the engine alone": measured(lambda form: engine(form, options.calls), options.repeat),
    }
    for title, rows in tables.items():
        print(f"\n{title}")
        harness.show(rows)
    if options.json:
        options.json.write_text(json.dumps(tables, indent=1), "utf-8")


@dataclass(frozen=True)
class Cost:
    """CPU time, and over how many calls."""

    cpu_s: float
    calls: int

    @property
    def each_us(self) -> float:
        return self.cpu_s / self.calls * 1e6


class Nowhere(SpanExporter):
    """Takes spans and throws them away."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        return SpanExportResult.SUCCESS


def forms() -> dict[str, Callable[[], Observer | None]]:
    """Return ways to be looked at, by name."""
    traces = TracerProvider(shutdown_on_exit=False)
    traces.add_span_processor(BatchSpanProcessor(Nowhere()))
    measures = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    return {
        "off": lambda: None,
        "no provider": lambda: Telemetry(SERVER, trace.get_tracer_provider(), metrics.get_meter_provider()),
        "spans, metrics": lambda: Telemetry(SERVER, traces, measures),
    }


def measured(run: Callable[[Observer | None], Cost], turns: int) -> list[harness.Row]:
    """Return a row for each form."""
    ways = forms()
    run(None)  # what every process meets once
    found = [{name: run(way()).each_us for name, way in ways.items()} for _ in range(turns)]
    best = {name: min(turn[name] for turn in found) for name in ways}
    return [
        {
            "telemetry": name,
            "us per call": round(us, 1),
            "us more": round(us - best["off"], 1),
            "x off": round(us / best["off"], 3),
        }
        for name, us in best.items()
    ]


def job(observer: Observer | None, articles: int) -> Cost:
    """Make records of some articles."""
    source = [{"id": story.article.id, "content": story.article.content} for story in stories(articles * 4)]
    provider = Provider(Simulation())

    async def work(folder: str) -> None:
        client = SimulatedClient(provider)
        async with Session(folder, client=client, observer=observer, near_duplicates="keep") as session:
            await session.process(source)

    with tempfile.TemporaryDirectory() as folder:
        began_s = process_time()
        run_virtually(work(folder))
        cpu_s = process_time() - began_s
    return Cost(cpu_s, sum(provider.statistics.total.outcomes.values()))


class AtOnce:
    """A client that answers before anyone has to wait."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        del body, timeout_s
        await asyncio.sleep(0)
        return HttpReply(200, REPLY, {})


def engine(observer: Observer | None, calls: int) -> Cost:
    """Answer some requests."""
    spec = ModelSpec("m", family("m"), rpm=10**9, tpm=10**12, max_concurrency=AT_ONCE)
    request = Request("m", (Message("user", PROMPT),), 400)

    async def work() -> None:
        made = Engine(AtOnce(), [spec], observer=observer)
        left = iter(range(calls))

        async def one() -> None:
            for _ in left:
                await made.complete(request)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(one())

    began_s = process_time()
    asyncio.run(work())
    return Cost(process_time() - began_s, calls)


if __name__ == "__main__":
    main()
