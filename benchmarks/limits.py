"""What `limit_bound` and `tpm_bound` share: a run against a server with limits, and how near to the ideal it came."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from statistics import median
from typing import Any

import harness
import schedules
from peers.job import Job, tokens

BURST_S = 1.0
LATENCY = {"median_s": 0.5, "p99_s": 3.0}


@dataclass(frozen=True)
class Bound:
    """Limits, and requests that run into them."""

    rpm: int
    tpm: int
    told: bool
    """Whether the peers know the limits."""
    prompt_tokens: tuple[int, int, int]
    cap_tokens: int
    requests: int
    short: int
    """How many requests make the short form."""


def main(parser: argparse.ArgumentParser, bound: Bound) -> None:
    """Run a script of this kind."""
    parser.add_argument("--requests", type=int)
    parser.add_argument("--in-flight", type=int, default=256)
    options = parser.parse_args()
    job = Job(
        "",
        options.requests or (bound.short if options.short else bound.requests),
        options.in_flight,
        prompt_tokens=bound.prompt_tokens,
        cap_tokens=bound.cap_tokens,
        rpm=bound.rpm if bound.told else None,
        tpm=bound.tpm if bound.told else None,
    )
    results = harness.plan(options).measure(job, _server(bound))
    rows = [_row(peer, run, job, bound) for peer, runs in results.items() for run in runs]
    harness.show(rows)
    harness.write(options.json, job, rows, results)


def _server(bound: Bound) -> dict[str, Any]:
    limits = {"rpm": bound.rpm, "tpm": bound.tpm, "burst_s": BURST_S}
    return {"models": {"*": {"limits": limits, "latency": LATENCY}}}


def _row(peer: str, run: harness.Measured, job: Job, bound: Bound) -> harness.Row:
    sizes = [tokens(body) for body in job.bodies()[1]]
    starts_s = schedules.limited(sizes, rpm=bound.rpm, tpm=bound.tpm, burst_s=BURST_S)
    ideal_s = starts_s[-1] + LATENCY["median_s"]
    served = {call.number: call for call in run.seen if call.status == 200 and call.answered_s is not None}
    drawn_s = max((starts_s[number] + call.latency_s for number, call in served.items()), default=ideal_s)
    return {
        "peer": harness.PEERS[peer][1],
        "s": run.client["wall_s"],
        "ideal s": ideal_s,
        "x ideal": run.client["wall_s"] / ideal_s,
        "x drawn": run.client["wall_s"] / drawn_s,
        "lost": run.client["lost"],
        "rejected %": 100 * sum(call.status == 429 for call in run.seen) / job.requests,
        "big later s": _big_later(sizes, starts_s, list(served.values())),
    }


def _big_later(sizes: Sequence[int], starts_s: Sequence[float], served: Sequence[harness.Seen]) -> float:
    """Return how much later than fair the biggest twentieth came, less the same for the others; medians, seconds."""
    if not served:
        return nan
    first_s = min(call.arrived_s for call in served)
    big = sorted(sizes)[len(sizes) * 19 // 20]
    late: dict[bool, list[float]] = {True: [], False: []}
    for call in served:
        late[sizes[call.number] >= big].append(call.arrived_s - first_s - starts_s[call.number])
    return median(late[True] or [nan]) - median(late[False] or [nan])
