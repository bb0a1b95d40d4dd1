"""What does sharing each article's prompt through the cache save, and what does it cost in time?

The generation calls about one article begin alike, up to the end of the article. Compared are

    one ahead        as qloragen does: where it pays, one call goes ahead; the others follow its answer, and go first
    .. in turn       the same, but the others wait at the end of the queue
    at once          all calls at once, none marked for the cache
    at once, marked  all calls at once, each with the breakpoint and key that would let it share

Whole runs over the simulated provider, in virtual time, with a model whose cache is written at breakpoints, for money
(gpt-6-luna), one whose cache works by itself (gpt-5.4-mini) and one without; bound by latency (64 calls in flight) or
by tokens per minute (200,000: then the queue is longer than the five minutes for which prefixes are kept).
Classification is by gpt-6-sol, without a limit, and its cost is left out. "95 % s" is when 95 % of the records were
there; between it and "s" is the end of the run, where too little is left to fill the places of calls that wait.

With --local nothing is simulated: the same over llama.cpp on this machine, with the model of `make demo`.

Run: python benchmarks/sharing.py [--corpus FILE] [--articles N] [--local] [--json FILE]; without --corpus those of
examples/articles.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from math import ceil, nan
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from price_list import PRICES, priced

from qloragen import local
from qloragen.assembly import job_of
from qloragen.engine import Engine, ModelSpec, connect, family
from qloragen.logbook import utc_now
from qloragen.pipeline.chronicle import Chronicle
from qloragen.pipeline.flow import Flow
from qloragen.pipeline.job import Job
from qloragen.pipeline.shared import Shared
from qloragen.settings import load
from qloragen.simulator import Latency, Limits, Model, PromptCache, Provider, SimulatedClient, Simulation
from qloragen.sources import read
from qloragen.store.handle import Run
from qloragen.store.run import open_run
from qloragen.testing import run_virtually
from qloragen.types import Article, Completion, Record, Request, Usage

CLASSIFIER = "gpt-6-sol"
GENERATORS = {"breakpoints": "gpt-6-luna", "by itself": "gpt-5.4-mini", "none": "open-weights"}
"""How a model's cache works, and a model of that kind."""
PRICE = {**PRICES, "open-weights": priced("0.10", "0.50")}
LATENCY = Latency(median_s=0.6, p99_s=3.0, token_s=0.01)
IN_FLIGHT = 64
TPM = 200_000


@dataclass(frozen=True)
class Way:
    """How the calls about one article are sent."""

    ahead: bool
    """One of them goes ahead where it pays."""
    first: bool
    """Those that follow go before others that wait."""
    marked: bool
    """All are marked for the cache, whether or not one goes ahead."""


WAYS = {
    "one ahead": Way(ahead=True, first=True, marked=False),
    ".. in turn": Way(ahead=True, first=False, marked=False),
    "at once": Way(ahead=False, first=False, marked=False),
    "at once, marked": Way(ahead=False, first=False, marked=True),
}


class Sharing:
    """An engine that shares as a way has it."""

    def __init__(self, engine: Engine, way: Way, *, always: bool = False) -> None:
        self.replies: list[Completion] = []
        """Generations."""
        self._engine = engine
        self._way = way
        self._always = always

    async def complete(self, request: Request, *rest: Any) -> Completion:
        completion = await self._engine.complete(replace(request, follows=request.follows and self._way.first), *rest)
        if request.group is not None:
            self.replies.append(completion)
        return completion

    def worth_sharing(self, request: Request, calls: int) -> bool:
        return self._way.ahead and (self._always or self._engine.worth_sharing(request, calls))

    def stop(self, reason: Any) -> None:
        self._engine.stop(reason)


class Marking(Job):
    """Marks every call for the cache."""

    def generation_request(self, *given: Any, shared: bool) -> Request:
        del shared
        return Job.generation_request(self, *given, shared=True)


class Keeper:
    """Writes what is waited for at once, so that times are those of the calls alone."""

    def __init__(self, run: Run) -> None:
        self._run = run

    async def kept(self) -> None:
        self._run.flush()

    durable = kept

    def soon(self) -> None:
        self._run.flush()


@dataclass
class Seen:
    """What came of one run."""

    usage: Usage
    cost_usd: Decimal
    calls: int
    done_s: Sequence[float]
    """When each record was there."""

    def row(self, **names: str) -> dict[str, str | float]:
        return {
            **names,
            "calls": self.calls,
            "records": len(self.done_s),
            "cached %": 100 * self.usage.cached_tokens / self.usage.prompt_tokens,
            "written %": 100 * self.usage.cache_write_tokens / self.usage.prompt_tokens,
            "USD/1,000": float(1_000 * self.cost_usd / max(len(self.done_s), 1)),
            "95 % s": sorted(self.done_s)[ceil(0.95 * len(self.done_s)) - 1] if self.done_s else nan,
            "s": max(self.done_s, default=nan),
        }


async def generated(job: Job, engine: Sharing, articles: Sequence[Article], at_once: int) -> Seen:
    """Make all records of `articles`."""
    begun_s, done_s = anyio.current_time(), []

    async def note(_: Record) -> None:
        done_s.append(anyio.current_time() - begun_s)

    with tempfile.TemporaryDirectory() as folder, open_run(Path(folder, "run")) as run:
        flow = Flow(job, engine, run, Keeper(run), open_articles=lambda: at_once, chronicle=Chronicle(utc_now))
        await flow.process(Shared(_each(articles)), note)
    usage = Usage(*map(sum, zip(*(reply.usage for reply in engine.replies), strict=True)))
    spent_usd = sum((reply.cost_usd or Decimal(0) for reply in engine.replies), Decimal(0))
    return Seen(usage, spent_usd, len(engine.replies), done_s)


async def _each(articles: Sequence[Article]) -> AsyncIterator[Article]:
    for article in articles:
        yield article


def _job(way: Way, **knobs: Any) -> Job:
    job = job_of(load(**knobs))
    if not way.marked:
        return job
    return Marking(**{field.name: getattr(job, field.name) for field in fields(job) if field.init})


# --------------------------------------------------------------------------------------------------------- simulated


def simulated(articles: Sequence[Article]) -> list[dict[str, str | float]]:
    """Return a row for each cache, bound and way."""
    rows = []
    for cache, model in GENERATORS.items():
        for bound, limits in (("latency", Limits()), ("TPM", Limits(rpm=10_000, tpm=TPM))):
            for name, way in WAYS.items():
                if (cache == "none" and name != "one ahead") or (cache == "by itself" and way.marked):
                    continue  # the same as another
                print(f"{cache}, {bound}, {name}", file=sys.stderr)
                seen = run_virtually(_simulated(articles, model, limits, way))
                rows.append(seen.row(cache=cache, bound=bound, way=name))
    return rows


async def _simulated(articles: Sequence[Article], model: str, limits: Limits, way: Way) -> Seen:
    cache = PromptCache("none" if model == GENERATORS["none"] else "by_name")
    models = {CLASSIFIER: Model(latency=LATENCY), model: Model(limits=limits, latency=LATENCY, cache=cache)}
    client = SimulatedClient(Provider(Simulation(models=models)))
    rpm, tpm = (None if limit is None else int(limit) for limit in (limits.rpm, limits.tpm))
    specs = (
        ModelSpec(CLASSIFIER, family(CLASSIFIER), price=PRICE[CLASSIFIER], max_concurrency=IN_FLIGHT),
        ModelSpec(model, family(model), price=PRICE[model], max_concurrency=IN_FLIGHT, rpm=rpm, tpm=tpm),
    )
    engine = Sharing(Engine(client, specs), way)
    job = _job(way, classify_model=CLASSIFIER, generate_model=model)
    return await generated(job, engine, articles, at_once=2 * IN_FLIGHT)


# ------------------------------------------------------------------------------------------------------------- local


async def on_this_machine(articles: Sequence[Article]) -> list[dict[str, str | float]]:
    """Return a row for each way and number of the server's slots; times are real."""
    rows = []
    for slots in (1, 2):
        for name in ("one ahead", "at once"):
            print(f"{slots} slots, {name}", file=sys.stderr)
            async with (
                local.serve(slots=slots) as server,
                connect(base_url=server.base_url, api_key="local", max_connections=64, timeout_s=600) as client,
            ):
                kind = family(server.model)
                spec = ModelSpec(
                    server.model, kind, price=priced("0", "0"), max_concurrency=slots, structure="json_schema"
                )
                engine = Sharing(Engine(client, [spec]), WAYS[name], always=True)
                job = _job(
                    WAYS[name],
                    classify_model=server.model,
                    generate_model=server.model,
                    classifier="json",
                    max_types=4,
                    output_chars=150,
                )
                begun = time.perf_counter()
                seen = await generated(job, engine, articles, at_once=2 * slots)
                row = seen.row(slots=str(slots), way=name)
                row["s"] = time.perf_counter() - begun
                rows.append({column: row[column] for column in ("slots", "way", "calls", "records", "cached %", "s")})
                print(rows[-1], file=sys.stderr)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[1] / "examples" / "articles")
    parser.add_argument("--articles", type=int, help="how many at most")
    parser.add_argument("--local", action="store_true", help="over llama.cpp on this machine")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    articles = anyio.run(_articles, options.corpus)[: options.articles or (2 if options.local else None)]
    rows = anyio.run(on_this_machine, articles) if options.local else simulated(articles)
    harness.show(rows)
    if options.json:
        options.json.write_text(json.dumps({"articles": len(articles), "table": rows}, indent=1), "utf-8")


async def _articles(corpus: Path) -> list[Article]:
    return [item async for item in read(corpus) if isinstance(item, Article)]


if __name__ == "__main__":
    main()
