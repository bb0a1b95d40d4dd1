"""With thousands of calls in flight and no limits, how near does a run come to the time that its latencies allow?

1,000 and 4,000 in flight, five times as many requests, latency lognormal with 2 s in the median and 20 s at the 99th
percentile, small prompts. The bound is that of list scheduling: as many workers as calls in flight, each of which goes
on to the next request in the moment it is free, with the very latencies that the server drew, in the order of arrival.
The short form has a tenth of the latencies.

Run: python benchmarks/deep_queue.py [--short] [--in-flight 1000,4000] [--peers A,B] [--json FILE].
"""

from __future__ import annotations

from dataclasses import replace

import harness
import schedules
from peers.job import Job

PEERS = ("raw", "openai-aiohttp", "openai-semaphore", "engine-openai", "engine-fast")
MEDIAN_S, P99_S = 2.0, 20.0
ROUNDS = 5
"""Requests for each call in flight."""


def main() -> None:
    parser = harness.parser(__doc__, peers=PEERS)
    parser.add_argument("--in-flight", type=_numbers, metavar="A,B", help="default 1000,4000, with --short 100")
    options = parser.parse_args()
    depths = options.in_flight or ((100,) if options.short else (1_000, 4_000))
    scale = 0.1 if options.short else 1.0
    server = {"models": {"*": {"latency": {"median_s": MEDIAN_S * scale, "p99_s": P99_S * scale}}}}
    plan, rows = harness.plan(options), list[harness.Row]()
    runs: dict[str, list[harness.Measured]] = {}
    job = Job("", 0, 0, prompt_tokens=(250, 250, 250), cap_tokens=200)
    for depth in depths:
        job = replace(job, requests=ROUNDS * depth, in_flight=depth)
        results = plan.measure(job, server)
        rows += [_row(peer, run, job) for peer, found in results.items() for run in found]
        runs |= {f"{peer} at {depth}": found for peer, found in results.items()}
    harness.show(rows)
    harness.write(options.json, job, rows, runs)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _row(peer: str, run: harness.Measured, job: Job) -> harness.Row:
    latencies_s = [call.latency_s for call in run.seen if call.status == 200 and call.answered_s is not None]
    bound_s = schedules.listed(latencies_s, job.in_flight)
    return {
        "in flight": str(job.in_flight),
        "peer": harness.PEERS[peer][1],
        "s": run.client["wall_s"],
        "bound s": bound_s,
        "x bound": run.client["wall_s"] / bound_s,
        "most in flight": run.statistics["peak"],
        "CPU s": run.client["cpu_s"],
        "lost": run.client["lost"],
        "calls": run.statistics["calls"],
    }


if __name__ == "__main__":
    main()
