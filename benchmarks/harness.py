"""What the scripts share: a server and each peer in a process of its own, repetitions, the table, and the JSON file."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from math import inf, isnan
from pathlib import Path
from typing import Any, NamedTuple

from peers.job import Job

_HERE = Path(__file__).resolve().parent

PEERS: Mapping[str, tuple[str, str]] = {
    "raw": ("raw:plain", "raw aiohttp"),
    "raw-bucket": ("raw:bucketed", "raw aiohttp + aiolimiter"),
    "openai": ("openai_sdk:default", "AsyncOpenAI default"),
    "openai-aiohttp": ("openai_sdk:over_aiohttp", "AsyncOpenAI over aiohttp"),
    "openai-semaphore": ("openai_sdk:semaphore", ".. + semaphore, SDK retries"),
    "openai-bucket": ("openai_sdk:bucketed", ".. + aiolimiter, SDK retries"),
    "openai-post": ("openai_sdk:low_level", ".. its low-level post"),
    "engine-openai": ("engine:over_openai", "qloragen over OpenAI's client"),
    "engine-fast": ("engine:fast", "qloragen fast path"),
    "litellm": ("litellm_sdk:completion", "litellm"),
    "instructor": ("instructor_sdk:structured", "instructor"),
    "curator": ("curator_sdk:llm", "bespokelabs-curator"),
}
"""Where each peer is, and its name in tables."""

ELSEWHERE = ("litellm", "instructor", "curator")
"""Peers that cannot be installed beside OpenAI's newest client: each runs only with `--peer-python NAME=PYTHON`."""


class Seen(NamedTuple):
    """One call, as the server saw it; seconds since it began."""

    number: int
    """Of the request that it tried to answer; see `Job.bodies`."""
    arrived_s: float
    answered_s: float | None
    """None where no whole reply was sent."""
    status: int | None

    @property
    def latency_s(self) -> float:
        """How long the server took; endless where it sent no whole reply."""
        return inf if self.answered_s is None else self.answered_s - self.arrived_s


@dataclass(frozen=True)
class Measured:
    """One run of one peer."""

    client: Mapping[str, Any]
    """What its process reported: see `worker`."""
    statistics: Mapping[str, Any]
    """The simulator's."""
    seen: Sequence[Seen]
    """In order of arrival, the warm-up included; calls that an outage met are not among them."""


@dataclass(frozen=True)
class Plan:
    """Which peers run, how often, and in which interpreters."""

    peers: Sequence[str]
    repeat: int
    pythons: Mapping[str, str]

    def measure(self, job: Job, server: Mapping[str, Any]) -> dict[str, list[Measured]]:
        """Run the peers in turn, and that `repeat` times over; each gets a fresh server with settings `server`."""
        found: dict[str, list[Measured]] = {peer: [] for peer in self.peers}
        for turn in range(self.repeat):
            for peer in self.peers:
                print(f"{PEERS[peer][1].strip(' .')}, {turn + 1} of {self.repeat}", file=sys.stderr)
                found[peer].append(self._once(peer, job, server))
        return found

    def _once(self, peer: str, job: Job, settings: Mapping[str, Any]) -> Measured:
        client_core, server_core = cores()
        with _running_server(settings, server_core) as (base_url, report), tempfile.TemporaryDirectory() as folder:
            result = Path(folder, "result.json")
            work = replace(job, base_url=base_url, core=client_core)
            worked = subprocess.run(  # noqa: S603 - our own script
                [self.pythons.get(peer, sys.executable), str(_HERE / "worker.py"), PEERS[peer][0], str(result)],
                input=json.dumps(asdict(work)),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if worked.returncode:
                sys.exit(f"{worked.stdout}\n{peer} failed")
            client, server = json.loads(result.read_text("utf-8")), report()
        return Measured(client, server["statistics"], [Seen(*call) for call in server["seen"]])


def cores() -> tuple[int | None, int | None]:
    """Return a core for the client and another for the server, as far as there are two."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[-1]) if len(available) > 1 else (None, None)


@contextmanager
def _running_server(
    settings: Mapping[str, Any], core: int | None
) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """Start `server.py`; return its base URL, and a function that ends it and returns what it has seen."""
    process = subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, str(_HERE / "server.py"), json.dumps(settings), json.dumps(core)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def report() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(process.communicate()[0])
        return found

    assert process.stdout is not None
    with process:
        try:
            yield process.stdout.readline().strip(), report
        finally:
            process.kill()


# --------------------------------------------------------------------------------------------- options and output


def parser(purpose: str | None, *, peers: Sequence[str], repeat: int = 1) -> argparse.ArgumentParser:
    """Return a parser with the options that every script has."""
    found = argparse.ArgumentParser(description=purpose, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("--short", action="store_true", help="a quick form of the same")
    found.add_argument("--peers", type=_names, default=tuple(peers), metavar="A,B", help=f"of {', '.join(PEERS)}")
    found.add_argument(
        "--peer-python",
        action="append",
        default=[],
        metavar="NAME=PYTHON",
        help=f"the interpreter that has one of {', '.join(ELSEWHERE)}",
    )
    found.add_argument("--repeat", type=int, help=f"default {repeat}, with --short at most 2")
    found.set_defaults(usual_repeat=repeat)
    found.add_argument("--json", type=Path, metavar="FILE")
    return found


def plan(options: argparse.Namespace) -> Plan:
    """Return the plan that the options ask for; a peer with an interpreter of its own need not be named twice."""
    pythons = dict(pair.split("=", 1) for pair in options.peer_python)
    names = dict.fromkeys((*options.peers, *pythons))
    for name in names:
        if name in ELSEWHERE and name not in pythons:
            sys.exit(f"{name} needs an environment of its own: --peer-python {name}=PYTHON (see benchmarks/README.md)")
    return Plan(
        tuple(names),
        options.repeat or (min(2, options.usual_repeat) if options.short else options.usual_repeat),
        pythons,
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in PEERS:
            raise argparse.ArgumentTypeError(f"{name} is not one of {', '.join(PEERS)}")
    return names


Row = Mapping[str, str | float]


def show(rows: Sequence[Row]) -> None:
    """Print a table in Markdown, so that it can be pasted as it is."""
    names = list(rows[0])
    cells = [names, *([_cell(row[name]) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    lines = [f"| {' | '.join(_padded(line, widths))} |" for line in cells]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    print("\n".join(lines))


def _cell(value: str | float) -> str:
    if isinstance(value, str | int):
        return str(value)
    if isnan(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"


def _padded(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *rest = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
    return [first.strip().ljust(widths[0]), *rest]


def write(path: Path | None, job: Job, rows: Sequence[Row], results: Mapping[str, Sequence[Measured]]) -> None:
    """Write the numbers of a run as JSON, if a file was asked for."""
    if path is not None:
        runs = {peer: [{**run.client, "server": run.statistics} for run in found] for peer, found in results.items()}
        path.write_text(json.dumps({"job": asdict(job), "table": rows, "runs": runs}, indent=1, default=str), "utf-8")
