"""The job that is done again and again: a few articles in a file, through the command line, in a forked process."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random

import orjson
from unchecked import UNCHECKED

from qloragen.assembly import job_of, specs_of
from qloragen.cli import command
from qloragen.settings import load

from .provider import Visit

_SENTENCE = "Node {node} of the ring keeps its replicas in step with hinted handoff, read repair and repair jobs. "


HUNG = 1000
"""Stands for the exit code of a process that did not end."""

_LATE_IMPORTS = (
    "anyio._backends._asyncio",
    "anyio._core._signals",
    "httpcore2",
    "qloragen.engine.fast_client",
    "qloragen.engine.openai_client",
    "truststore",
)
"""Modules that a process imports only when it needs them, which would take most of its short life."""


@dataclass(frozen=True, slots=True)
class Job:
    """What a process is started with."""

    base_url: str
    source: Path
    out: Path
    per_model: int
    """Calls in flight, of each of the two models."""
    said: Path
    """Where its standard error goes."""

    def arguments(self) -> Sequence[str]:
        """Return the command line."""
        words = ["generate", str(self.source), "--out", str(self.out), "--log-format", "json"]
        words += ["--base-url", self.base_url, "--concurrency", str(self.per_model)]
        # The articles say nearly the same; their records are to be kept all the same.
        words += ["--set", f"checks={UNCHECKED.model_dump_json(include={'actions'})}"]
        # With limits that are told, no process spends its short life on finding them out with a few calls.
        return [*words, "--rpm", "600000", "--tpm", "600000000"]


_LONG = 0.05
"""The share of articles of 40 kB."""


def write_articles(path: Path, seed: str, least: int, most: int) -> None:
    """Write a number of small articles, from `least` to `most`; now and then a long one, whose line is easier torn."""
    dice = Random(seed)  # noqa: S311 - a simulation
    rows = [_article(n, dice) for n in range(dice.randint(least, most))]
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def _article(number: int, dice: Random) -> dict[str, str]:
    node = dice.randrange(10**6)
    text = _SENTENCE.format(node=node) * (400 if dice.random() < _LONG else dice.randint(2, 5))
    return {"id": f"a{number}", "content": f"# Article {number}\n\n{text}\n\nIt listens on port {node % 60_000}."}


def warm_up() -> None:
    """Import and remember everything that a job needs, without a thread or an event loop: to be forked from.

    Ctrl-C ends a process at once, without a traceback, until the command line sees to it.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for name in _LATE_IMPORTS:
        import_module(name)
    settings = load()
    job_of(settings)
    specs_of(settings)
    gc.collect()
    gc.freeze()  # or the collector would touch, and so copy, every page in every process


class Process:
    """A forked process that does a job as one visit, and its end."""

    def __init__(self, job: Job, visit: Visit) -> None:
        self._process = get_context("fork").Process(target=_work, args=(job, visit))
        self.started_s = time.monotonic()
        self._process.start()

    def wait(self, timeout_s: float, until: Connection | None = None) -> int | None:
        """Return its exit code, negative for a signal; None when it works for longer than `timeout_s` from now, or when
        there is something to read from `until`."""
        waited_for: list[int | Connection] = [self._process.sentinel]
        if until is not None:
            waited_for.append(until)
        if self._process.sentinel not in wait(waited_for, timeout_s):
            return None
        self._process.join()
        return self._process.exitcode

    def end(self, patience_s: float) -> int:
        """Return its exit code; a process that hangs is killed, and counts as `HUNG`."""
        code = self.wait(patience_s)
        if code is not None:
            return code
        self.send(signal.SIGKILL)
        self.wait(patience_s)
        return HUNG

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; it may have ended, but has not been waited for."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)


def _work(job: Job, visit: Visit) -> None:
    said = os.open(job.said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream in (1, 2):
        os.dup2(said, stream)
    os.environ["OPENAI_API_KEY"] = visit.key
    os.chdir(job.said.parent)
    sys.argv = ["qloragen", *job.arguments()]
    command()
