"""Runs one peer once, in a process and perhaps an interpreter of its own, and writes what it took; see `harness`.

Usage: python worker.py MODULE:FUNCTION RESULT_FILE < JOB
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from pathlib import Path
from typing import Any

from peers.job import Calls, Job, Run, settle

_ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    peer, result = sys.argv[1:]
    job = Job(**json.load(sys.stdin))
    settle(job.core)
    sys.path.append(str(_ROOT))
    module, function = peer.split(":")
    opened = getattr(import_module(f"peers.{module}"), function)(job)
    Path(result).write_text(json.dumps(asyncio.run(_measure(opened, job))), "utf-8")


async def _measure(opened: AbstractAsyncContextManager[Run], job: Job) -> dict[str, Any]:
    """CPU time is that of this process and its children, from the first call to the last answer."""
    warm_up, bodies = job.bodies()
    async with opened as run:
        if warm_up:
            await run(warm_up)
        cpu_s, started_s = _cpu_s(), time.perf_counter()
        calls = await run(bodies)
        wall_s, used_s = time.perf_counter() - started_s, _cpu_s() - cpu_s
    return {"wall_s": wall_s, "cpu_s": used_s, "peak_mib": _peak_mib(), **_counts(calls)}


def _counts(calls: Calls) -> dict[str, Any]:
    latencies_s = sorted(calls.latencies_s) or [0.0]
    return {
        "ok": calls.ok,
        "lost": sum(calls.lost.values()),
        "lost_by": dict(calls.lost),
        "latency_median_s": latencies_s[len(latencies_s) // 2],
        "latency_p99_s": latencies_s[len(latencies_s) * 99 // 100],
    }


def _cpu_s() -> float:
    usages = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _peak_mib() -> float:
    """Return the process's peak memory; the kernel counts in KiB, on macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
