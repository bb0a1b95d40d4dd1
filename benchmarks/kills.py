"""Is anything lost or bought twice when the process is killed? Kills the command line at random moments, and counts.

Several lanes run side by side, each with a simulated provider of its own: a process works in a run directory and is
killed, another one goes on, until one ends with exit code 0. Then the directory is compared with an undisturbed run of
the same job, and with what the provider has billed; a new directory follows. A call is in flight at a kill when it was
billed and its reply is not in the journal. Kills that leave an unfinished line are rare, so a file gets one by hand
after each twentieth.

All chance comes from the seed: lane n uses the seed + n, so `--lanes 1 --seed S` replays one lane alone. That replays
articles, latencies, faults, and the dice for the moments of the kills; the moments themselves are wall time, so what a
process was doing then depends on the machine and its load.

Run: python benchmarks/kills.py [--short] [--kills 10000] [--signal SIGTERM] [--faults 0.05] [--fatal quota]
[--json FILE]. Environment variables such as QLORAGEN_DURABILITY or QLORAGEN_SALVAGE reach the processes that are
killed. The exit code is 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from crash.job import warm_up
from crash.provider import Fatal, Terms
from crash.soak import Plan, soak
from crash.totals import Totals
from harness import show

_REPORT_EVERY_S = 5.0


def main() -> None:
    options = _options()
    folder = Path(tempfile.mkdtemp(prefix="qloragen-kills-"))
    print(f"seed {options.seed}, {options.kills} x {options.signal}, in {folder}", flush=True)
    warm_up()
    started_s = time.monotonic()
    totals = _side_by_side(_plans(options), folder)
    taken_s = time.monotonic() - started_s
    show([_row(totals, options, taken_s)])
    print("\n".join(totals.findings) or "No promise was broken.")
    if options.json:
        found = {"seed": options.seed, "options": vars(options) | {"json": None}, "s": taken_s, **totals.as_json()}
        options.json.write_text(json.dumps(found, indent=1), "utf-8")
    if totals.findings:
        sys.exit(1)
    shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="60 kills")
    parser.add_argument("--kills", type=int, help="default 10000")
    parser.add_argument("--seed", type=int, help="default: a new one")
    parser.add_argument("--lanes", type=int, default=3, help="provider, run directory and process, side by side")
    parser.add_argument("--signal", choices=("SIGKILL", "SIGTERM", "SIGINT"), default="SIGKILL")
    parser.add_argument("--concurrency", type=int, default=8, help="calls in flight, to each of the two models")
    parser.add_argument("--articles", type=int, default=40, help="in each run directory, at most")
    parser.add_argument("--faults", type=float, default=0.0, help="share of calls that meet a 429, 500 or lost reply")
    parser.add_argument(
        "--fatal",
        choices=get_args(Fatal),
        help="in place of a signal, the provider stops the first process of each run",
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.kills = options.kills or (60 if options.short else 10_000)
    options.seed = random.SystemRandom().randrange(10**9) if options.seed is None else options.seed
    return options


def _plans(options: argparse.Namespace) -> list[Plan]:
    """Share the kills among the lanes."""
    lanes = min(options.lanes, options.kills)
    shares = [options.kills // lanes + (lane < options.kills % lanes) for lane in range(lanes)]
    return [_plan(options, options.seed + lane, share) for lane, share in enumerate(shares)]


def _plan(options: argparse.Namespace, seed: int, kills: int) -> Plan:
    least = options.articles // 2 if options.fatal else min(4, options.articles)
    return Plan(
        seed=seed,
        kills=kills,
        signal=signal.Signals[options.signal],
        per_model=options.concurrency,
        articles=(least, options.articles),
        jobs=min(6, 1 + kills // 30),
        terms=Terms(seed, faults=options.faults, fatal=options.fatal, fatal_within=max(least, 1)),
    )


def _side_by_side(plans: list[Plan], folder: Path) -> Totals:
    """Run all lanes; a line tells every few seconds how far they are."""
    lanes: dict[Connection, Totals] = {}
    processes = []
    for number, plan in enumerate(plans):
        ours, theirs = get_context("fork").Pipe(duplex=False)
        process = get_context("fork").Process(target=_lane, args=(plan, folder / f"lane-{number}", theirs))
        process.start()
        theirs.close()
        lanes[ours] = Totals()
        processes.append(process)
    _follow(lanes)
    for process in processes:
        process.join()
    if any(process.exitcode for process in processes):
        sys.exit("A lane has failed; see above.")
    return _sum(lanes)


def _follow(lanes: dict[Connection, Totals]) -> None:
    """Keep the newest totals of each lane until all lanes have ended."""
    began_s = told_s = time.monotonic()
    live = set(lanes)
    while live:
        for lane in wait(live):
            assert isinstance(lane, Connection)
            try:
                lanes[lane] = lane.recv()
            except EOFError:
                live.discard(lane)
        if time.monotonic() - told_s > _REPORT_EVERY_S:
            told_s = time.monotonic()
            print(_progress(_sum(lanes), told_s - began_s), flush=True)


def _lane(plan: Plan, folder: Path, pipe: Connection) -> None:
    pipe.send(soak(plan, folder, pipe.send))


def _sum(lanes: Mapping[Connection, Totals]) -> Totals:
    totals = Totals()
    for found in lanes.values():
        totals.add(found)
    return totals


def _progress(totals: Totals, taken_s: float) -> str:
    return (
        f"{taken_s:6.0f} s: {totals.kills} kills ({totals.kills / taken_s:.1f}/s), {totals.runs} runs, "
        f"{len(totals.findings)} broken promises"
    )


def _row(totals: Totals, options: argparse.Namespace, taken_s: float) -> dict[str, str | float]:
    return {
        "kills": totals.kills,
        "runs": totals.runs,
        "lost": totals.lost,
        "twice in the sink": totals.duplicates,
        "kept, but bought again": totals.twice,
        "in flight, mean": _mean(totals.in_flight),
        "repeats, mean": _mean(totals.repeats),
        "repeats, max": max(totals.repeats, default=0),
        "allowed": 2 * options.concurrency if options.signal == "SIGKILL" and not options.fatal else 0,
        "torn tails": totals.torn,
        "torn by hand": totals.torn_by_hand,
        "kills/s": totals.kills / taken_s,
        "s": round(taken_s),
    }


def _mean(counts: Counter[int]) -> float:
    return sum(value * count for value, count in counts.items()) / max(counts.total(), 1)


if __name__ == "__main__":
    main()
