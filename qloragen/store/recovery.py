"""Opening a run's files, after anything that may have happened to them.

1. The journal is read line by line: from where a trusted index ends, or from its start. The index is trusted when the
   files are as the process that ended last has left them, or else when their checksums agree with it.
2. What follows the last whole line is set aside and cut off; a whole last line without its LF gets one.
3. Damaged lines before that stay where they are, for the file only grows: they are copied aside, and a `damaged` line
   says that they were. What they said is unknown, so cells that have no other line are done again.
4. The sink is compared with what the journal says, and mended.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from pydantic import ValidationError

from ..errors import ChangesNotAccepted, SetupError
from .aside import keep_lines, keep_part, without_zeros
from .files import Files, opened, write_all
from .frame import is_whole
from .index import Index, Mark
from .judgement_lines import judgement_of
from .lines import damaged_line, record_of
from .names import JOURNAL, JUDGEMENTS, SINK
from .projection import mend
from .reading import Contents, read_journal, save
from .scan import Segment, agrees, checksum, lines, listed
from .sinks import sink_in
from .state import State


@dataclass(slots=True)
class Recovery:
    """What opening a run has found and done."""

    missing_bytes: int = 0
    """By how much the journal is shorter than it was when the index was saved."""
    torn_bytes: int = 0
    """Bytes of an unfinished end of the journal that were set aside."""
    damaged: list[int] = field(default_factory=list)
    """Numbers, from 1, of the journal lines that were found damaged and set aside."""
    sink: str | None = None
    """What was done to the sink, in words."""
    lines_read: int = 0
    """Journal lines that had to be read."""

    @property
    def sentences(self) -> list[str]:
        """What a person should know; nothing when all was in order."""
        said: list[str] = []
        if self.missing_bytes:
            said.append(
                f"{JOURNAL} ends {self.missing_bytes} bytes before it did: what they held is done, and paid for, again"
            )
        if self.torn_bytes:
            said.append(f"the last {self.torn_bytes} bytes of {JOURNAL} were no whole line and were set aside")
        if self.damaged:
            said.append(
                f"{JOURNAL} has {listed(self.damaged)} damaged ({len(self.damaged)} in all), copied aside and passed "
                "over; what was there is done again where no other line says it"
            )
        return [*said, self.sink] if self.sink else said


@dataclass(frozen=True, slots=True)
class Opened:
    """A run's files, read and in order."""

    state: State
    recovery: Recovery
    lines: int
    """Lines of the journal."""
    sink: str = SINK
    """The name of the sink."""
    sealed: bool = False
    """Everything was as the process that ended last has left it."""


def recover(
    folder: Path, files: Files, index: Index | None, *, most_loss_usd: Decimal | None, sink: str | None = None
) -> Opened:
    """Read the files of a run, which may be absent, and put them in order; `sink` None is the one that is there.

    Raises:
        OSError: The disk refuses.
        SetupError: They are not files that this version can go on with.
        ChangesNotAccepted: The journal has lost its end, which no crash does to what was synced, and what it held cost
            more than `most_loss_usd` (None: goes on in any case).
        sqlite3.Error: The index fails.
    """
    path = folder / JOURNAL
    with opened(files, path) as journal:
        return _recovered(folder, files, index, journal, _sink_for(folder, files, journal, sink), most_loss_usd)


def _sink_for(folder: Path, files: Files, journal: int, wanted: str | None) -> str:
    found = sink_in(files, journal)
    if wanted and found not in {None, wanted}:
        what = {SINK: "makes records", JUDGEMENTS: "judges the records of another"}[found or SINK]
        raise SetupError(f"{folder} is the directory of a run that {what}; give another one.")
    return wanted or found or SINK


def _recovered(
    folder: Path, files: Files, index: Index | None, journal: int, name: str, most_loss_usd: Decimal | None
) -> Opened:
    path, place = folder / JOURNAL, folder / name
    with opened(files, place) as sink:
        mark = index.mark() if index else None
        if mark and mark.sealed == (files.stamp(journal), files.stamp(sink)):
            return Opened(State(index), Recovery(), mark.lines, name, sealed=True)
        missing_bytes = mark.journal_end - _filled(files, journal, mark.journal_end) if mark else 0
        if mark and most_loss_usd is not None:
            _refuse_loss(folder, mark, missing_bytes, most_loss_usd)
        mark = _trusted(files, journal, index, mark)
        state = State(index)
        contents = read_journal(files, journal, state, index, mark)
        _refuse_others(place, files, journal, sink, contents)
        recovery = Recovery(
            max(0, missing_bytes - contents.unended), lines_read=contents.lines - (mark.lines if mark else 0)
        )
        recovery.torn_bytes = _mend_end(files, path, journal, contents)
        recovery.damaged = _set_aside(files, path, journal, contents, state)
        start = _agreed(files, sink, state, index, mark)
        if not _follows(files, sink, state, contents, start):
            files.sync(journal)  # first: what is taken out of the sink must not come back without it
            recovery.sink = mend(files, place, journal, state, start)
        state.sink_is_stale = False
        if index:
            save(files, journal, state, index, contents, _segment(place, files, start[1]))
        else:
            files.sync(journal)  # what is there now is taken for done
    return Opened(state, recovery, contents.lines, name)


def _trusted(files: Files, journal: int, index: Index | None, mark: Mark | None) -> Mark | None:
    """Return how far the journal is as the index says; where it is not, the index forgets everything."""
    if index is None or (mark and agrees(files, journal, index.segments("journal"), mark.journal_end)):
        return mark
    index.clear()
    return None


def _agreed(files: Files, sink: int, state: State, index: Index | None, mark: Mark | None) -> tuple[int, int]:
    """Return up to where journal and sink are known to agree."""
    if index is None or mark is None or mark.sink_end is None or state.sink_is_stale:
        return 0, 0
    if not agrees(files, sink, index.segments("sink"), mark.sink_end):
        return 0, 0
    return mark.journal_end, mark.sink_end


def _follows(files: Files, sink: int, state: State, contents: Contents, start: tuple[int, int]) -> bool:
    """Whether the rest of the sink is what the journal lines that were read say."""
    journal_start, sink_start = start
    end = sink_start + contents.sink_bytes
    return (
        journal_start == contents.start
        and not state.sink_is_stale
        and files.stamp(sink).size == end
        and checksum(files, sink, sink_start, end) == contents.sink_crc
    )


def _segment(path: Path, files: Files, start: int) -> Segment:
    with opened(files, path) as sink:  # anew: mending may have replaced it
        end = files.stamp(sink).size
        return Segment(start, end, checksum(files, sink, start, end) or 0)


def _mend_end(files: Files, path: Path, journal: int, contents: Contents) -> int:
    """Let the journal end with its last whole line; returns how many bytes were set aside for that."""
    if contents.unended:
        files.write(journal, memoryview(b"\n"), contents.end - 1)
        files.sync(journal)
        return 0
    size = files.stamp(journal).size
    if size <= contents.end:
        return 0
    keep_part(files, path, journal, (contents.end, size), "an unfinished end")
    files.cut(journal, contents.end)
    files.sync(journal)
    return size - contents.end


def _set_aside(files: Files, path: Path, journal: int, contents: Contents, state: State) -> list[int]:
    """Copy damaged lines aside and let the journal say so, before the index passes them; returns their numbers."""
    damaged = contents.damaged
    if not damaged:
        return []
    keep_lines(files, path, journal, damaged)
    news = b"".join(damaged_line(number, start, end - start) + b"\n" for number, start, end in damaged)
    contents.end = write_all(files, journal, news, contents.end)
    files.sync(journal)
    contents.lines += len(damaged)
    state.totals.damaged_lines += len(damaged)
    return [damage.number for damage in damaged]


def _refuse_others(place: Path, files: Files, journal: int, sink: int, contents: Contents) -> None:
    """Refuse files that going on would only damage.

    Raises:
        SetupError: There are results without a journal, or the journal has another form or other line ends.
    """
    if contents.end:
        return
    folder = place.parent
    first = next(iter(lines(files, journal)), None)
    if first and first[1].startswith(b'{"') and not b'{"k":"'.startswith(first[1][:6]):
        raise SetupError(f"{folder} was not made by this version of qloragen; start in another directory.")
    if first and first[1].endswith(b"\r") and is_whole(first[1][:-1]):
        raise SetupError(
            f"The lines of {folder / JOURNAL} end in CR LF now, which looks damaged: put LF back (dos2unix), and go on."
        )
    if any(_is_result(line) for _, line, _ in lines(files, sink)):
        raise SetupError(
            f"{folder / JOURNAL}, which says what was paid for, is missing or holds not one whole line, but "
            f"{place.name} has {place.stem}: put the journal back, or start in another directory."
        )


def _filled(files: Files, journal: int, end: int) -> int:
    """Return where the journal ends before `end`, zeros apart: those are what a lost end may have become."""
    return without_zeros(files, journal, 0, min(end, files.stamp(journal).size))


def _is_result(line: bytes) -> bool:
    for read in (record_of, judgement_of):
        with suppress(ValidationError):
            read(line)
            return True
    return False


def _refuse_loss(folder: Path, mark: Mark, missing_bytes: int, most_usd: Decimal) -> None:
    paid_usd = sum((bill.cost_usd for _, bill in mark.bills), Decimal(0))
    lost_usd = paid_usd * missing_bytes / max(1, mark.journal_end)
    if lost_usd > most_usd:
        raise ChangesNotAccepted(
            f"{folder / JOURNAL} ends {missing_bytes} bytes before it did, so something has cut or replaced it: put "
            "the whole file back; or go on with --yes (accept_changes), and pay again for what is missing, "
            f"about ${lost_usd:.2f}."
        )
