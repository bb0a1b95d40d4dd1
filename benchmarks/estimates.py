"""How far is an estimate from what the run then comes to?

For each way of working: the estimate from the pack's prior against a run of its own, and the estimate after a paid
sample, of what is left and what the sample has cost, against the run that goes on from there in the same directory.
Whole runs over the simulated provider in virtual time; the last table is the time under limits.

Run: python benchmarks/estimates.py [--short] [--corpus FILE] [--sample 20] [--json FILE]; without --corpus the articles
of examples/articles.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import harness

from qloragen import Session, Summary
from qloragen.estimation import Estimate, ModeEstimate, aestimate
from qloragen.simulator import Batches, Latency, Limits, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import run_virtually

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "articles"
LATENCY = Latency(median_s=0.6, p99_s=3.0, token_s=0.01)
BATCHES = Batches(median_s=1_800.0, p99_s=14_400.0, validating_s=60.0, finalizing_s=60.0)
WAYS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "flex": {"flex": True},
    "batch": {"batch": True},
    "written input": {"input": "written"},
    "decisions": {"classifier": "decisions"},
    "cascade": {"classifier": "cascade"},
    "outlines": {"classify_reads": "outline"},
    "flex, decisions": {"flex": True, "classifier": "decisions"},
}
SHORT = ("default", "decisions")
LIMITS: Mapping[str, Mapping[str, int]] = {
    "RPM": {"rpm": 100, "tpm": 10_000_000},
    "TPM": {"rpm": 10_000, "tpm": 400_000},
    "calls in flight": {"max_concurrency": 4},
}


class Figures(NamedTuple):
    """What is compared."""

    usd: float
    calls: float
    prompt: float
    completion: float
    cached_share: float
    records: float


@dataclass(frozen=True)
class Compared:
    """An estimate beside what it was about."""

    way: str
    basis: str
    estimated: Figures
    real: Figures
    within: bool
    """The cost was within the estimate's range."""

    def row(self) -> dict[str, str | float]:
        """Return it as a row of the table: what was estimated, and by how much it is more or less."""
        off = {name: _off(getattr(self.estimated, name), getattr(self.real, name)) for name in Figures._fields}
        return {
            "way": self.way,
            "basis": self.basis,
            "USD estimated": self.estimated.usd,
            "USD real": self.real.usd,
            "USD off": off["usd"],
            "in range": "yes" if self.within else "no",
            "calls off": off["calls"],
            "prompt off": off["prompt"],
            "completion off": off["completion"],
            "records off": off["records"],
            "cached estimated": f"{self.estimated.cached_share:.1%}",
            "cached real": f"{self.real.cached_share:.1%}",
        }


def _off(estimated: float, real: float) -> str:
    return f"{100 * (estimated / real - 1):+.1f} %" if real else "-"


def _of_estimate(mode: ModeEstimate, paid: Summary | None) -> Figures:
    assert mode.cost_usd is not None
    prompt = sum(item.prompt_tokens for item in mode.items)
    left = Figures(
        float(mode.cost_usd.likely),
        float(mode.calls.likely),
        prompt,
        sum(item.completion_tokens for item in mode.items),
        mode.cached_share,
        float(mode.records.likely),
    )
    if paid is None:
        return left
    done = _of_run(paid)
    share = (left.cached_share * prompt + done.cached_share * done.prompt) / (prompt + done.prompt)
    return Figures(*(a + b for a, b in zip(left, done, strict=True)))._replace(cached_share=share)


def _of_run(summary: Summary) -> Figures:
    usage, cost = summary.total.usage, summary.cost_usd
    assert cost is not None
    return Figures(
        float(cost),
        summary.calls,
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.cached_tokens / usage.prompt_tokens,
        summary.records,
    )


# ---------------------------------------------------------------------------------------------------------------- runs


def _provider(limits: Limits | None = None) -> Provider:
    model = Model(latency=LATENCY, limits=limits or Limits())
    return Provider(Simulation(models={"*": model}, batches=BATCHES))


async def _run(source: Path, out: Path, provider: Provider, knobs: Mapping[str, Any]) -> tuple[Summary, float]:
    """Work through `source`; returns what the run has come to, and how long that took."""
    async with Session(out, client=SimulatedClient(provider), **knobs) as session:
        began_s = anyio.current_time()
        await session.process(source)
        return session.summary, anyio.current_time() - began_s


async def by_prior(source: Path, way: str, knobs: Mapping[str, Any]) -> Compared:
    """Estimate from the prior, and run."""
    with tempfile.TemporaryDirectory() as folder:
        estimate = await aestimate(source, **knobs)
        summary, _ = await _run(source, Path(folder), _provider(), knobs)
    return _compared(way, "prior", estimate, None, summary)


async def by_sample(source: Path, way: str, knobs: Mapping[str, Any], size: int) -> Compared:
    """Pay for a sample, estimate the rest, and go on."""
    provider = _provider()
    with tempfile.TemporaryDirectory() as folder:
        estimate = await aestimate(source, out=folder, sample=size, client=SimulatedClient(provider), **knobs)
        async with Session(folder, client=SimulatedClient(provider), **knobs) as session:
            paid = session.summary
        summary, _ = await _run(source, Path(folder), provider, knobs)
    return _compared(way, f"sample of {size}", estimate, paid, summary)


def _compared(way: str, basis: str, estimate: Estimate, paid: Summary | None, real: Summary) -> Compared:
    cost, whole = estimate.cost_usd, real.cost_usd
    assert cost is not None
    assert whole is not None
    before = (paid.cost_usd or Decimal(0)) if paid else Decimal(0)
    within = cost.low <= whole - before <= cost.high
    return Compared(way, basis, _of_estimate(estimate.chosen, paid), _of_run(real), within)


async def timed(source: Path, binding: str, limits: Mapping[str, int], size: int) -> dict[str, str | float]:
    """Estimate how long a run takes under limits, from a sample of its latencies, and time it."""
    provider = _provider(Limits(rpm=limits.get("rpm"), tpm=limits.get("tpm")))
    knobs: dict[str, Any] = {**limits}
    with tempfile.TemporaryDirectory() as folder:
        estimate = await aestimate(source, out=folder, sample=size, client=SimulatedClient(provider), **knobs)
        _, took_s = await _run(source, Path(folder), provider, knobs)
    pace = estimate.chosen.pace
    assert pace.seconds is not None
    assert pace.binding is not None
    return {
        "limits": ", ".join(f"{name} {value:,}" for name, value in limits.items()),
        "binds": binding,
        "said to bind": f"{pace.binding[1]} of {pace.binding[0]}",
        "s estimated": round(pace.seconds),
        "s real": round(took_s),
        "off": _off(pace.seconds, took_s),
    }


def main() -> None:
    options = _options()
    ways = SHORT if options.short else tuple(WAYS)
    found = []
    for way in ways:
        found.append(run_virtually(by_prior(options.corpus, way, WAYS[way])))
        found.append(run_virtually(by_sample(options.corpus, way, WAYS[way], options.sample)))
    harness.show([compared.row() for compared in found])
    print()
    limits = list(LIMITS)[:1] if options.short else LIMITS
    times = [run_virtually(timed(options.corpus, binding, LIMITS[binding], options.sample)) for binding in limits]
    harness.show(times)
    if options.json:
        rows = [
            {
                "way": one.way,
                "basis": one.basis,
                "in_range": one.within,
                "estimated": one.estimated._asdict(),
                "real": one.real._asdict(),
            }
            for one in found
        ]
        options.json.write_text(json.dumps({"estimates": rows, "times": times}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a quick form of the same")
    parser.add_argument("--corpus", type=Path, default=EXAMPLES, metavar="FILE", help="articles; see the README")
    parser.add_argument("--sample", type=int, metavar="N", help="default 20, with --short 3")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.sample = options.sample or (3 if options.short else 20)
    return options


if __name__ == "__main__":
    main()
