"""The run directory: `journal.jsonl` (the truth), `records.jsonl` (its projection, the sink) and `run.json`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import ValidationError

from ..errors import SetupError, StorageFailed
from ..logs import get_logger
from ..types import Record
from .files import Disk, Files
from .handle import Run
from .index import Index, IndexFailed, Mark, open_index
from .lines import record_of
from .lock import locked
from .names import INDEX, JOURNAL, SINK
from .reading import read_journal
from .scan import lines
from .state import State

_DISK = Disk()

log = get_logger()


@contextmanager
def open_run(folder: Path, *, files: Files = _DISK, anew: bool = False) -> Iterator[Run]:
    """Open the run directory `folder`, made when absent, for this process alone; written and closed after the block.

    `anew` reads the whole journal, whatever the index says.

    Raises:
        RunLocked: Another process has it open.
        StorageFailed: It cannot be made, read, mended or written.
        SetupError: `folder` is a file, or holds something else than a run.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except FileExistsError as error:
        raise SetupError(f"{folder} is a file; give a directory for the run with --out.") from error
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be made ({error.strerror}); choose another directory.") from error
    with locked(folder, JOURNAL):
        run = _opened(folder, files, anew=anew)
        try:
            yield run
        finally:
            run.close()


def _opened(folder: Path, files: Files, *, anew: bool) -> Run:
    index = open_index(folder / INDEX)
    try:
        try:
            if index and anew:
                index.clear()
            return Run(folder, files, index)
        except (sqlite3.Error, IndexFailed) as error:
            log.warning("index_failed", path=str(folder / INDEX), error=str(error))
            return Run(folder, files, None)
    except OSError as error:
        raise StorageFailed(
            f"{folder} cannot be read or mended ({error.strerror}); mend that, then run the same command again."
        ) from error


def read_run(folder: Path) -> State:
    """Read a run's files without opening it, even while another process writes them; nothing is changed.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    refuse_absent(folder)
    try:
        return _read(folder)
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


def _read(folder: Path) -> State:
    journal = os.open(folder / JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
    index: Index | None = None
    try:
        # A damaged one may fail in any of these ways.
        with suppress(sqlite3.Error, IndexFailed, ValueError):
            index = Index(folder / INDEX, read_only=True)
            mark = index.mark()
            if mark and mark.journal_end <= os.fstat(journal).st_size:
                return _after(journal, index, mark)
        return _after(journal, None, None)
    finally:
        os.close(journal)
        if index:
            index.close()


def _after(journal: int, index: Index | None, mark: Mark | None) -> State:
    state = State(index)
    contents = read_journal(_DISK, journal, state, None, mark)
    state.totals.damaged_lines += len(contents.damaged)
    return state


def read_records(folder: Path) -> Iterator[Record]:
    """Yield the records of a run, in the order in which they were made, without opening it.

    Raises:
        SetupError: There is no run in `folder`, or its sink is damaged.
    """
    refuse_absent(folder)
    with (folder / SINK).open("rb") as sink:
        for _, line, ended in lines(_DISK, sink.fileno()):
            if ended:
                yield _record_of(folder, line)


def _record_of(folder: Path, line: bytes) -> Record:
    try:
        return record_of(line)
    except ValidationError as error:
        raise SetupError(
            f"{folder / SINK} has a line that is no record: `qloragen rebuild {folder}` writes it from the journal."
        ) from error


def refuse_absent(folder: Path) -> None:
    """Make sure that there is a run in `folder`.

    Raises:
        SetupError: There is none.
    """
    if not (folder / JOURNAL).exists():
        raise SetupError(f"There is no run in {folder}; give the directory that a run was started with (--out).")
