"""Checking every line of a run's files against everything that can be known of it; changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from ..types import digest
from ..words import counted
from .bills import usd_of
from .files import Disk
from .frame import is_whole, key_of, kind_of
from .index import Index
from .lines import article_key
from .lock import in_use
from .money import NOTHING, SURPLUS
from .names import INDEX, JOURNAL, SINK
from .projection import SUNK, agreeing, projected
from .scan import lines, listed
from .sinks import sink_in
from .state import State

_DISK = Disk()


@dataclass(slots=True)
class Verification:
    """What checking a run directory has found."""

    lines: int = 0
    """Journal lines, the damaged ones included."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Whole lines by kind."""
    records: int = 0
    """Records that count."""
    judgements: int = 0
    """Judgements that count."""
    set_aside: int = 0
    """Damaged lines that an earlier opening has set aside already; what they held was done again where needed."""
    problems: list[str] = field(default_factory=list)
    """What is wrong, in words; opening the run mends all of it but a wrong text."""

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        whole = f" ({kinds})" if kinds else ""
        said = [f"{counted(self.lines, 'journal line')} checked{whole}; {self._results()}"]
        said += [f"damaged, and set aside earlier: {self.set_aside}"] if self.set_aside else []
        return "\n".join([*said, *(f"wrong: {problem}" for problem in self.problems)])

    def _results(self) -> str:
        return counted(self.judgements, "judgement") if self.judgements else counted(self.records, "record")


def verify(folder: Path) -> Verification:
    """Check checksum and content of every journal line, every id and line of the sink, and the sums of the index.

    A run in which a process is at work may be checked as well: what it is just writing is no problem.

    Raises:
        OSError: A file cannot be read.
    """
    found = Verification()
    with ExitStack() as files:
        journal = os.open(folder / JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
        files.callback(os.close, journal)
        at_work = in_use(folder)
        state, end = _read(journal, found, at_work=at_work)
        found.records, found.judgements = state.totals.records, state.totals.judgements.total()
        _check_sink(folder, journal, state, found, files, at_work=at_work)
    _check_index(folder, state, end, found)
    return found


def _read(journal: int, found: Verification, *, at_work: bool) -> tuple[State, int]:
    """Return what the journal says, and where its last whole line ends."""
    state, end = State(), 0
    damaged: dict[int, int] = {}
    faults: dict[str, list[int]] = {}
    for at, line, ended in lines(_DISK, journal):
        if not ended and at_work:
            break
        found.lines += 1
        if not is_whole(line):
            damaged[at] = found.lines
            continue
        end = at + len(line) + 1
        found.kinds[kind_of(line)] += 1
        if kind_of(line) == "damaged":
            state.totals.damaged_lines += 1
            found.set_aside += damaged.pop(orjson.loads(line)["offset"], None) is not None
        elif fault := _fault(state, line, at, is_complete=not (found.set_aside or damaged)):
            faults.setdefault(fault, []).append(found.lines)
    if damaged:
        found.problems.append(f"{JOURNAL} has {listed([*damaged.values()])} damaged")
    found.problems += [f"{JOURNAL} has {listed(numbers)} {fault}" for fault, numbers in faults.items()]
    _check_sums(state, found)
    return state, end


def _check_sums(state: State, found: Verification) -> None:
    """Compare what was paid, call by call, with what became of it, cell by cell."""
    bill, paid = state.ledger.total(), state.totals.paid
    if paid != (bill.calls, bill.cost_usd, bill.unpriced_calls):
        found.problems.append(
            f"{JOURNAL} has bills of ${bill.cost_usd:f} for {counted(bill.calls, 'call')}, and tells of "
            f"${paid.cost_usd:f} for {counted(paid.calls, 'call')} what became of it"
        )


def _is_paid(state: State, line: bytes, at: int) -> bool:
    """Whether a record costs what the replies to its cell cost, but for those that came too late."""
    if kind_of(line) not in SUNK or state.sunk_offset(key_of(line)) != at:
        return True
    money = state.money_of(key_of(line))
    taken = money.paid.minus(dict(money.waste).get(SURPLUS, NOTHING))
    try:
        return not taken.calls or taken.total_usd == usd_of(orjson.loads(line).get("cost_usd"))
    except (ValueError, TypeError, ArithmeticError):
        return False


def _fault(state: State, line: bytes, at: int, *, is_complete: bool) -> str | None:
    """Let a whole line take effect; returns what is wrong with it. `is_complete`: no line before it is damaged."""
    if not _is_true(state, line, at):
        return "whole, but not of this program or with another text"
    if is_complete and not _is_paid(state, line, at):
        made = "judgements" if kind_of(line) == "judgement" else "records"
        return f"of {made} with another cost than the replies that they were made of"
    return None


def _is_true(state: State, line: bytes, at: int) -> bool:
    try:
        state.apply(line, at)
        if kind_of(line) != "article":
            return True
        fields = orjson.loads(line)
        content_hash = digest(fields["content"])
        return content_hash == fields["content_hash"] and key_of(line) == article_key(content_hash, fields["format"])
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return False


def _check_sink(
    folder: Path, journal: int, state: State, found: Verification, files: ExitStack, *, at_work: bool
) -> None:
    name = sink_in(_DISK, journal) or SINK
    try:
        sink = os.open(folder / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        found.problems.append(f"{name} is missing")
        return
    files.callback(os.close, sink)
    size = os.fstat(sink).st_size
    good, batch = agreeing(_DISK, sink, projected(_DISK, journal, state), 0)
    if (good < size or batch) and not (at_work and good == size):
        found.problems.append(f"{name} is from byte {good} on not what the journal says")


def _check_index(folder: Path, state: State, end: int, found: Verification) -> None:
    try:
        index = Index(folder / INDEX, read_only=True)
    except sqlite3.Error:
        return  # it may be absent at any time
    try:
        mark = index.mark()
        sums = state.totals, state.ledger.bills, state.ledger.lost
        if mark and mark.journal_end == end and (mark.totals, dict(mark.bills), dict(mark.lost)) != sums:
            found.problems.append(f"{INDEX} has other sums than the journal")
    except sqlite3.OperationalError:
        return  # it cannot be opened where nothing can be written; that says nothing about the run
    except sqlite3.Error as error:
        found.problems.append(f"{INDEX} is damaged ({error})")
    finally:
        index.close()
