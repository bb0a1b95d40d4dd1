"""Many processes open one run directory at the same moment: one may work, the others are told who does."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from pathlib import Path
from random import Random

import anyio

from qloragen import RunLocked, Session

from .provider import Notes, Reader, Server, Terms, Visit, serving

_PATIENCE_S = 60.0
_ARTICLE = {
    "id": "a",
    "content": "Every node of the ring keeps its replicas in step with hinted handoff and repair. " * 4,
}


@dataclass(slots=True)
class Found:
    """What the races came to."""

    rounds: int = 0
    refused: int = 0
    taken_over: int = 0
    """Locks of a killed process that the next one took."""
    findings: list[str] = field(default_factory=list)


class _Gate:
    """Holds processes back that were forked while it was shut."""

    def __init__(self) -> None:
        self._wait, self._open = os.pipe()

    def pass_through(self) -> None:
        """Wait until it is opened; for a forked process, once."""
        os.close(self._open)  # else it would wait for itself
        os.read(self._wait, 1)

    def open(self) -> None:
        """Let everybody pass."""
        os.close(self._open)

    def close(self) -> None:
        """Forget an open gate."""
        os.close(self._wait)


@dataclass(frozen=True, slots=True)
class _Racer:
    visit: Visit
    process: ForkProcess
    says: Connection
    """Sends None when it has the run open, else the message of its refusal."""


def race(seed: int, rounds: int, processes: int, folder: Path) -> Found:
    """Let so many processes race for a run directory, again and again.

    The winner then works in it, or, in half of the rounds, is killed, and so many others race for what it has left.
    """
    dice = Random(f"{seed} races")  # noqa: S311 - a simulation
    found = Found()
    with serving(Terms(seed), folder / "notes.jsonl") as server:
        reader = Reader(folder / "notes.jsonl")
        killed = dice.sample(range(rounds), rounds // 2)
        for number in range(rounds):
            one = _Round(server, folder / f"run-{number}", number, found)
            one.run(processes, killed=number in killed)
            one.judge(reader.of_run(number))
            found.rounds += 1
    return found


class _Round:
    """One race for one run directory."""

    def __init__(self, server: Server, out: Path, number: int, found: Found) -> None:
        self._server = server
        self._out = out
        self._number = number
        self._found = found
        self._winners: set[Visit] = set()

    def run(self, processes: int, *, killed: bool) -> None:
        """Race, and let the winner work; or kill it, race again, and let that winner work."""
        self._race(range(processes), killed=killed)
        if killed:
            self._found.taken_over += self._race(range(processes, 2 * processes), killed=False)

    def _race(self, numbers: Iterable[int], *, killed: bool) -> int:
        start, go = _Gate(), _Gate()
        racers = [self._start(Visit(self._number, number), start, go) for number in numbers]
        start.open()
        winners = self._hear(racers)
        for winner in winners if killed else ():
            winner.process.kill()
            self._winners.discard(winner.visit)
        go.open()
        for racer in racers:
            racer.process.join(_PATIENCE_S)
        start.close()
        go.close()
        return len(winners)

    def judge(self, notes: Notes) -> None:
        """Compare with what the provider has noted."""
        callers = {call.visit for call in notes.paid}
        if not callers:
            self._find("nobody made a call")
        if callers - self._winners:
            self._find(f"{len(callers - self._winners)} processes that were refused made a call")

    def _start(self, visit: Visit, start: _Gate, go: _Gate) -> _Racer:
        ours, theirs = get_context("fork").Pipe(duplex=False)
        work = (visit, self._server.base_url, self._out, start, go, theirs)
        process = get_context("fork").Process(target=_race, args=work)
        process.start()
        theirs.close()
        return _Racer(visit, process, ours)

    def _hear(self, racers: Sequence[_Racer]) -> list[_Racer]:
        """Wait until each racer has won or is refused, judge that, and return the winners."""
        answers = [_answer(racer) for racer in racers]
        winners = [racer for racer, answer in zip(racers, answers, strict=True) if answer is None]
        refusals = [answer for answer in answers if answer is not None]
        self._winners |= {winner.visit for winner in winners}
        self._found.refused += len(refusals)
        if len(winners) != 1:
            self._find(f"{len(winners)} of {len(racers)} processes have the run open: {refusals[:1]}")
        for winner in winners:
            self._judge_words(refusals, winner)
        return winners

    def _judge_words(self, refusals: Sequence[str], winner: _Racer) -> None:
        named = (
            rf"process {winner.process.pid} on {re.escape(socket.gethostname())} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
        )
        wrong = [said for said in refusals if not re.search(named, said)]
        if wrong:
            self._find(f"{len(wrong)} of {len(refusals)} refusals do not say {named!r}: {wrong[0]}")

    def _find(self, finding: str) -> None:
        self._found.findings.append(f"round {self._number}: {finding}")


def _answer(racer: _Racer) -> str | None:
    if not racer.says.poll(_PATIENCE_S):
        return "no answer"
    try:
        answer = racer.says.recv()
    except EOFError:
        return f"ended with {racer.process.exitcode}"
    return None if answer is None else str(answer)


def _race(visit: Visit, base_url: str, out: Path, start: _Gate, go: _Gate, says: Connection) -> None:
    os.environ["OPENAI_API_KEY"] = visit.key
    start.pass_through()
    anyio.run(_work, base_url, out, go, says)


async def _work(base_url: str, out: Path, go: _Gate, says: Connection) -> None:
    try:
        async with Session(out, base_url=base_url) as session:
            says.send(None)
            go.pass_through()
            await session.process([_ARTICLE])
    except RunLocked as refusal:
        says.send(str(refusal))
