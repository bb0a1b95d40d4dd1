"""What do 1,000 accepted records cost, and where does the money go?

The same articles, at one fixed price list (price_list.py), for several pairs of models: the way that qloragen replaces
(predecessor.py), then step by step what qloragen does by default, then its cheaper ways. Whole runs over the simulated
provider in virtual time. All ways have their records accepted as they come, for the words of simulated ones say nothing
about what the checks would refuse of a model's. The money is that of the simulator's own bill; the script ends with an
error where the run's ledger says anything else.

"%" is of the predecessor's way, for each accepted record. A classifier that judges otherwise finds other types, and so
makes other records: "same types %" has its classifications, but the records of the predecessor's types, at what they
cost in the run with the same tier. The columns after that are where the money goes, in USD per 1,000 records:
classification, then generation by kind of token. "min" is how long the run took, of which no limit was the cause but 64
calls in flight, and batches that take half an hour each (the longest in a hundred four).

Run: python benchmarks/headline.py [--short] [--corpus FILE] [--articles N] [--only PAIR] [--json FILE]; without
--corpus those of examples/articles.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness
from predecessor import Outcome, Predecessor, answers
from price_list import PRICES, billed_usd, priced
from unchecked import UNCHECKED

from qloragen import Session
from qloragen.assembly import job_of
from qloragen.engine import Engine, Family, ModelSpec, Price, family
from qloragen.engine.pricing import cost
from qloragen.settings import load
from qloragen.simulator import Batches, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.sources import read
from qloragen.testing import run_virtually
from qloragen.types import Article, Stage, Usage

LATENCY = Latency(median_s=0.6, p99_s=3.0, token_s=0.01)
BATCHES = Batches(median_s=1_800.0, p99_s=14_400.0, validating_s=60.0, finalizing_s=60.0)
IN_FLIGHT = 64
DECIDES = "gpt-6-luna"


@dataclass(frozen=True)
class Pair:
    """A model that classifies, one that writes the records, and what they cost."""

    classify: str
    generate: str
    prices: Mapping[str, Price]

    @property
    def models(self) -> set[str]:
        """All that a run may call."""
        return {self.classify, self.generate, DECIDES}


_SEEDS_OWN = {
    **PRICES,
    "gpt-6-sol": priced("10", "30", "1", "12.50"),
    "gpt-6-luna": replace(
        priced("0.50", "1.50", "0.05", "0.625"),
        tiers={**priced("0.50", "1.50", "0.05", "0.625").tiers, "decisions": PRICES[DECIDES].tiers["decisions"]},
    ),
}
PAIRS: Mapping[str, Pair] = {
    "gpt-6-sol and gpt-6-luna, the default": Pair("gpt-6-sol", "gpt-6-luna", PRICES),
    "gpt-6.1-sol for both": Pair("gpt-6.1-sol", "gpt-6.1-sol", PRICES),
    "gpt-6-luna for both": Pair("gpt-6-luna", "gpt-6-luna", PRICES),
    "10/30 and 0.50/1.50 USD, the predecessor's prices": Pair("gpt-6-sol", "gpt-6-luna", _SEEDS_OWN),
}

_UNSHARED = "unshared"
_DEFAULT = "+ shared prefixes: qloragen's default"
STEPS: Mapping[str, Mapping[str, Any]] = {
    "numbers for an answer, article first": {"input": "written", _UNSHARED: True},
    "+ evidence for an input": {_UNSHARED: True},
    _DEFAULT: {},
}
"""From the predecessor's way to the default, one thing after the other; knobs of a session."""
WAYS: Mapping[str, Mapping[str, Any]] = {
    "outlines to classify": {"classify_reads": "outline"},
    "cascade": {"classifier": "cascade"},
    "decisions": {"classifier": "decisions"},
    "decisions of outlines": {"classifier": "decisions", "classify_reads": "outline"},
}
"""The default with another classification."""
TIERS: Mapping[str, Mapping[str, Any]] = {"": {}, "--flex": {"flex": True}, "--batch": {"batch": True}}


@dataclass
class Spent:
    """What one run came to."""

    records: int
    classify_usd: Decimal
    generate: Mapping[str, Decimal]
    """Kind of token to USD."""
    s: float
    """What it took."""

    @property
    def usd(self) -> Decimal:
        """All of it."""
        return self.classify_usd + self.generate_usd

    @property
    def generate_usd(self) -> Decimal:
        return sum(self.generate.values(), Decimal(0))


def by_kind(usage: Usage, price: Price, tier: str | None) -> dict[str, Decimal]:
    """Return what each kind of token costs."""
    fresh = usage.prompt_tokens - usage.cached_tokens - usage.cache_write_tokens
    kinds = {
        "prompt": Usage(fresh),
        "cached": Usage(usage.cached_tokens, usage.cached_tokens),
        "written": Usage(usage.cache_write_tokens, 0, usage.cache_write_tokens),
        "completion": Usage(completion_tokens=usage.completion_tokens),
    }
    return {name: cost(tokens, price, tier=tier) for name, tokens in kinds.items()}


def added(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    total = dict.fromkeys(("prompt", "cached", "written", "completion"), Decimal(0))
    for part in parts:
        total = {name: total[name] + part[name] for name in total}
    return total


# ---------------------------------------------------------------------------------------------------------------- runs


def _provider() -> Provider:
    pack = job_of(load()).pack
    simulation = Simulation(models={"*": Model(latency=LATENCY)}, batches=BATCHES)
    return Provider(simulation, answers=answers(pack))


async def predecessors_way(articles: Sequence[Article], pair: Pair, form: Callable[[str], Family]) -> Spent:
    """Run the predecessor's way; `form` says in which form each model is called."""
    provider = _provider()
    specs = [
        ModelSpec(name, form(name), price=pair.prices[name], max_concurrency=IN_FLIGHT)
        for name in {pair.classify, pair.generate}
    ]
    engine = Engine(SimulatedClient(provider), specs)
    made = await Predecessor(engine, job_of(load()).pack, pair.classify, pair.generate).run(articles)
    spent = _spent(made, pair, anyio.current_time())
    _agree(provider, pair, spent.usd)
    return spent


def _spent(made: Outcome, pair: Pair, s: float) -> Spent:
    generations = [by_kind(reply.usage, pair.prices[reply.model], reply.tier) for reply in made.generations]
    classifications = [reply.cost_usd or Decimal(0) for reply in made.classifications]
    return Spent(made.accepted, sum(classifications, Decimal(0)), added(generations), s)


async def session(articles: Sequence[Article], pair: Pair, knobs: Mapping[str, Any]) -> Spent:
    """Run qloragen itself."""
    provider, knobs = _provider(), dict(knobs)
    # A model whose price says that reading from the cache saves nothing is asked to share nothing, and is billed alike.
    shared = not knobs.pop(_UNSHARED, False)
    models = {name: {"price": _setting(pair.prices[name], shared=shared)} for name in pair.models}
    with tempfile.TemporaryDirectory() as folder:
        async with Session(
            Path(folder, "run"),
            client=SimulatedClient(provider),
            classify_model=pair.classify,
            generate_model=pair.generate,
            decide_model=DECIDES,
            max_concurrency=IN_FLIGHT,
            models=models,
            checks=UNCHECKED,
            **knobs,
        ) as working:
            await working.process(articles)
            s, summary = anyio.current_time(), working.summary
            _agree(provider, pair, working.cost_usd)
    bills: dict[Stage, list[tuple[Usage, str, str | None]]] = {"classify": [], "generate": []}
    for account, bill in summary.bills.items():
        bills[account.stage].append((bill.usage, account.model, account.tier))
    costs = {
        stage: added(by_kind(usage, pair.prices[model], tier) for usage, model, tier in found)
        for stage, found in bills.items()
    }
    return Spent(summary.records, sum(costs["classify"].values(), Decimal(0)), costs["generate"], s)


def _setting(price: Price, *, shared: bool) -> dict[str, Any]:
    columns = {"prompt": price.prompt, "completion": price.completion, "cache_write": price.cache_write}
    tiers = {tier: _setting(rate, shared=shared) for tier, rate in price.tiers.items()}
    return {**columns, "cached": price.cached if shared else price.prompt, **tiers}


def _agree(provider: Provider, pair: Pair, ours_usd: Decimal | None) -> None:
    theirs_usd = billed_usd(provider.statistics, pair.prices)
    if ours_usd != theirs_usd:
        sys.exit(f"The ledger says {ours_usd} USD, the provider's bill {theirs_usd} USD.")


# --------------------------------------------------------------------------------------------------------------- table


def rows_of(articles: Sequence[Article], pair: Pair) -> list[dict[str, str | float]]:
    """Return a row for each way to make the records."""
    base = run_virtually(predecessors_way(articles, pair, family))
    implicit = run_virtually(predecessors_way(articles, pair, _cached_at_the_end))
    rows = [_row("the predecessor's way", base, base, base), _row(".. its cache left alone", implicit, base, implicit)]
    plain: dict[str, Spent] = {}
    for tier, extra in TIERS.items():
        for label, knobs in {**(STEPS if not tier else {tier: {}}), **WAYS}.items():
            print(f"{label} {tier}", file=sys.stderr)
            spent = run_virtually(session(articles, pair, {**knobs, **extra}))
            if not knobs:
                plain[tier] = spent
            held = replace(spent, records=base.records, generate=plain[tier].generate) if tier in plain else spent
            rows.append(_row(label if label == tier else f"{label} {tier}".strip(), spent, base, held))
    return rows


def _cached_at_the_end(model: str) -> Family:
    """Return the form of a call that does not say how its prompt is to be cached: the API writes all of it."""
    return replace(family(model), cache="automatic")


def _row(label: str, spent: Spent, base: Spent, held: Spent) -> dict[str, str | float]:
    def per_1000(usd: Decimal) -> float:
        return float(1_000 * usd / spent.records)

    unit = base.usd / base.records
    return {
        "way": label,
        "records": spent.records,
        "USD/1,000": per_1000(spent.usd),
        "%": float(100 * spent.usd / spent.records / unit),
        "same types %": float(100 * held.usd / held.records / unit),
        "classify": per_1000(spent.classify_usd),
        **{name: per_1000(usd) for name, usd in spent.generate.items()},
        "min": spent.s / 60,
    }


def verdict(rows: Sequence[Mapping[str, str | float]]) -> str:
    """Say whether the goals are reached; a way that finds fewer types is not cheaper for that, but worse."""
    default = next(row for row in rows if row["way"] == _DEFAULT)
    as_many = [row for row in rows if float(row["records"]) > _AS_MANY * float(rows[0]["records"])]
    cheapest = min(as_many, key=lambda row: float(row["same types %"]))
    return (
        f"Default: {default['same types %']:.1f} % (goal: at most 50 %)."
        f" Cheapest with as many records: {cheapest['same types %']:.1f} % ({cheapest['way']}; goal: at most 20 %)."
    )


_AS_MANY = 0.99


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="only the first pair of models")
    parser.add_argument("--corpus", type=Path, default=Path(__file__).parents[1] / "examples" / "articles")
    parser.add_argument("--articles", type=int, help="how many at most")
    parser.add_argument("--only", help="pairs of models with this in their names")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    articles = anyio.run(_articles, options.corpus)[: options.articles]
    pairs = {name: pair for name, pair in PAIRS.items() if options.only is None or options.only in name}
    tables = {}
    for name, pair in list(pairs.items())[: 1 if options.short else None]:
        tables[name] = rows_of(articles, pair)
        print(f"\n{name}, {len(articles)} articles\n")
        harness.show(tables[name])
        print(f"\n{verdict(tables[name])}")
    if options.json:
        options.json.write_text(json.dumps({"articles": len(articles), "tables": tables}, indent=1), "utf-8")


async def _articles(corpus: Path) -> list[Article]:
    return [item async for item in read(corpus) if isinstance(item, Article)]


if __name__ == "__main__":
    main()
