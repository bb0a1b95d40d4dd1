"""Reading a journal into its meaning, with what is damaged in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple
from zlib import crc32

import orjson

from .files import Files
from .frame import is_whole, kind_of, sink_line
from .index import Index, Mark
from .scan import Segment, checksum, lines
from .state import State

BATCH = 50_000
"""Changes that are kept in memory before they are put in the index."""


class Damage(NamedTuple):
    """A line that is not as it was written."""

    number: int
    """From 1."""
    start: int
    end: int


@dataclass(slots=True)
class Contents:
    """What reading a journal has come to."""

    end: int
    """Where its last whole line ends, or should: see `unended`."""
    lines: int
    """How many lines it has before that, the damaged ones included."""
    saved: int
    """As far as the index goes."""
    start: int = 0
    """From where it was read."""
    sink_bytes: int = 0
    """Size of what its lines from there have put into the sink, as long as no record was replaced or given up."""
    sink_crc: int = 0
    """CRC-32 of that."""
    unended: bool = False
    """The last line is whole but for its LF."""
    damaged: list[Damage] = field(default_factory=list)
    """Damage before `end` that was not dealt with before."""


def read_journal(files: Files, journal: int, state: State, index: Index | None, mark: Mark | None) -> Contents:
    """Let the lines after `mark` (None: all) take effect on `state`, and keep `index`, if there is one, up with it.

    Raises:
        OSError: The disk refuses.
    """
    contents = Contents(mark.journal_end, mark.lines, mark.journal_end, mark.journal_end) if mark else Contents(0, 0, 0)
    pending: list[Damage] = []
    for at, line, ended in lines(files, journal, contents.end):
        number = contents.lines + len(pending) + 1
        if not _take(state, contents, line, at):
            pending.append(Damage(number, at, at + len(line) + ended))
            continue
        contents.damaged += pending
        contents.lines, contents.end, contents.unended = number, at + len(line) + 1, not ended
        pending.clear()
        if index and state.unsaved > BATCH and ended:
            save(files, journal, state, index, contents)
    return contents


def save(
    files: Files, journal: int, state: State, index: Index, contents: Contents, sink: Segment | None = None
) -> None:
    """Put what is in memory into the index; `sink` is the part of the sink that agrees with what is new in the journal.

    Raises:
        OSError: The disk refuses.
    """
    files.sync(journal)
    changes = state.changes()
    mark = Mark(
        journal_end=contents.end,
        lines=contents.lines,
        sink_end=sink.end if sink else None,
        totals=state.totals,
        bills=list(state.ledger.bills.items()),
    )
    segment = Segment(contents.saved, contents.end, checksum(files, journal, contents.saved, contents.end) or 0)
    index.save(changes.items(), mark, [segment], [sink] if sink else [])
    state.saved(changes)
    contents.saved = contents.end


def _take(state: State, contents: Contents, line: bytes, at: int) -> bool:
    if not is_whole(line):
        return False
    try:
        if kind_of(line) == "damaged":
            offset = orjson.loads(line)["offset"]
            contents.damaged = [damage for damage in contents.damaged if damage.start != offset]
            state.totals.damaged_lines += 1
        elif state.apply(line, at):
            sunk = sink_line(line) + b"\n"
            contents.sink_bytes += len(sunk)
            contents.sink_crc = crc32(sunk, contents.sink_crc)
    except (ValueError, KeyError, TypeError):
        return False
    return True
