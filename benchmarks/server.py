"""The simulator that peers are measured on, in a process of its own. Started by `harness`.

Usage: python server.py SIMULATION CORE. Prints its base URL; when its standard input ends, it prints what it has seen.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from peers.job import settle
from pydantic import TypeAdapter

from qloragen.simulator import Answer, Call, Provider, Simulation, SimulatorServer

_TEXT = "All replicas of the ring agree in the end: what one of them missed is repaired when it is read. " * 8
"""What every call is answered with: the body of the reply is about 1 kB."""

_NUMBER = re.compile(r"Request (\d+) ")


def main() -> None:
    simulation, core = (json.loads(argument) for argument in sys.argv[1:])
    settle(core)
    print(json.dumps(asyncio.run(_serve(TypeAdapter(Simulation).validate_python(simulation)))))


def _answered(body: Mapping[str, Any]) -> Answer:
    if "tools" in body:
        return Answer(None, body["tools"][0]["function"]["name"], json.dumps({"output": _TEXT}))
    return Answer(_TEXT)


async def _serve(simulation: Simulation) -> dict[str, Any]:
    calls: list[tuple[int, Call]] = []

    def note(call: Call) -> None:
        found = _NUMBER.match(call.prompt)
        calls.append((int(found[1]) if found else -1, call))
        call.body = {}  # thousands of them need not stay in memory

    async with SimulatorServer(Provider(simulation, script=note, answers=_answered)) as server:
        began_s = asyncio.get_running_loop().time()
        print(server.base_url, flush=True)
        await asyncio.to_thread(sys.stdin.read)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "statistics": server.statistics.as_dict(),
            "seen": [_seen(number, call, began_s) for number, call in calls],
        }


def _seen(number: int, call: Call, began_s: float) -> tuple[int, float, float | None, int | None]:
    answered_s = None if call.answered is None else call.answered - began_s
    return number, call.started - began_s, answered_s, call.status


if __name__ == "__main__":
    main()
