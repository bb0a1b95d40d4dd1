"""How long does a rehearsal of many articles take, and does it come to what the whole pipeline comes to?

`qloragen rehearse` plays up to 500 articles with the real pipeline, and more than that in outline: call by call through
the real engine, with what they ask for taken from a sample. The first table plays the same articles both ways, under
limits that bind in different ways; "off" is outline against whole. The second plays --articles of them in outline, and
says what that takes of one core. All of it is in virtual time, so the CPU is all that it costs; where other work shares
the core's caches, each call takes longer.

Run: python benchmarks/million.py [--short] [--articles N] [--sample N] [--corpus FILE.jsonl] [--only rpm,tpm]
[--json FILE]; without --corpus articles are put together from the paragraphs of examples/articles.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import eta
import harness

from qloragen.rehearsing import whole
from qloragen.rehearsing.observed import Observed
from qloragen.rehearsing.outline import Shapes, play, shapes_of
from qloragen.settings import Settings, load
from qloragen.simulator import Capacity, Fault, Latency, Limits, Model, Outage, Simulation
from qloragen.types import Article

LATENCY = Latency(median_s=1.0, p99_s=4.0, token_s=0.01)
KNOBS: Mapping[str, int] = {"rpm": 30_000, "tpm": 60_000_000, "max_concurrency": 64}
TROUBLES = (
    Fault("rate_limited", rate=0.02),
    Fault("503", rate=0.02),
    Fault("truncated_body", rate=0.01),
    Fault("invalid_arguments", rate=0.03),
    Fault("length", rate=0.02),
)


@dataclass(frozen=True)
class Scenario:
    """What binds a run."""

    name: str
    knobs: Mapping[str, int] = field(default_factory=dict)
    limits: Limits | None = None
    """The server's; None: those of the knobs."""
    capacity: Capacity = field(default_factory=Capacity)
    faults: tuple[Fault, ...] = ()
    outages: tuple[Outage, ...] = ()

    @property
    def settings(self) -> Settings:
        return load(**{**KNOBS, **self.knobs})

    @property
    def simulation(self) -> Simulation:
        settings = self.settings
        limits = self.limits or Limits(rpm=settings.rpm, tpm=settings.tpm)
        model = Model(limits=limits, latency=LATENCY, capacity=self.capacity)
        return Simulation(models={"*": model}, faults=self.faults, outages=self.outages)


SCENARIOS = (
    Scenario("latency", {"max_concurrency": 512}),
    Scenario("concurrency", {"max_concurrency": 12}),
    Scenario("rpm", {"rpm": 240}),
    Scenario("tpm", {"tpm": 600_000}),
    Scenario("server's rpm", {"rpm": 2_000}, Limits(rpm=300)),
    Scenario("server's tpm", {}, Limits(tpm=700_000, charge="max")),
    Scenario("slots", capacity=Capacity(slots=16)),
    Scenario("troubles", {"rpm": 300}, faults=TROUBLES),
    Scenario("outage", {"rpm": 240}, outages=(Outage(60, 45),)),
)
SHORT = ("concurrency", "rpm", "troubles")
SHORT_SAMPLE, SHORT_ARTICLES = 40, 2_000


def compared(scenario: Scenario, articles: list[Article]) -> harness.Row:
    """Play the same articles both ways."""
    settings, simulation = scenario.settings, scenario.simulation
    one = whole.play(articles, settings, simulation)
    other = play(shapes_of(articles, settings, simulation), settings, simulation, len(articles))
    return {
        "bound by": scenario.name,
        "whole s": round(one.makespan_s, 1),
        "outline s": round(other.makespan_s, 1),
        "off %": _off(other.makespan_s, one.makespan_s),
        "whole $": round(float(one.cost_usd or 0), 4),
        "outline $": round(float(other.cost_usd or 0), 4),
        "off % ": _off(float(other.cost_usd or 0), float(one.cost_usd or 0)),
        "whole calls": _sent(one),
        "outline calls": _sent(other),
        "whole 429s": _refused(one),
        "outline 429s": _refused(other),
        "records": f"{one.records} / {other.records}",
    }


def timed(shapes: Shapes, scenario: Scenario, articles: int) -> harness.Row:
    """Play many articles in outline."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    seen = play(shapes, scenario.settings, scenario.simulation, articles)
    cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
    return {
        "articles": articles,
        "calls": _sent(seen),
        "hours of provider": round(seen.makespan_s / 3600, 2),
        "CPU s": round(cpu_s, 1),
        "wall s": round(wall_s, 1),
        "us a call": round(cpu_s / max(_sent(seen), 1) * 1e6),
        "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def _off(other: float, one: float) -> float:
    return round(100 * (other / one - 1), 2) if one else 0.0


def _sent(seen: Observed) -> int:
    return sum(model.sent for model in seen.models.values())


def _refused(seen: Observed) -> int:
    return sum(model.rate_limited for model in seen.models.values())


def main() -> None:
    options = _options()
    scenario = eta.Scenario("articles", {}, articles=options.sample)
    made = eta.articles_of(scenario, eta.paragraphs_of(options.corpus), seed=0)
    articles = [Article(one["id"], one["content"]) for one in made]
    rows = [compared(one, articles) for one in SCENARIOS if options.only is None or one.name in options.only]
    harness.show(rows)
    busy = Scenario("many", {"rpm": 5_000, "tpm": 20_000_000, "max_concurrency": 256})
    many = [timed(shapes_of(articles, busy.settings, busy.simulation), busy, options.articles)]
    harness.show(many)
    if options.json:
        options.json.write_text(json.dumps({"agreement": rows, "speed": many}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--articles", type=int, metavar="N", help="articles to play in outline; default 20,000")
    parser.add_argument("--sample", type=int, metavar="N", help="articles to play both ways; default 200")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), metavar="NAMES", help="some scenarios")
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="articles as JSON lines")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.only = options.only or (SHORT if options.short else None)
    options.sample = options.sample or (SHORT_SAMPLE if options.short else 200)
    options.articles = options.articles or (SHORT_ARTICLES if options.short else 20_000)
    return options


if __name__ == "__main__":
    main()
