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
    damage: dict[int, Damage] = field(default_factory=dict)
    """By where it starts: damage that was not dealt with before, that of the unfinished end included."""

    @property
    def damaged(self) -> list[Damage]:
        """Damaged lines before `end`, in order."""
        return [damage for damage in self.damage.values() if damage.start < self.end]


def read_journal(files: Files, journal: int, state: State, index: Index | None, mark: Mark | None) -> Contents:
    """Let the lines after `mark` (None: all) take effect on `state`, and keep `index`, if there is one, up with it.

    Raises:
        OSError: The disk refuses.
    """
    contents = Contents(mark.journal_end, mark.lines, mark.journal_end, mark.journal_end) if mark else Contents(0, 0, 0)
    for number, (at, line, ended) in enumerate(lines(files, journal, contents.end), contents.lines + 1):
        if not _take(state, contents, line, at):
            contents.damage[at] = Damage(number, at, at + len(line) + ended)
            continue
        contents.lines, contents.end, contents.unended = number, at + len(line) + 1, not ended
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
        lost=list(state.ledger.lost.items()),
        submissions=state.submissions.open(),
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
            contents.damage.pop(orjson.loads(line)["offset"], None)
            state.totals.damaged_lines += 1
        elif state.apply(line, at):
            sunk = sink_line(line) + b"\n"
            contents.sink_bytes += len(sunk)
            contents.sink_crc = crc32(sunk, contents.sink_crc)
    except (ValueError, KeyError, TypeError, ArithmeticError):
        return False
    return True
