"""Kills or stops processes at random moments, one run directory after the other, and judges each when it is done.

What a seed replays: articles, latencies and faults of the provider (by call), and the dice for the moments. The moments
are wall time, so what a process was doing at them differs from one machine, and from one load, to another.
"""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from .book import FILES, End, Row, ids_of, is_torn, judge, rows_of, tear
from .job import Job, Process, write_articles
from .provider import UNDISTURBED, Reader, Server, Terms, Visit, serving
from .totals import Totals

_STOPPED_BY_PROVIDER, _SOME_FAILED = 5, 3
_PATIENCE_S = 60.0
"""No process of ours works longer, unless it hangs."""
_KILLED_WHILE_OPENING = 0.25
"""The share of kills that come before the first call would."""
_LONGEST_WORK_S = 0.3
"""Most time from the first call to a kill."""
_MOST_PROCESSES = 1000
"""In one run directory; it takes some twenty."""
_ALLOWED_ODD = 3
"""A run directory is given up after so many processes that ended as they never should."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do to how many processes."""

    seed: int
    kills: int
    signal: signal.Signals = signal.SIGKILL
    per_model: int = 8
    """Calls in flight to each of the two models."""
    articles: tuple[int, int] = (4, 40)
    """In each run: at least, at most."""
    jobs: int = 6
    """Different collections of articles; each is run undisturbed once."""
    tear: float = 0.05
    """The share of kills after which a file gets an unfinished line by hand: kills that leave one are rare."""
    terms: Terms = field(default_factory=lambda: Terms(0))

    @property
    def drained(self) -> bool:
        """Whether an interrupted process finishes what is in flight."""
        return self.signal is not signal.SIGKILL or self.terms.fatal is not None


def soak(plan: Plan, folder: Path, report: Callable[[Totals], None]) -> Totals:
    """Work in `folder` until the plan's kills are done, the last run directory too; `report` hears after each run.

    A run directory in which a promise was broken is kept; `Totals.findings` names it.
    """
    folder.mkdir(parents=True)
    with serving(plan.terms, folder / "notes.jsonl") as server:
        lane = _Lane(plan, folder, server)
        while lane.totals.kills < plan.kills:
            lane.run()
            report(lane.totals)
    return lane.totals


@dataclass(frozen=True, slots=True)
class _Undisturbed:
    rows: tuple[Row, ...]
    opening_s: float
    """From its start to its first call."""
    work_s: float
    """From there to its end."""


class _Lane:
    """One provider, and one process at a time."""

    def __init__(self, plan: Plan, folder: Path, server: Server) -> None:
        self.totals = Totals()
        self._plan = plan
        self._folder = folder
        self._server = server
        self._dice = Random(f"{plan.seed} moments")  # noqa: S311 - a simulation
        self._reader = Reader(folder / "notes.jsonl")
        self._known: dict[int, _Undisturbed] = {}
        self._runs = 0

    def run(self) -> None:
        """Work through one run directory, and judge it."""
        collection = self._dice.randrange(self._plan.jobs)
        if collection not in self._known:
            self._known[collection] = self._undisturbed(collection)
        number = self._next()
        job = self._job(f"run-{number}", collection)
        ends, odd = self._disturbed(job, number, self._known[collection])
        self.totals.codes.update(end.code for end in ends)
        self.totals.torn += sum(end.torn for end in ends)
        findings = odd
        if ends[-1].code == 0:
            findings = [*odd, *self._judged(job, number, ends, self._known[collection].rows)]
        if findings:
            named = f"seed {self._plan.seed}, {job.out}: "
            self.totals.findings += [named + finding for finding in findings]
        else:
            shutil.rmtree(job.out)

    def _judged(self, job: Job, number: int, ends: list[End], rows: tuple[Row, ...]) -> list[str]:
        notes = self._reader.of_run(number)
        verdict = judge(job.out, notes, ends, rows, self._plan.per_model)
        self.totals.judged(verdict)
        self.totals.fatal += notes.fatal > 0
        self.totals.most_late = max(self.totals.most_late, notes.late)
        if notes.late > 2 * self._plan.per_model:
            verdict.findings.append(f"{notes.late} calls were sent after a fatal reply")
        return verdict.findings

    def _undisturbed(self, collection: int) -> _Undisturbed:
        """Run a job on a provider without faults, for its rows and its time."""
        number = self._next()
        job = self._job(f"undisturbed-{collection}", collection)
        write_articles(job.source, f"{self._plan.seed} articles {collection}", *self._plan.articles)
        self._server.forget()
        process = Process(job, Visit(number, UNDISTURBED))
        process.wait(_PATIENCE_S, self._server.first_calls)
        opened_s = time.monotonic()
        if (code := process.end(_PATIENCE_S)) != 0:
            raise SystemExit(f"The undisturbed run ended with {code}: {job.said.read_text('utf-8', 'replace')}")
        self._reader.of_run(number)
        rows = tuple(rows_of(job.out / "records.jsonl"))
        return _Undisturbed(rows, opened_s - process.started_s, time.monotonic() - opened_s)

    def _disturbed(self, job: Job, number: int, usual: _Undisturbed) -> tuple[list[End], list[str]]:
        """Start processes until one ends with 0; return their ends, and those that should not have been."""
        ends: list[End] = []
        odd: list[str] = []
        while (not ends or ends[-1].code != 0) and len(odd) < _ALLOWED_ODD:
            if len(ends) == _MOST_PROCESSES:
                return ends, [*odd, f"the run is not done after {len(ends)} processes"]
            end = self._one(job, Visit(number, len(ends)), usual)
            if end.code not in self._expected(end):
                said = job.said.read_text("utf-8", "replace")[-1000:]
                odd.append(f"process {len(ends)} ended with {end.code}: {said}")
            ends.append(end)
        return ends, odd

    def _one(self, job: Job, visit: Visit, usual: _Undisturbed) -> End:
        """Let one process work until it ends or, at a random moment, is told to."""
        plan = self._plan
        torn_before = _torn(job)
        self._server.forget()
        process = Process(job, visit)
        spared = self.totals.kills >= plan.kills or plan.terms.fatal is not None
        code = None if spared else self._until_a_moment(process, usual)
        signalled = code is None and not spared
        if signalled:
            process.send(plan.signal)
        if code is None:
            code = process.end(_PATIENCE_S)
        interrupted = signalled or (plan.terms.fatal is not None and code == _STOPPED_BY_PROVIDER)
        self.totals.kills += interrupted
        torn = len(_torn(job) - torn_before)
        if code == -signal.SIGKILL and self._dice.random() < plan.tear:
            self.totals.torn_by_hand += tear(job.out / self._dice.choice(FILES), self._dice)
        return End(interrupted, plan.drained, code, torn, ids_of(job.out / "records.jsonl"))

    def _until_a_moment(self, process: Process, usual: _Undisturbed) -> int | None:
        """Wait for a random moment: now and then while the process opens, else after its first call.

        Returns the exit code of a process that has ended before.
        """
        opening, moment = self._dice.random() < _KILLED_WHILE_OPENING, self._dice.random()
        if opening:
            return process.wait(moment * usual.opening_s)
        code = process.wait(_PATIENCE_S, self._server.first_calls)
        if code is not None:
            return code
        if not self._server.first_calls.poll():
            return process.end(0)
        return process.wait(moment * min(usual.work_s, _LONGEST_WORK_S))

    def _expected(self, end: End) -> set[int]:
        plan = self._plan
        expected = {0}
        if end.interrupted:
            # A signal that comes before or after the handlers are in place ends a process at once.
            expected |= {-plan.signal, 128 + plan.signal}
        if plan.terms.faults:
            expected.add(_SOME_FAILED)
        if plan.terms.fatal:
            expected.add(_STOPPED_BY_PROVIDER)
        return expected

    def _job(self, name: str, collection: int) -> Job:
        folder = self._folder
        source, said = folder / f"articles-{collection}.jsonl", folder / "said.log"
        return Job(self._server.base_url, source, folder / name, self._plan.per_model, said)

    def _next(self) -> int:
        self._runs += 1
        return self._runs


def _torn(job: Job) -> set[str]:
    return {name for name in FILES if is_torn(job.out / name)}
