"""The files of a run as they are at one moment, read without a lock while a process may go on writing them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import SetupError
from ..store.files import Disk
from ..store.frame import is_whole, kind_of
from ..store.index import Index, IndexFailed
from ..store.names import INDEX, JOURNAL
from ..store.reading import read_journal
from ..store.run import refuse_absent
from ..store.scan import lines
from ..store.state import State

_READ_BYTES = 1 << 16


class _Until(Disk):
    """A disk on which no file goes on beyond `end`."""

    def __init__(self, end: int) -> None:
        self._end = end

    def read(self, file: int, count: int, offset: int) -> bytes:
        """Read at an offset, up to the end."""
        return super().read(file, max(0, min(count, self._end - offset)), offset)


@dataclass(frozen=True, slots=True)
class Moment:
    """A journal up to the last line that was whole when it was opened, however long it has become since."""

    folder: Path
    state: State
    """What its sums were then."""
    end: int
    """Bytes of it."""
    file: int

    def lines(self) -> Iterator[tuple[int, str, bytes]]:
        """Yield where each whole line is, its kind, and the line.

        Raises:
            SetupError: The disk refuses.
        """
        with _readable(self.folder):
            for at, line, _ in lines(_Until(self.end), self.file):
                if is_whole(line):
                    yield at, kind_of(line), line

    def line(self, at: int) -> bytes:
        """Return the line that begins at an offset; raises SetupError."""
        parts: list[bytes] = []
        with _readable(self.folder):
            while block := os.pread(self.file, _READ_BYTES, at):
                part, newline, _ = block.partition(b"\n")
                parts.append(part)
                if newline:
                    break
                at += len(block)
        return b"".join(parts)


@contextmanager
def moment_of(folder: Path) -> Iterator[Moment]:
    """Look at the run in `folder` within the block; nothing is changed.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    refuse_absent(folder)
    with _readable(folder):
        file = os.open(folder / JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
    with ExitStack() as held:
        held.callback(os.close, file)
        with _readable(folder):
            state, end = _read(folder, file)
        # What is done within the block may fail by itself, at a closed pipe, say.
        yield Moment(folder, state, end, file)


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


def _read(folder: Path, file: int) -> tuple[State, int]:
    """Return what the journal says, and as far as it was read for that."""
    # A damaged index may fail in any of these ways; the journal has all that it knows.
    with suppress(sqlite3.Error, IndexFailed, ValueError), ExitStack() as held:
        index = Index(folder / INDEX, read_only=True)
        held.callback(index.close)
        mark = index.mark()
        size = os.fstat(file).st_size
        if mark and mark.journal_end <= size:
            state = State(index)
            contents = read_journal(_Until(size), file, state, index=None, mark=mark)
            return _counted(state, len(contents.damaged)), contents.end
    state = State()
    contents = read_journal(_Until(os.fstat(file).st_size), file, state, index=None, mark=None)
    return _counted(state, len(contents.damaged)), contents.end


def _counted(state: State, damaged: int) -> State:
    state.totals.damaged_lines += damaged
    return state
