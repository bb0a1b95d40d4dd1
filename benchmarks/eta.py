"""How far is the time that a run is said to take still, from the time that it then takes?

Whole runs against the simulated provider in virtual time, each bound by something else. Every second, from 5 % of the
run's time on, the end that is foretold is compared with the end as it came, as a share of the whole time. "not told"
is the share of these seconds in which none was foretold, "above 20 %" that in which it was further off. What nobody can
know is left out: forecasts from before an outage and during it.

Run: python benchmarks/eta.py [--short] [--others] [--only rpm,tpm] [--seed 1] [--seeds 3] [--corpus FILE.jsonl]
[--json FILE]; without --corpus articles are put together from the paragraphs of examples/articles.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness

from qloragen import Session
from qloragen.background import background
from qloragen.judging.opening import judging
from qloragen.judging.planning import Wish
from qloragen.settings import load
from qloragen.simulator import (
    Capacity,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    Provider,
    SimulatedClient,
    Simulation,
)
from qloragen.testing import run_virtually
from qloragen.view import View

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"
LATENCY = Latency(median_s=2.0, p99_s=8.0, token_s=0.015)
FROM = 0.05
"""Part of the run's time after which forecasts count."""
_LEAST_PARAGRAPH = 60
_TELLINGS = 40
_WORD = re.compile(r"\b[a-z]{5,}\b")


@dataclass(frozen=True)
class Scenario:
    """A way in which a run may go."""

    name: str
    knobs: Mapping[str, Any]
    articles: int = 200
    chars: int = 3_000
    """Median length of an article."""
    order: str = ""
    """`up` or `down` by length."""
    done: int = 0
    """Articles that an earlier session has done."""
    judges: bool = False
    """Records of a run are judged."""
    model: Model = field(default_factory=lambda: Model(latency=LATENCY))
    faults: tuple[Fault, ...] = ()
    outage: Outage | None = None


def _like(**behaviour: Any) -> Model:
    return replace(Model(latency=LATENCY), **behaviour)


SCENARIOS = (
    Scenario("rpm", {"rpm": 200, "max_concurrency": 64}),
    Scenario("tpm", {"tpm": 400_000, "max_concurrency": 64}),
    Scenario("calls in flight", {"max_concurrency": 16}),
    Scenario("latency", {"max_concurrency": 512}, articles=60),
    Scenario("auto without limits", {}, articles=300),
    Scenario("auto with limits told", {}, model=_like(limits=Limits(rpm=300, tpm=2_000_000))),
    Scenario("auto with a knee", {}, model=_like(capacity=Capacity(slots=24), limits=Limits(announced=False))),
    Scenario("429", {"max_concurrency": 64}, model=_like(limits=Limits(rpm=200, announced=False))),
    Scenario(
        "faults",
        {"max_concurrency": 16},
        faults=(Fault("503", rate=0.1), Fault("length", rate=0.05), Fault("invalid_arguments", rate=0.1)),
    ),
    Scenario("outage", {"rpm": 200, "max_concurrency": 64}, outage=Outage(90.0, 60.0)),
    Scenario("resumed", {"rpm": 200, "max_concurrency": 64}, done=100),
    Scenario("resumed in flight", {"max_concurrency": 16}, done=140),
    Scenario("short first tpm", {"tpm": 400_000, "max_concurrency": 64}, order="up"),
    Scenario("long first tpm", {"tpm": 400_000, "max_concurrency": 64}, order="down"),
    Scenario("short first", {"max_concurrency": 16}, order="up"),
    Scenario("long first", {"max_concurrency": 16}, order="down"),
    Scenario("few rpm", {"rpm": 60, "max_concurrency": 64}, articles=30),
    Scenario("few calls in flight", {"max_concurrency": 4}, articles=30),
    Scenario("few latency", {"max_concurrency": 512}, articles=30),
    Scenario("judge", {"max_concurrency": 16}, articles=100, judges=True),
    Scenario("judge rpm", {"rpm": 120, "max_concurrency": 64}, articles=60, judges=True),
    Scenario("many rpm", {"rpm": 2_000, "max_concurrency": 128}, articles=5_000, chars=900),
)
SLOW = Latency(median_s=6.0, p99_s=50.0, token_s=0.04)
QUICK = Latency(median_s=1.0, p99_s=1.5, token_s=0.002)
OTHERS = (
    Scenario("rpm 500", {"rpm": 500, "max_concurrency": 128}, articles=500, chars=1500),
    Scenario("tpm few", {"tpm": 150_000, "max_concurrency": 64}, articles=30),
    Scenario("calls in flight 32 short", {"max_concurrency": 32}, articles=400, chars=900),
    Scenario("calls in flight 8 slow", {"max_concurrency": 8}, articles=100, model=_like(latency=SLOW)),
    Scenario("calls in flight 8 quick", {"max_concurrency": 8}, articles=100, model=_like(latency=QUICK)),
    Scenario("latency 120 slow", {"max_concurrency": 1000}, articles=120, model=_like(latency=SLOW)),
    Scenario("latency 120 quick", {"max_concurrency": 1000}, articles=120, model=_like(latency=QUICK)),
    Scenario("resumed tpm", {"tpm": 300_000, "max_concurrency": 64}, articles=200, done=120),
    Scenario("resumed 4", {"max_concurrency": 4}, articles=60, done=30),
    Scenario("auto told rpm 100", {}, articles=100, model=_like(limits=Limits(rpm=100, tpm=2_000_000))),
    Scenario("auto free quick", {}, articles=300, chars=900, model=_like(latency=QUICK)),
    Scenario("auto free slow", {}, articles=200, model=_like(latency=SLOW)),
    Scenario("auto knee 8", {}, articles=80, model=_like(capacity=Capacity(slots=8), limits=Limits(announced=False))),
    Scenario(
        "auto knee 60", {}, articles=300, model=_like(capacity=Capacity(slots=60), limits=Limits(announced=False))
    ),
    Scenario("429 tpm", {"max_concurrency": 64}, model=_like(limits=Limits(tpm=400_000, announced=False))),
    Scenario("long articles", {"max_concurrency": 16}, articles=60, chars=12_000),
    Scenario("types 2", {"max_concurrency": 16, "max_types": 2}, articles=200),
    Scenario("outage early", {"max_concurrency": 16}, articles=150, outage=Outage(30.0, 90.0)),
    Scenario(
        "many faults",
        {"max_concurrency": 16},
        articles=150,
        faults=(Fault("503", rate=0.2), Fault("reset_before_headers", rate=0.03)),
    ),
    Scenario("100 calls in flight 64", {"max_concurrency": 64}, articles=100),
    Scenario("calls in flight 64 1000", {"max_concurrency": 64}, articles=1000, chars=900),
    Scenario("tpm 1000", {"tpm": 1_500_000, "max_concurrency": 128}, articles=1000, chars=900),
    Scenario("judge slow", {"max_concurrency": 8}, articles=40, judges=True, model=_like(latency=SLOW)),
)
"""Other limits, latencies and numbers of articles than those that the forecast was first made with."""
SHORT = ("few rpm", "few calls in flight")


# ------------------------------------------------------------------------------------------------------------ articles


def paragraphs_of(corpus: Path | None) -> list[str]:
    """Return the paragraphs that articles are put together from."""
    if corpus is not None:
        lines = corpus.read_text(encoding="utf-8").splitlines()
        return [*_paragraphs(json.loads(line)["content"] for line in lines)]
    few = [*_paragraphs(file.read_text(encoding="utf-8") for file in sorted(EXAMPLES.iterdir()))]
    return [*_retold(few)]


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    return (part for text in texts for part in text.split("\n\n") if len(part) >= _LEAST_PARAGRAPH)


def _retold(few: Sequence[str]) -> Iterator[str]:
    """Yield many paragraphs of the same shape with other words: of a few that come again and again, more and more
    records would be refused as twins, which nobody could foretell."""
    dice = random.Random(0)  # noqa: S311 - prose, not secrets
    words: dict[int, list[str]] = {}
    for word in dict.fromkeys(_WORD.findall("\n".join(few))):
        words.setdefault(len(word), []).append(word)
    for _ in range(_TELLINGS):
        yield from (_WORD.sub(lambda found: dice.choice(words[len(found[0])]), part) for part in few)


def articles_of(scenario: Scenario, paragraphs: Sequence[str], seed: int) -> list[dict[str, str]]:
    """Return articles of uneven lengths, the same ones for a seed."""
    dice = random.Random(seed)  # noqa: S311 - prose, not secrets
    sizes = [scenario.chars * dice.lognormvariate(0, 0.7) for _ in range(scenario.articles)]
    texts = ["\n\n".join(_text(paragraphs, size, dice)) for size in sizes]
    texts = sorted(texts, key=len, reverse=scenario.order == "down") if scenario.order else texts
    return [{"id": str(number), "content": text} for number, text in enumerate(texts)]


def _text(paragraphs: Sequence[str], size: float, dice: random.Random) -> Iterator[str]:
    while size > 0:
        paragraph = dice.choice(paragraphs)
        size -= len(paragraph)
        yield paragraph


# ---------------------------------------------------------------------------------------------------------------- runs


@dataclass
class Watched:
    """What was foretold at each second of a run, and when it ended."""

    foretold: list[tuple[float, float | None]] = field(default_factory=list)
    """Seconds since the beginning, and the end that was foretold then; None where none was."""
    end_s: float = 0.0

    async def watch(self, view: Callable[[], View]) -> None:
        """Look at a session every second."""
        began_s = anyio.current_time()
        while True:
            await anyio.sleep(1.0)
            eta_s, now_s = view().eta_s, anyio.current_time() - began_s
            self.foretold.append((now_s, None if eta_s is None else now_s + eta_s))

    def row(self, scenario: Scenario) -> dict[str, str | float]:
        """Return it as a row of the table."""
        after_s = scenario.outage.start_s + scenario.outage.duration_s + _PROBED_S if scenario.outage else 0.0
        counted = [(now_s, said_s) for now_s, said_s in self.foretold if now_s >= max(after_s, FROM * self.end_s)]
        off = [
            ((said_s - self.end_s) / self.end_s, now_s / self.end_s) for now_s, said_s in counted if said_s is not None
        ]
        worst, at = max(off, key=lambda one: abs(one[0]), default=(0.0, 0.0))
        return {
            "scenario": scenario.name,
            "articles": scenario.articles,
            "took s": round(self.end_s),
            "not told": f"{1 - len(off) / max(1, len(counted)):.1%}",
            "worst": f"{worst:+.1%}",
            "at": f"{at:.0%}",
            "above 20 %": f"{sum(abs(one) > 0.2 for one, _ in off) / max(1, len(counted)):.1%}",
        }


_PROBED_S = 20.0
"""After an outage it takes until the next probe to know that it has ended."""


def _client(scenario: Scenario, seed: int) -> SimulatedClient:
    outages = (scenario.outage,) if scenario.outage else ()
    simulation = Simulation(models={"*": scenario.model}, faults=scenario.faults, outages=outages, seed=seed)
    return SimulatedClient(Provider(simulation))


async def _earlier(out: Path, articles: list[dict[str, str]], limit: int) -> None:
    async with Session(out, client=SimulatedClient(Provider(Simulation()))) as session:
        await session.process(articles, limit=limit)


async def generated(scenario: Scenario, articles: list[dict[str, str]], out: Path, seed: int) -> Watched:
    """Make records."""
    watched = Watched()
    async with Session(out, client=_client(scenario, seed), settings=load(**scenario.knobs)) as session:
        if session.resumed:
            await session.plan(articles)
            session.accept_changes()
        began_s = anyio.current_time()
        async with background(watched.watch, session.view) as tasks:
            if not session.resumed:
                tasks.start_soon(session.count, articles)
            await session.process(articles)
        watched.end_s = anyio.current_time() - began_s
    return watched


async def judged(scenario: Scenario, out: Path, seed: int) -> Watched:
    """Judge records that are there."""
    watched, settings = Watched(), load(judge_model="a-judge", **scenario.knobs)
    async with judging(out, settings, Wish(), _client(scenario, seed)) as opened:
        began_s = anyio.current_time()
        async with background(watched.watch, opened.view):
            await opened.process()
        watched.end_s = anyio.current_time() - began_s
    return watched


async def run(scenario: Scenario, paragraphs: Sequence[str], seed: int) -> Watched:
    """Play a scenario."""
    articles = articles_of(scenario, paragraphs, seed)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        if scenario.judges or scenario.done:
            await _earlier(out, articles, scenario.done or scenario.articles)
        if scenario.judges:
            return await judged(scenario, out, seed)
        return await generated(scenario, articles, out, seed)


def main() -> None:
    options = _options()
    paragraphs = paragraphs_of(options.corpus)
    scenarios = OTHERS if options.others else SCENARIOS
    wanted = [one for one in scenarios if not options.only or one.name in options.only]
    rows = [
        run_virtually(run(scenario, paragraphs, seed)).row(scenario)
        for scenario in wanted
        for seed in range(options.seed, options.seed + options.seeds)
    ]
    harness.show(rows)
    if options.json:
        options.json.write_text(json.dumps({"table": rows}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--others", action="store_true", help="other scenarios")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), metavar="NAMES", help="some scenarios")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the first run of each; default 0")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="runs of each; default 1")
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="articles as JSON lines")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.only = options.only or (SHORT if options.short else None)
    return options


if __name__ == "__main__":
    main()
