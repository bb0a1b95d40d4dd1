"""Compares what the provider has noted, what lies in the run directory, and what an undisturbed run has made."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson

import qloragen

from .provider import Notes, Paid

FILES = ("journal.jsonl", "records.jsonl")
"""The files of a run that grow by lines."""

Row = tuple[str, str, str, str]
"""Id, instruction, input, output."""

_COMPLETION_ID = re.compile(rb'"id\\":\\"chatcmpl-(\d+)\\"')


@dataclass(frozen=True, slots=True)
class End:
    """How one process in a run directory ended."""

    interrupted: bool
    """A signal was sent to it."""
    drained: bool
    """It was to finish what was in flight."""
    code: int
    """Negative for a signal."""
    torn: int
    """Files that it left with an unfinished last line."""
    records: frozenset[str]
    """Ids of the records that were in the sink afterwards."""


@dataclass(slots=True)
class Verdict:
    """What a finished run directory came to."""

    findings: list[str] = field(default_factory=list)
    """Broken promises."""
    lost: int = 0
    duplicates: int = 0
    twice: int = 0
    """Replies that were bought again although they had been kept."""
    on_the_way: int = 0
    """Replies that the network lost, and that were bought again."""
    in_flight: list[int] = field(default_factory=list)
    """Of each kill: calls that were billed and whose reply was not kept."""
    repeats: list[int] = field(default_factory=list)
    """Of each kill: calls that were billed again because of it."""


def rows_of(sink: Path) -> list[Row]:
    """Return the records of a sink; raises orjson's JSONDecodeError for a line that is none."""
    lines = [orjson.loads(line) for line in sink.read_bytes().splitlines()]
    return [(line["id"], line["instruction"], line["input"], line["output"]) for line in lines]


def ids_of(sink: Path) -> frozenset[str]:
    """Return the ids of the whole lines of a sink that may end in an unfinished one."""
    raw = sink.read_bytes() if sink.exists() else b""
    return frozenset(orjson.loads(line)["id"] for line in raw[: raw.rfind(b"\n") + 1].splitlines())


def is_torn(path: Path) -> bool:
    """Tell whether a file ends within a line."""
    raw = path.read_bytes() if path.exists() else b""
    return bool(raw) and not raw.endswith(b"\n")


def tear(path: Path, dice: Random) -> bool:
    """Append the beginning of another line, as a kill in the middle of a write leaves it; returns whether it did."""
    lines = path.read_bytes().splitlines() if path.exists() and not is_torn(path) else []
    if not lines:
        return False
    line = dice.choice(lines)
    with path.open("ab") as file:
        file.write(line[: dice.randrange(1, len(line))])
    return True


def judge(folder: Path, notes: Notes, ends: Sequence[End], undisturbed: Iterable[Row], per_model: int) -> Verdict:
    """Return what a finished run has kept of the promises; `per_model` calls may be in flight to each of two models."""
    verdict = Verdict()
    summary = qloragen.summary(folder)
    _judge_records(verdict, folder, ends, frozenset(undisturbed))
    kept = {int(number) for number in _COMPLETION_ID.findall((folder / "journal.jsonl").read_bytes())}
    unkept = [paid for paid in notes.paid if paid.number not in kept]
    if summary.calls != len(kept) or summary.damaged_lines:
        told = f"{summary.calls} calls and {summary.damaged_lines} damaged lines"
        verdict.findings.append(f"the summary has {told}, the journal {len(kept)} replies")
    verdict.findings += [f"verify: {problem}" for problem in qloragen.verify(folder).problems]
    if strangers := kept - {paid.number for paid in notes.paid}:
        verdict.findings.append(f"{len(strangers)} replies in the journal were never billed")
    _judge_flights(verdict, [paid for paid in unkept if paid.whole], ends, per_model)
    _judge_repeats(verdict, notes.paid, kept, ends, per_model)
    return verdict


def _judge_records(verdict: Verdict, folder: Path, ends: Sequence[End], undisturbed: frozenset[Row]) -> None:
    rows = rows_of(folder / "records.jsonl")
    made = frozenset(rows)
    ids = {row[0] for row in rows}
    seen = frozenset().union(*(end.records for end in ends))
    verdict.lost = len(undisturbed - made)
    verdict.duplicates = len(rows) - len(ids)
    other = len(made - undisturbed)
    gone = len(seen - ids)
    found = {
        f"{verdict.lost} records are missing at exit 0": verdict.lost,
        f"{verdict.duplicates} records are there twice": verdict.duplicates,
        f"{other} records are not those of the undisturbed run": other,
        f"{gone} records were in the sink once and are gone": gone,
    }
    verdict.findings += [finding for finding, count in found.items() if count]


def _judge_flights(verdict: Verdict, unkept: Sequence[Paid], ends: Sequence[End], per_model: int) -> None:
    by_visit: Mapping[int, Counter[str]] = defaultdict(Counter)
    for paid in unkept:
        by_visit[paid.visit.number][paid.model] += 1
    for number, end in enumerate(ends):
        flying = by_visit[number]
        most = per_model if end.interrupted and not end.drained else 0
        for model, count in flying.items():
            if count > most:
                verdict.findings.append(f"process {number} left {count} calls to {model} unkept, {most} are allowed")
        if end.interrupted:
            verdict.in_flight.append(flying.total())


def _judge_repeats(verdict: Verdict, paid: Sequence[Paid], kept: set[int], ends: Sequence[End], per_model: int) -> None:
    repeats = _repeats(verdict, paid, kept)
    if verdict.twice:
        verdict.findings.append(f"{verdict.twice} replies were bought again although they were kept")
    for number, end in enumerate(ends):
        most = 2 * per_model if end.interrupted and not end.drained else 0
        if repeats[number] > most:
            verdict.findings.append(f"{repeats[number]} calls of process {number} were repeated, {most} are allowed")
        if end.interrupted:
            verdict.repeats.append(repeats[number])


def _repeats(verdict: Verdict, paid: Sequence[Paid], kept: set[int]) -> Counter[int]:
    """Charge each reply that was bought again to the process that had bought it before; return their counts."""
    before: dict[str, Paid] = {}
    repeats: Counter[int] = Counter()
    for call in paid:
        earlier, before[call.asked] = before.get(call.asked), call
        if earlier is None:
            continue
        if earlier.number in kept:
            verdict.twice += 1
        elif not earlier.whole:
            verdict.on_the_way += 1
        else:
            repeats[earlier.visit.number] += 1
    return repeats
