"""What does each way to classify cost, how far does it agree with a strong model that reads all, and what follows?

    numbers              the strong model reads the whole article: what all others are compared with
    numbers of outlines  the same, but of a long article only headings and beginnings
    decisions            probabilities of the endpoint for typed decisions, of whole articles
    decisions of outlines
                         the same of outlines
    cascade              decisions, and numbers for articles in doubt
    .. and gates         the way before it, without types that an article cannot have

All ways work in one run directory, so that a record which several of them ask for is made, and paid for, once; with
--out it is kept, and the same command again pays for nothing. Agreement counts types that do not always apply. Without
--base-url the provider is simulated, in virtual time, at the prices in price_list.py. The simulated models are one
judge by rules, so their agreement says nothing about real models; give --base-url for those.

Run: python benchmarks/classifiers.py [--corpus FILE] [--articles N] [--base-url URL --out DIR] [--json FILE]; without
--corpus with the articles of examples/articles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import nan
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from price_list import PRICES

from qloragen import Session
from qloragen.assembly import job_of, options_of, specs_of
from qloragen.domain.calibration import Score
from qloragen.engine import Client, Price
from qloragen.pipeline.job import Job
from qloragen.settings import Settings, load
from qloragen.simulator import Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.sources import read
from qloragen.store.paid import read_paid
from qloragen.store.run import reading_run
from qloragen.store.state import State
from qloragen.testing import run_virtually
from qloragen.types import Article, Reply

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"
SHORT = 4
WAYS: Mapping[str, Mapping[str, object]] = {
    "numbers": {"classifier": "numbers"},
    ".. and gates": {"classifier": "numbers", "gates": True},
    "numbers of outlines": {"classifier": "numbers", "classify_reads": "outline"},
    "decisions": {"classifier": "decisions"},
    "decisions of outlines": {"classifier": "decisions", "classify_reads": "outline"},
    "cascade": {"classifier": "cascade"},
    "cascade of outlines": {"classifier": "cascade", "classify_reads": "outline"},
}


@dataclass(frozen=True)
class Outcome:
    """What one way has come to."""

    types: Mapping[str, frozenset[str]]
    """Article id to the slugs of its types, those that always apply included."""
    replies: Sequence[Reply]
    """Its classifications."""
    records: int


def main() -> None:
    options = _options()
    simulated = options.base_url is None
    client = _simulated() if simulated else None
    work = _all_ways(options, client)
    articles, found = run_virtually(work) if simulated else asyncio.run(work)
    rows = [_row(name, outcome, found["numbers"], articles) for name, outcome in found.items()]
    print(f"{articles} articles, {'simulated' if simulated else options.base_url}")
    harness.show(rows)
    if options.json:
        options.json.write_text(json.dumps({"articles": articles, "simulated": simulated, "table": rows}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--corpus", type=Path, default=EXAMPLES, metavar="FILE")
    parser.add_argument("--articles", type=int, metavar="N", help="at most so many")
    parser.add_argument("--base-url", metavar="URL", help="a real provider, for money")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any setting of qloragen")
    parser.add_argument("--out", type=Path, metavar="DIR", help="the run directory; needed with --base-url")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.base_url and not options.out:
        parser.error("what is paid for must be kept: give --out DIR too")
    options.articles = options.articles or (SHORT if options.short else None)
    return options


def _simulated() -> Client:
    latency = Latency(median_s=0.6, p99_s=3.0, token_s=0.01)
    return SimulatedClient(Provider(Simulation(models={"*": Model(latency=latency)})))


async def _all_ways(options: argparse.Namespace, client: Client | None) -> tuple[int, dict[str, Outcome]]:
    knobs: dict[str, object] = {"accept_changes": True, "base_url": options.base_url}
    if client is not None:
        knobs["models"] = {name: {"price": _told(price)} for name, price in PRICES.items()}
    knobs |= dict(pair.split("=", 1) for pair in options.set)
    found: dict[str, Outcome] = {}
    articles = await _articles(options, load(**knobs))
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or Path(temporary, "run")
        for name, way in WAYS.items():
            print(name, file=sys.stderr)
            settings = load(**{**knobs, **way})
            async with Session(folder, client=client, settings=settings) as session:
                await session.process(options.corpus, limit=options.articles)
            found[name] = _outcome(folder, job_of(settings), articles)
    return len(articles), found


async def _articles(options: argparse.Namespace, settings: Settings) -> list[Article]:
    """Return the articles as sessions have read them."""
    reading = read(options.corpus, options_of(settings, job_of(settings), specs_of(settings)))
    return [item async for item in reading if isinstance(item, Article)][: options.articles]


def _outcome(folder: Path, job: Job, articles: Sequence[Article]) -> Outcome:
    classified = {job.classification(article).key for article in articles}
    paid = [found for found in read_paid(folder) if isinstance(found, Reply) and found.cell.key in classified]
    with reading_run(folder) as state:
        types = {article.id: _types(state, job, article) for article in articles}
        made = [
            job.generation(article, kind).key
            for article in articles
            for kind in job.pack.types
            if kind.slug in types[article.id]
        ]
        return Outcome(types, paid, sum(state.record_offset(key) is not None for key in made))


def _types(state: State, job: Job, article: Article) -> frozenset[str]:
    numbers = state.types_of(job.classification(article).key) or ()
    return frozenset(kind.slug for kind in job.applicable(numbers, article))


def _row(name: str, outcome: Outcome, whole: Outcome, articles: int) -> harness.Row:
    always = frozenset[str].intersection(*(types for types in whole.types.values() if types))
    score = Score()
    for article, types in whole.types.items():
        listed, decided = types - always, outcome.types[article] - always
        score = score.plus(Score(len(listed & decided), len(decided - listed), len(listed - decided)))
    strong = sum(reply.structure != "decisions" for reply in outcome.replies)
    costs = [reply.cost_usd for reply in outcome.replies]
    usd = nan if None in costs else float(sum((cost for cost in costs if cost is not None), Decimal(0)))
    tokens = sum(reply.usage.prompt_tokens + reply.usage.completion_tokens for reply in outcome.replies)
    return {
        "way": name,
        "USD per 1,000 articles": 1_000 * usd / articles,
        "tokens per article": tokens / articles,
        "asked the strong model": f"{strong / articles:.0%}",
        "precision": score.precision,
        "recall": score.recall,
        "F1": score.f1,
        "types per article": sum(map(len, outcome.types.values())) / articles,
        "records": outcome.records,
    }


def _told(price: Price) -> dict[str, Any]:
    """Return a price as settings have it."""
    told = {"prompt": price.prompt, "completion": price.completion}
    told |= {"cached": price.cached} if price.cached is not None else {}
    told |= {"cache_write": price.cache_write} if price.cache_write is not None else {}
    return {**told, **{tier: _told(other) for tier, other in (price.tiers or {}).items()}}


if __name__ == "__main__":
    main()
