"""What does a call cost in CPU, from the request to the decoded reply with its usage and price, beside bare aiohttp?

Prompts of 6 kB, replies of about 1 kB, 256 calls in flight, a server that answers after 50 ms and has no limits. CPU
time (user and system, children included) is that of the peer's process between its first and its last call: connections
are open and late imports done before. The ratio is of minima.

Run: python benchmarks/cpu_per_call.py [--short] [--peers A,B] [--peer-python NAME=PYTHON] [--json FILE].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import harness
from peers.job import Job

PEERS = (
    "raw",
    "raw-bucket",
    "openai-post",
    "openai-aiohttp",
    "openai-semaphore",
    "openai",
    "engine-openai",
    "engine-fast",
)
SERVER = {"models": {"*": {"latency": {"median_s": 0.05}}}}


def main() -> None:
    parser = harness.parser(__doc__, peers=PEERS, repeat=5)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--in-flight", type=int, default=256)
    options = parser.parse_args()
    requests = options.requests or (1_000 if options.short else 5_000)
    job = Job("", requests, options.in_flight, warm_up=2 * options.in_flight)
    results = harness.plan(options).measure(job, SERVER)
    rows = table(results)
    harness.show(rows)
    harness.write(options.json, job, rows, results)


def table(results: Mapping[str, Sequence[harness.Measured]]) -> list[harness.Row]:
    """Return a row for each peer, in milliseconds per completed call."""
    costs = {
        peer: [1000 * run.client["cpu_s"] / max(1, run.client["ok"]) for run in runs] for peer, runs in results.items()
    }
    limit = min(costs.get("raw") or next(iter(costs.values())))
    return [
        {
            "peer": harness.PEERS[peer][1],
            "CPU ms/call, min": min(found),
            "median": median(found),
            "x raw": min(found) / limit,
            "calls/s": round(median(run.client["ok"] / run.client["wall_s"] for run in results[peer])),
            "peak MiB": max(run.client["peak_mib"] for run in results[peer]),
            "lost": sum(run.client["lost"] for run in results[peer]),
        }
        for peer, found in costs.items()
    ]


if __name__ == "__main__":
    main()
