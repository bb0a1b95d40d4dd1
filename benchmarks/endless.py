"""Does memory stay flat while a million requests pass through `Engine.map`, and how many calls a second is that?

The provider is in this process and answers at once, so nothing but the engine is measured. Memory is the resident set,
read every 1,000 results; its slope is the least-squares line over the second half of the run.

Run: python benchmarks/endless.py [--short] [--requests 1000000] [--json FILE].
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import linear_regression

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import show

from qloragen.engine import Engine, HttpReply, ModelSpec, Price, family
from qloragen.types import Completion, Message, Request

MODEL = "gpt-4.1-mini"
PROMPT = "the node replica ring answers reads and repairs what it finds out of date " * 80
REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-4.1-mini","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"' + b"All replicas agree in the end. " * 32 + b'"},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":1400,"completion_tokens":200,"total_tokens":1600}}'
)

Sample = tuple[int, float, float]
"""Results until now, seconds since the start, resident MiB."""


def main() -> None:
    options = _options()
    samples = asyncio.run(_measure(options.requests, options.in_flight))
    rows = [_row(samples)]
    show(rows)
    if options.json:
        options.json.write_text(json.dumps({"table": rows, "samples": samples}), "utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="50,000 requests")
    parser.add_argument("--requests", type=int)
    parser.add_argument("--in-flight", type=int, default=256)
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    options.requests = options.requests or (50_000 if options.short else 1_000_000)
    return options


class _Provider:
    """Answers every call with the same reply, after a turn of the event loop."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        del body, timeout_s
        await asyncio.sleep(0)
        return HttpReply(200, REPLY)


async def _measure(requests: int, in_flight: int) -> list[Sample]:
    price = Price(Decimal("0.4"), Decimal("1.6"))
    engine = Engine(_Provider(), [ModelSpec(MODEL, family(MODEL), price=price, max_concurrency=in_flight)])
    started, done, samples = time.perf_counter(), 0, [(0, 0.0, _resident_mib())]
    async with engine.map(_requests(requests)) as results:
        async for _, outcome in results:
            assert isinstance(outcome, Completion)
            done += 1
            if done % 1000 == 0:
                samples.append((done, time.perf_counter() - started, _resident_mib()))
    return samples


def _requests(count: int) -> Iterator[Request]:
    for number in range(count):
        yield Request(MODEL, (Message("user", f"Request {number}. {PROMPT}"),), 300)


def _resident_mib() -> float:
    """Return the memory that is resident now, or its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _row(samples: Sequence[Sample]) -> dict[str, str | float]:
    requests, wall_s, _ = samples[-1]
    half = samples[len(samples) // 2 :]
    slope = linear_regression([count / 1e6 for count, *_ in half], [mib for *_, mib in half]).slope
    return {
        "requests": requests,
        "calls/s": round(requests / wall_s),
        "MiB before": samples[0][2],
        "MiB at half": half[0][2],
        "MiB peak": max(mib for *_, mib in samples),
        "MiB per million": slope,
    }


if __name__ == "__main__":
    main()
