"""How many calls a second one core of the simulator answers, and how many connections it holds.

Run: python benchmarks/simulator_speed.py [--short] [--seconds 5]. The server runs in a process of its own, on one core
where the system lets it be pinned; the load comes from pre-built bytes on kept-alive connections, from another core.
Prints a table; --json FILE writes the numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qloragen.simulator import Latency, Model, Provider, Simulation, SimulatorServer
from qloragen.simulator.files import allow_many_files

SENTENCE = "Replica {n} of the ring answers reads at consistency level ONE and repairs what it finds out of date. "


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of traffic."""

    name: str
    sentences: int
    connections: int
    latency_s: float = 0.0


LOADS = (
    Load("small calls, 64 in flight", 1, 64),
    Load("6 KB prompts, 64 in flight", 58, 64),
    Load("small calls, 4,000 in flight, 2 s each", 1, 4_000, 2.0),
)


def main() -> None:
    options = _options()
    results = [_measure(load, options.seconds or (1.0 if options.short else 5.0)) for load in LOADS]
    print(f"{'':<42}{'calls/s':>9}{'CPU us/call':>13}{'calls/s of CPU':>16}{'peak':>7}{'lost':>6}")
    for one in results:
        print(
            f"{one['name']:<42}{one['calls_per_s']:>9.0f}{one['cpu_us_per_call']:>13.0f}"
            f"{one['calls_per_cpu_s']:>16.0f}{one['peak']:>7}{one['lost']:>6}"
        )
    if options.json:
        options.json.write_text(json.dumps({"uvloop": find_spec("uvloop") is not None, "results": results}, indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a second for each load")
    parser.add_argument("--seconds", type=float, help="how long each load lasts; default 5, with --short 1")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def _measure(load: Load, seconds: float) -> dict[str, Any]:
    with _server(load.latency_s) as (port, finish):
        _pin(0)
        wall_s, calls = asyncio.run(_drive(load, port, seconds))
        server = finish()
    return {
        **asdict(load),
        "calls": calls,
        "calls_per_s": calls / wall_s,
        "cpu_us_per_call": 1e6 * server["cpu_s"] / server["calls"],
        "calls_per_cpu_s": server["calls"] / server["cpu_s"],
        "peak": server["peak"],
        "lost": calls - server["answered"],
    }


# ------------------------------------------------------------------------------------------------------------- server


@contextmanager
def _server(latency_s: float) -> Iterator[tuple[int, Any]]:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, latency_s), daemon=True)
    process.start()

    def finish() -> Any:
        ours.send("finish")
        return ours.recv()

    try:
        yield ours.recv(), finish
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Any, latency_s: float) -> None:
    async def serve() -> None:
        provider = Provider(Simulation(models={"*": Model(latency=Latency(median_s=latency_s))}))
        async with SimulatorServer(provider) as server:
            began_s = time.process_time()
            pipe.send(server.port)
            await anyio.to_thread.run_sync(pipe.recv)
            total = server.statistics.total
            pipe.send(
                {
                    "cpu_s": time.process_time() - began_s,
                    "calls": total.calls,
                    "answered": total.outcomes["answered"],
                    "peak": total.peak,
                }
            )
            await anyio.sleep_forever()

    _pin(1)
    anyio.run(serve, backend_options={"use_uvloop": find_spec("uvloop") is not None})


def _pin(core: int) -> None:
    """Keep this process on one core, where there is more than one and the system can."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[core % len(cores)]})


# --------------------------------------------------------------------------------------------------------------- load


async def _drive(load: Load, port: int, seconds: float) -> tuple[float, int]:
    """Keep every connection busy for some seconds; return the seconds until the last reply, and the replies."""
    allow_many_files()
    loop = asyncio.get_running_loop()
    callers = [_Caller(_requests(load, number)) for number in range(load.connections)]
    for caller in callers:
        await loop.create_connection(lambda caller=caller: caller, "127.0.0.1", port)  # type: ignore[misc]
    began_s = loop.time()
    for caller in callers:
        caller.start(began_s + seconds)
    await asyncio.gather(*(caller.finished for caller in callers))
    return loop.time() - began_s, sum(caller.replies for caller in callers)


def _requests(load: Load, number: int) -> list[bytes]:
    """Return the bytes of a few requests that no other connection sends."""
    return [_request("".join(SENTENCE.format(n=f"{number}.{k}.{i}") for i in range(load.sentences))) for k in range(4)]


def _request(prompt: str) -> bytes:
    body = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": prompt}], "max_tokens": 100})
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer none\r\n"
    head += (
        "accept: */*\r\naccept-encoding: gzip, deflate\r\nuser-agent: benchmark\r\ncontent-type: application/json\r\n"
    )
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


class _Caller(asyncio.Protocol):
    """One connection that sends the next request when the last one is answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self.replies = 0
        self.finished = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._buffer = b""
        self._until_s = 0.0
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def start(self, until_s: float) -> None:
        self._until_s = until_s
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        length = int(self._buffer[:end].rpartition(b"content-length: ")[2])
        if len(self._buffer) == end + 4 + length:
            self._buffer = b""
            self.replies += 1
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionResetError("the server hung up"))

    def _send(self) -> None:
        if self._loop.time() < self._until_s:
            self._transport.write(self._requests[self.replies % len(self._requests)])
        else:
            self.finished.set_result(None)


if __name__ == "__main__":
    main()
