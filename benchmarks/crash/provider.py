"""The simulator in a process of its own, which notes every call in a file before it answers: from whom, and its bill.

A process names itself by its API key, so calls that were on their way when it died are known as its own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import blake2b
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Literal

import orjson

from qloragen.simulator import (
    KINDS,
    Answer,
    Call,
    Effect,
    Latency,
    Model,
    Provider,
    Simulation,
    SimulatorServer,
    error,
)
from qloragen.simulator.answers import answer

Fatal = Literal["quota", "401"]

UNDISTURBED = 10**6
"""The number of a visit that meets no faults."""

_SOON = {"retry-after-ms": "20"}
_TROUBLES: Mapping[str, Effect] = {
    "429": error(429, "Rate limit reached.", code="rate_limit_exceeded", type="requests", headers=_SOON),
    "500": KINDS["500"],
    "reset": KINDS["reset_before_headers"],
    "cut off": KINDS["truncated_body"],
    "reset late": KINDS["reset_after_headers"],
}
_FATAL: Mapping[Fatal, Effect] = {"quota": KINDS["insufficient_quota"], "401": KINDS["unauthorized"]}


@dataclass(frozen=True, slots=True)
class Terms:
    """How the provider behaves; all chance in it comes from the seed and from the call."""

    seed: int
    median_s: float = 0.025
    p99_s: float = 0.08
    """Latency, lognormal."""
    faults: float = 0.0
    """Share of calls that meet a 429, a 500, a reset, or a reply that is cut off."""
    fatal: Fatal | None = None
    """The first process in each run directory meets this from a random call on."""
    fatal_within: int = 1
    """It comes at one of so many first calls."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One process that works in a run directory."""

    run: int
    number: int
    """Of the process, from 0, among those that worked in the run."""

    @property
    def key(self) -> str:
        """The API key by which it names itself."""
        return f"{self.run}-{self.number}"


def visit_of(key: str) -> Visit:
    """Return who calls with this key."""
    run, _, number = key.partition("-")
    return Visit(int(run), int(number))


@dataclass(frozen=True, slots=True)
class Paid:
    """The note of a call that was billed, whether or not its reply arrived."""

    number: int
    """Of the call: its reply has the id `chatcmpl-NUMBER`."""
    visit: Visit
    asked: str
    """What identifies the question: model and prompt."""
    model: str
    whole: bool
    """The reply was sent as a whole, unless the client was gone by then."""


@dataclass(frozen=True, slots=True)
class Notes:
    """What the provider noted about one run directory."""

    paid: tuple[Paid, ...]
    """In order of arrival."""
    fatal: int
    """Calls that met the fatal reply."""
    late: int
    """Calls that came after a fatal reply had been sent."""


class Reader:
    """Reads the notes as they grow."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._waiting: list[Mapping[str, object]] = []

    def of_run(self, run: int) -> Notes:
        """Return what was noted about a run directory since the last look; notes about others wait."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            raw = file.read()
        whole = raw[: raw.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = [*self._waiting, *map(orjson.loads, whole.splitlines())]
        mine = [note for note in found if visit_of(str(note["key"])).run == run]
        self._waiting = [note for note in found if visit_of(str(note["key"])).run != run]
        return Notes(
            tuple(_paid(note) for note in mine if note["paid"]),
            sum(note["trouble"] == "fatal" for note in mine),
            sum(note["late"] is True for note in mine),
        )


def _paid(note: Mapping[str, object]) -> Paid:
    visit = visit_of(str(note["key"]))
    return Paid(int(str(note["number"])), visit, str(note["asked"]), str(note["model"]), not note["trouble"])


@dataclass(frozen=True, slots=True)
class Server:
    """A provider at work."""

    base_url: str
    first_calls: Connection
    """Gets the visit of each process when its first call arrives."""

    def forget(self) -> None:
        """Drop what was told about processes that are gone."""
        while self.first_calls.poll():
            self.first_calls.recv()


@contextmanager
def serving(terms: Terms, notes: Path) -> Iterator[Server]:
    """Serve in a forked process until the end of the block."""
    ours, theirs = get_context("fork").Pipe()
    process = get_context("fork").Process(target=_serve, args=(terms, notes, ours, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Server(str(ours.recv()), ours)
    finally:
        ours.close()
        process.kill()
        process.join()


def _serve(terms: Terms, notes: Path, ours: Connection, theirs: Connection) -> None:
    ours.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the soak, which ends this process itself
    asyncio.run(_serve_until_told(terms, notes, theirs))


async def _serve_until_told(terms: Terms, notes: Path, pipe: Connection) -> None:
    latency = Latency(median_s=terms.median_s, p99_s=terms.p99_s)
    simulation = Simulation(models={"*": Model(latency=latency)}, seed=terms.seed)
    file = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    clerk = _Clerk(terms, file, pipe.send)
    async with SimulatorServer(Provider(simulation, script=clerk.meet, answers=clerk.bill)) as server:
        pipe.send(server.base_url)
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), gone.set)
        await gone.wait()


@dataclass(slots=True)
class _Run:
    """What the provider remembers of one run directory."""

    fatal_from: int
    calls: int = 0
    fatal: list[Call] = field(default_factory=list)


class _Clerk:
    """Decides what goes wrong, and notes every call.

    The provider asks `bill` for an answer within the same turn in which `meet` saw the call, if it has one at all.
    """

    def __init__(self, terms: Terms, file: int, came: Callable[[Visit], None]) -> None:
        self._terms = terms
        self._file = file
        self._came = came
        self._last: Visit | None = None
        self._asked: Counter[str] = Counter()
        self._runs: dict[int, _Run] = {}
        self._note: dict[str, object] = {}

    def meet(self, call: Call) -> Effect | None:
        """Return what goes wrong with a call."""
        key = call.headers.get("authorization", "").removeprefix("Bearer ")
        visit = visit_of(key)
        if visit != self._last:
            self._last = visit
            self._came(visit)
        asked = blake2b(f"{call.model}\0{call.prompt}".encode(), digest_size=8).hexdigest()
        run = self._run(visit)
        late = any(earlier.answered is not None for earlier in run.fatal) and visit.number == 0
        fatal = self._fatal(visit, run, call)
        trouble = "" if fatal else self._trouble(visit, asked)
        self._note = {"number": call.index, "key": key, "asked": asked, "model": call.model, "late": late}
        self._note |= {"trouble": "fatal" if fatal else trouble}
        effect = fatal or _TROUBLES.get(trouble)
        if effect is not None and (effect.status != 200 or trouble == "reset"):
            self._write(paid=False)
        return effect

    def bill(self, body: Mapping[str, object]) -> Answer:
        """Note that the call is paid for, and answer it."""
        self._write(paid=True)
        return answer(body)

    def _run(self, visit: Visit) -> _Run:
        if visit.run not in self._runs:
            dice = Random(f"{self._terms.seed} fatal {visit.run}")  # noqa: S311 - a simulation
            self._runs[visit.run] = _Run(dice.randrange(self._terms.fatal_within))
        return self._runs[visit.run]

    def _fatal(self, visit: Visit, run: _Run, call: Call) -> Effect | None:
        if self._terms.fatal is None or visit.number > 0:
            return None
        run.calls += 1
        if run.calls <= run.fatal_from:
            return None
        run.fatal.append(call)
        return _FATAL[self._terms.fatal]

    def _trouble(self, visit: Visit, asked: str) -> str:
        if not self._terms.faults or visit.number == UNDISTURBED:
            return ""
        question = f"{visit.run} {asked}"
        self._asked[question] += 1
        dice = Random(f"{self._terms.seed} {question} {self._asked[question]}")  # noqa: S311 - a simulation
        return dice.choice(tuple(_TROUBLES)) if dice.random() < self._terms.faults else ""

    def _write(self, *, paid: bool) -> None:
        os.write(self._file, orjson.dumps({**self._note, "paid": paid}) + b"\n")
