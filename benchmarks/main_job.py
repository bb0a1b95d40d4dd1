"""What the main job costs in CPU per call, against bare aiohttp sending the very same requests to the same server.

Run: python benchmarks/main_job.py [--articles 200] [--latency 0.2]. Prints a table; --json FILE writes the numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import qloragen
from qloragen.engine import Client, HttpReply, connect
from qloragen.simulator import Answer, Latency, Model, Provider, Simulation, SimulatorServer
from qloragen.simulator.answers import answer

PARAGRAPH = "Replica {n} of the ring answers reads at consistency level ONE and repairs what it finds out of date. "


def main() -> None:
    options = _options()
    with _server(options.latency) as address:
        job = asyncio.run(_main_job(options, address))
    with _server(options.latency) as address:
        bare = asyncio.run(_bare(options, address, job.pop("bodies")))
    _show(options, job, bare)
    if options.json:
        options.json.write_text(json.dumps({"options": vars(options) | {"json": None}, "job": job, "bare": bare}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=200)
    parser.add_argument("--latency", type=float, default=0.2, help="seconds that the server takes for each reply")
    parser.add_argument("--concurrency", type=int, default=32, help="calls in flight, per model")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


async def _main_job(options: argparse.Namespace, address: str) -> dict[str, Any]:
    started, cpu = time.perf_counter(), _cpu_s()
    first = None
    connection = connect(
        base_url=address, api_key=None, max_connections=2 * options.concurrency, timeout_s=options.latency + 60
    )
    async with connection as client:
        recorder = _Recorder(client)
        run = tempfile.mkdtemp(prefix="qloragen-benchmark-")
        async with qloragen.Session(run, client=recorder, max_concurrency=options.concurrency) as session:
            opened, opened_cpu = time.perf_counter(), _cpu_s()
            async for _ in session.stream(_articles(options.articles)):
                first = first or time.perf_counter() - opened
            wall, used = time.perf_counter() - opened, _cpu_s() - opened_cpu
            calls = session.summary.calls
    shutil.rmtree(run)
    return {
        "calls": calls,
        "records": session.summary.records,
        "start_s": opened - started,
        "start_cpu_s": opened_cpu - cpu,
        "first_record_latencies": (first or 0.0) / options.latency,
        "wall_s": wall,
        "cpu_ms_per_call": 1000 * used / calls,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bodies": recorder.bodies,
    }


class _Recorder:
    """A client that remembers what was sent."""

    def __init__(self, client: Client) -> None:
        self.bodies: list[bytes] = []
        self._client = client

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        self.bodies.append(body)
        return await self._client.post(body, timeout_s=timeout_s)


async def _bare(options: argparse.Namespace, address: str, bodies: list[bytes]) -> dict[str, Any]:
    """Send what the main job has sent, as fast as the same concurrency allows, and decode the replies."""
    started, cpu = time.perf_counter(), _cpu_s()
    waiting = iter(bodies)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:

        async def send() -> None:
            for body in waiting:
                headers = {"Content-Type": "application/json", "Authorization": "Bearer none"}
                async with http.post(f"{address}/chat/completions", data=body, headers=headers) as reply:
                    orjson.loads(await reply.read())

        await asyncio.gather(*(send() for _ in range(2 * options.concurrency)))
    return {
        "calls": len(bodies),
        "wall_s": time.perf_counter() - started,
        "cpu_ms_per_call": 1000 * (_cpu_s() - cpu) / len(bodies),
    }


def _show(options: argparse.Namespace, job: dict[str, Any], bare: dict[str, Any]) -> None:
    print(f"{options.articles} articles, {job['calls']} calls, {job['records']} records, {options.latency} s a reply")
    print(f"{'':<24}{'wall s':>10}{'CPU ms/call':>14}")
    for name, numbers in (("main job", job), ("bare aiohttp", bare)):
        print(f"{name:<24}{numbers['wall_s']:>10.2f}{numbers['cpu_ms_per_call']:>14.2f}")
    print(
        f"{'ratio':<24}{job['wall_s'] / bare['wall_s']:>10.2f}{job['cpu_ms_per_call'] / bare['cpu_ms_per_call']:>14.2f}"
    )
    print(f"first record after {job['first_record_latencies']:.2f} latencies; start {job['start_s']:.2f} s; ", end="")
    print(f"peak memory {job['peak_mib']:.0f} MiB")


async def _articles(count: int) -> AsyncIterator[dict[str, str]]:
    for n in range(count):
        text = "\n\n".join(PARAGRAPH.format(n=f"{n}.{part}") * 4 for part in range(12))
        yield {"id": str(n), "content": f"# Article {n}\n\n{text}"}


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _server(latency_s: float) -> Iterator[str]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, latency_s), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Any, latency_s: float) -> None:
    def three_types(body: Mapping[str, object]) -> Answer:
        return answer(body) if "tools" in body else Answer("1, 2, 6")

    async def serve() -> None:
        simulation = Simulation(models={"*": Model(latency=Latency(median_s=latency_s))})
        async with SimulatorServer(Provider(simulation, answers=three_types)) as server:
            pipe.send(server.base_url)
            await asyncio.Event().wait()

    asyncio.run(serve())


if __name__ == "__main__":
    main()
