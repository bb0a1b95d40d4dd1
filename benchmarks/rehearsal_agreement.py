"""Does a rehearsal say what the run then comes to?

For each regime, a real run in real time: `qloragen generate` over HTTP against a `qloragen simulate` process; and
`qloragen rehearse` with the same flags, in virtual time. The time of a real run is that of its journal: from when its
first call was sent to its last line. Its calls, and those without a good answer (429s, 503s, resets...), are what the
server has counted; its cost is what its journal says. An outage comes as late in the rehearsal as it came in the run.
Latencies and faults depend on a seed and on the calls: under the server's own seed the rehearsal meets the same.
"other draws" are rehearsals under --others other seeds, least and most, as nobody knows the draws of a provider
beforehand: with some hundred calls, chance is a part of what comes of them. The verdict is "agrees" where time, cost
and calls are within 5 %, and the calls without a good answer, which are few, within 5 % of what some draw has met;
else it names what is not.

"CPU" are CPU milliseconds per call: those of the process of the run, without its start (that of a run over two articles
is subtracted), and those that the rehearsal expects. In the regime "CPU" the server answers at once, so that nothing
but the CPU bounds the run, and the time rehearsed is what the rehearsal says that one core has to do. "load" is the
load average of the machine when the real run has ended: where it is far above 2 on two cores, real times say little.

Run: python benchmarks/rehearsal_agreement.py [--short] [--corpus FILE] [--only A,B] [--others N] [--repeat N] ...;
without --corpus the articles of examples/articles, told in several orders. It takes some 14 minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from math import nan
from pathlib import Path
from statistics import median
from time import time
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sources_of import write_articles

from qloragen.rehearsing.cpu import OVER_HTTP
from qloragen.settings import load

QLORAGEN = (sys.executable, "-m", "qloragen")
USUAL = ("--ttft-median-s", "0.6", "--ttft-p99-s", "2.0", "--token-s", "0.015", "--token-p99-s", "0.025")
PRICES = {
    "gpt-6-sol": {"price": {"prompt": 2, "completion": 10}},
    "gpt-6-luna": {"price": {"prompt": 0.1, "cached": 0.01, "completion": 0.8}},
}
_OF_RUNS = {"--rpm": "--server-rpm", "--tpm": "--server-tpm", "--concurrency": "--server-concurrency"}
"""Flags of `simulate` to those of `rehearse`."""


@dataclass(frozen=True)
class Regime:
    """What bounds a run."""

    articles: int
    run: tuple[str, ...]
    """Flags of `generate` and `rehearse`."""
    provider: tuple[str, ...] = USUAL
    """Flags of `simulate`."""
    one_core: bool = False
    """Whether the run has one core for all its threads, and the server the others."""


REGIMES: Mapping[str, Regime] = {
    "RPM": Regime(50, ("--rpm", "300"), (*USUAL, "--rpm", "300")),
    "TPM": Regime(42, ("--tpm", "900000"), (*USUAL, "--tpm", "900000")),
    "concurrency": Regime(40, ("--concurrency", "8")),
    "latency": Regime(
        24, (), ("--ttft-median-s", "3", "--ttft-p99-s", "6", "--token-s", "0.02", "--token-p99-s", "0.03")
    ),
    "faults": Regime(
        36,
        ("--concurrency", "8", "--set", "timeout_s=15"),
        (*USUAL, *(flag for fault in ("503=0.05", "rate_limited=0.01", "reset_after_headers=0.02", "hang=0.01",
        "invalid_arguments=0.05") for flag in ("--fault", fault))),
    ),
    "outage": Regime(36, ("--concurrency", "8"), (*USUAL, "--outage", "30:20")),
    "limits unknown": Regime(120, ("--concurrency", "24"), (*USUAL, "--rpm", "240", "--no-headers")),
    "CPU": Regime(200, ("--concurrency", "64"), (), one_core=True),
}  # fmt: skip
_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
SHORT = ("concurrency", "RPM")
SHORT_ARTICLES = 12
GOAL = 5.0
"""Per cent that a rehearsal may be off."""
FEW_ARTICLES = 2
"""Of the run whose CPU time is taken for what it takes to start."""


@dataclass(frozen=True)
class Came:
    """What a run has come to, real or rehearsed."""

    began_s: float
    """When its first call was sent, in seconds since its server began."""

    makespan_s: float
    cost_usd: float
    calls: int
    without_answer: Mapping[str, int]
    cpu_s: float
    """Of one core: without the start, if real; as expected, if rehearsed."""


@dataclass(frozen=True)
class Compared:
    """One regime."""

    articles: int
    real: Came
    rehearsed: Came
    others: tuple[Came, ...]
    """Rehearsals with other draws."""
    load: float


def main() -> None:
    options = _options()
    found: dict[str, list[Compared]] = {}
    with tempfile.TemporaryDirectory(prefix="qloragen-agreement-") as folder:
        source = Path(folder) / "articles.jsonl"
        started_cpu_s = nan if options.short else _started_cpu_s(source, options.corpus)
        for name in options.only:
            for turn in range(options.repeat):
                print(f"{name}, {turn + 1} of {options.repeat}", file=sys.stderr)
                found.setdefault(name, []).append(_compared(options, REGIMES[name], source, started_cpu_s))
    _show(found)
    if options.json:
        options.json.write_text(json.dumps({name: [asdict(one) for one in all_] for name, all_ in found.items()}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--short", action="store_true", help="two regimes of some 20 seconds, without what is measured besides"
    )
    parser.add_argument("--corpus", type=Path, metavar="FILE", help="a JSONL file with id and content")
    parser.add_argument("--only", type=lambda text: tuple(text.split(",")), metavar="A,B", help=", ".join(REGIMES))
    parser.add_argument("--articles", type=int, metavar="N", help="in place of the usual number of each regime")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="medians of so many")
    parser.add_argument("--others", type=int, default=2, metavar="N", help="seeds of other draws (%(default)s)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.articles = options.articles or (SHORT_ARTICLES if options.short else None)
    options.only = options.only or (SHORT if options.short else tuple(REGIMES))
    return options


def _started_cpu_s(source: Path, corpus: Path | None) -> float:
    """Return what a run over few articles takes of the CPU: nearly all of it for its start."""
    write_articles(source, corpus, FEW_ARTICLES)
    return _real(source, Regime(FEW_ARTICLES, (), ()), 0.0).cpu_s


def _compared(options: argparse.Namespace, regime: Regime, source: Path, started_cpu_s: float) -> Compared:
    count = write_articles(source, options.corpus, options.articles or regime.articles)
    real = _real(source, regime, started_cpu_s)
    load = os.getloadavg()[0]
    seeds = range(1 if options.short else 1 + options.others)
    rehearsed, *others = (_rehearsed(source, regime, seed, began_s=real.began_s) for seed in seeds)
    return Compared(count, real, rehearsed, tuple(others), load)


# --------------------------------------------------------------------------------------------------------- a real run


def _real(source: Path, regime: Regime, started_cpu_s: float) -> Came:
    with tempfile.TemporaryDirectory(prefix="qloragen-real-") as out:
        with _simulated(regime) as (base_url, told):
            served_s = time()
            environment = {**os.environ, **_environment(), "OPENAI_API_KEY": "none"}
            command = (*QLORAGEN, "generate", str(source), "--out", out, "--yes", "--base-url", base_url, *regime.run)
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
            if regime.one_core:
                os.sched_setaffinity(process.pid, _CORES[:1])
            assert process.stderr is not None
            errors = process.stderr.read()
            _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in {0, 3}:
            sys.exit(f"{errors.decode()}\nthe run failed")
        began_s, makespan_s, cost_usd = _of_journal(Path(out) / "journal.jsonl")
    calls, outcomes = of_table(told[0])
    outcomes.pop("answered", None)
    cpu_s = usage.ru_utime + usage.ru_stime - started_cpu_s
    return Came(began_s - served_s, makespan_s, cost_usd, calls, outcomes, cpu_s)


def _environment() -> dict[str, str]:
    return {"QLORAGEN_MODELS": json.dumps(PRICES)}


@contextmanager
def _simulated(regime: Regime) -> Iterator[tuple[str, list[str]]]:
    """Start a server; what it has seen is in the list when it has ended."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        (*QLORAGEN, "simulate", *regime.provider), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if regime.one_core:
        os.sched_setaffinity(process.pid, _CORES[1:] or _CORES)
    assert process.stdout is not None
    told: list[str] = []
    try:
        yield process.stdout.readline().removeprefix("listening on ").strip(), told
    finally:
        process.send_signal(signal.SIGINT)
        told.append(process.communicate()[1])


def _of_journal(place: Path) -> tuple[float, float, float]:
    """Return when the first call was sent (seconds since 1970), seconds from then to the last line, and dollars."""
    sent: list[float] = []
    ends: list[float] = []
    cost_usd = 0.0
    with place.open("rb") as lines:
        for line in map(json.loads, lines):
            if "time" not in line:
                continue
            ends.append(datetime.fromisoformat(line["time"]).timestamp())
            if line["t"] == "reply":
                sent.append(ends[-1] - line["latency_s"])
            if line["t"] in {"reply", "lost"}:
                cost_usd += float(line["cost_usd"] or 0)
    return min(sent), max(ends) - min(sent), cost_usd


def of_table(table: str) -> tuple[int, dict[str, int]]:
    """Return the calls and their outcomes out of the last row of what `simulate` shows."""
    row = next(line for line in table.splitlines() if line.startswith("all "))
    _, calls, _, _, _, _, _, outcomes = row.split(maxsplit=7)
    pairs = (outcome.rsplit(" ", 1) for outcome in outcomes.split(", "))
    return _number(calls), {name: _number(count) for name, count in pairs}


def _number(text: str) -> int:
    return int(text.replace(",", ""))


# -------------------------------------------------------------------------------------------------------- a rehearsal


def _rehearsed(source: Path, regime: Regime, seed: int, *, began_s: float) -> Came:
    provider = [_OF_RUNS.get(flag, _moved(flag, began_s)) for flag in regime.provider] or ["--ttft-median-s", "0"]
    command = (*QLORAGEN, "rehearse", str(source), "--no-advice", "--json", "--seed", str(seed), *regime.run, *provider)
    ended = subprocess.run(  # noqa: S603 - our own command
        command, env={**os.environ, **_environment()}, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        sys.exit(f"{ended.stderr}\nthe rehearsal failed")
    told: dict[str, Any] = json.loads(ended.stdout)
    cpu_s = told["cpu"]["work_s"]
    seconds = max(told["makespan_s"], cpu_s)
    return Came(0.0, seconds, float(told["cost_usd"]), told["calls"], told["without_answer"], cpu_s)


def _moved(flag: str, by_s: float) -> str:
    """Return the time of an outage in seconds since the run began, and any other flag as it is."""
    start, colon, duration = flag.partition(":")
    return f"{max(0.0, float(start) - by_s):.3f}:{duration}" if colon else flag


# -------------------------------------------------------------------------------------------------------------- tables


def _show(found: Mapping[str, Sequence[Compared]]) -> None:
    groups = f"{'':<24}{'seconds':^38}{'USD':^24}{'calls':^19}{'CPU ms/call':^16}"
    columns = (
        f"{'regime':<15}{'articles':>9}{'real':>8}{'rehearsed':>10}{'%':>6}{'other draws':>14}{'real':>9}{'reh.':>9}"
    )
    columns += f"{'%':>6}{'real':>7}{'reh.':>6}{'%':>6}{'real':>8}{'reh.':>8}{'load':>6}  {'verdict':<16}"
    print(f"{groups}\n{columns}without a good answer: real; rehearsed; other draws")
    for name, turns in found.items():
        middle = sorted(turns, key=lambda turn: _off(turn.rehearsed.makespan_s, turn.real.makespan_s))[len(turns) // 2]
        print(f"{name:<15}{_row(middle)}")
        if name == "CPU":
            _show_http(middle)
    loads = [turn.load for turns in found.values() for turn in turns]
    print(f"load average {median(loads):.1f} in the median; {os.cpu_count()} cores")


def _show_http(one: Compared) -> None:
    """Say what a run takes over HTTP: a rehearsal assumes it, and has measured the rest."""
    assumed = OVER_HTTP[load().transport]
    in_process_ms = _each_ms(one.rehearsed) / assumed
    print(
        f"{'':<15} over HTTP a run takes {_each_ms(one.real) / in_process_ms:.2f} of the CPU time that it takes in "
        f"process ({in_process_ms:.2f} ms a call); rehearsals assume {assumed:.2f}"
    )


def _row(one: Compared) -> str:
    real, rehearsed = one.real, one.rehearsed
    off = _off(rehearsed.makespan_s, real.makespan_s)
    others = _range([_off(other.makespan_s, real.makespan_s) for other in one.others], "+.1f")
    refused = _range([sum(other.without_answer.values()) for other in one.others], ".0f")
    return (
        f"{one.articles:>9}{real.makespan_s:>8.1f}{rehearsed.makespan_s:>10.1f}{off:>+6.1f}{others:>14}"
        f"{real.cost_usd:>9.4f}{rehearsed.cost_usd:>9.4f}{_off(rehearsed.cost_usd, real.cost_usd):>+6.1f}"
        f"{real.calls:>7}{rehearsed.calls:>6}{_off(rehearsed.calls, real.calls):>+6.1f}"
        f"{_each_ms(real):>8.2f}{_each_ms(rehearsed):>8.2f}{one.load:>6.1f}"
        f"  {verdict(one):<16}{_named(real.without_answer)}; {_named(rehearsed.without_answer)}; {refused}"
    )


def verdict(one: Compared) -> str:
    """Say whether a rehearsal came to what the run came to, or what of it was not within the goal."""
    real, rehearsed = one.real, one.rehearsed
    missed = [
        name
        for name, ours, theirs in (
            ("time", rehearsed.makespan_s, real.makespan_s),
            ("cost", rehearsed.cost_usd, real.cost_usd),
            ("calls", rehearsed.calls, real.calls),
        )
        if abs(_off(ours, theirs)) > GOAL
    ]
    refused, *drawn = (sum(came.without_answer.values()) for came in (real, rehearsed, *one.others))
    slack = GOAL / 100 * refused
    if not min(drawn) - slack <= refused <= max(drawn) + slack:
        missed.append("refused")
    return ", ".join(missed) or "agrees"


def _range(values: Sequence[float], form: str) -> str:
    if not values:
        return "none"
    low, high = (format(end, form) for end in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _off(ours: float, theirs: float) -> float:
    return 100 * (ours / theirs - 1)


def _each_ms(came: Came) -> float:
    return 1000 * came.cpu_s / came.calls


def _named(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(outcomes.items())) or "none"


if __name__ == "__main__":
    main()
