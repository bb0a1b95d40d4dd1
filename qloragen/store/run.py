"""The run directory: `journal.jsonl` (the truth), `records.jsonl` (its projection, the sink) and `run.json`."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

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

MOST_LOSS_USD = Decimal(1)
"""What a journal that lost its end may have held, in US dollars, to be gone on with unless it is said otherwise."""
_DISK = Disk()

log = get_logger()


@contextmanager
def open_run(
    folder: Path,
    *,
    files: Files = _DISK,
    anew: bool = False,
    most_loss_usd: Decimal | None = MOST_LOSS_USD,
    sink: str | None = None,
) -> Iterator[Run]:
    """Open the run directory `folder`, made when absent, for this process alone; written and closed after the block.

    `anew` reads the whole journal, whatever the index says. A journal that has lost its end is gone on with when what
    it held cost no more than `most_loss_usd` (None: in any case). `sink` is the name of the file for what it makes: of
    records, or of judgements; None: as before.

    Raises:
        ChangesNotAccepted: It cost more.
        RunLocked: Another process has it open.
        StorageFailed: It cannot be made, read, mended or written.
        SetupError: `folder` is a file, or holds something else than such a run.
    """
    try:
        files.make_folder(folder)
    except FileExistsError as error:
        raise SetupError(f"{folder} is a file; give a directory for the run with --out.") from error
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be made ({error.strerror}); choose another directory.") from error
    with locked(folder, JOURNAL):
        run = _opened(folder, files, _Terms(most_loss_usd, sink), anew=anew)
        try:
            yield run
        finally:
            run.close()


class _Terms(NamedTuple):
    """How a run is opened."""

    most_loss_usd: Decimal | None
    sink: str | None


def _opened(folder: Path, files: Files, terms: _Terms, *, anew: bool) -> Run:
    index = open_index(folder / INDEX)
    try:
        with ExitStack() as held:
            held.callback(_close, index)
            run = _indexed(folder, files, index, terms, anew=anew)
            held.pop_all()
            return run
    except OSError as error:
        raise StorageFailed(
            f"{folder} cannot be read or mended ({error.strerror}); mend that, then run the same command again."
        ) from error


def _indexed(folder: Path, files: Files, index: Index | None, terms: _Terms, *, anew: bool) -> Run:
    try:
        if index and anew:
            index.clear()
        return Run(folder, files, index, most_loss_usd=terms.most_loss_usd, sink=terms.sink)
    except (sqlite3.Error, IndexFailed) as error:
        log.warning("index_failed", path=str(folder / INDEX), error=str(error))
        _close(index)
        return Run(folder, files, None, most_loss_usd=terms.most_loss_usd, sink=terms.sink)


def _close(index: Index | None) -> None:
    if index:
        index.close()


def read_run(folder: Path) -> State:
    """Read a run's files without opening it, even while another process writes them; nothing is changed.

    What it has in sum is known then, and the cells that the index does not have; see `reading_run` for the others.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    with reading_run(folder) as state:
        return state
    raise AssertionError("unreachable")


@contextmanager
def reading_run(folder: Path) -> Iterator[State]:
    """Read a run's files as `read_run` does, and look up any cell within the block.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    refuse_absent(folder)
    with ExitStack() as held:
        try:
            state = _read(folder, held)
        except OSError as error:
            raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error
        yield state


def _read(folder: Path, held: ExitStack) -> State:
    journal = os.open(folder / JOURNAL, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # A damaged one may fail in any of these ways.
        with suppress(sqlite3.Error, IndexFailed, ValueError):
            index = Index(folder / INDEX, read_only=True)
            held.callback(index.close)
            mark = index.mark()
            if mark and mark.journal_end <= os.fstat(journal).st_size:
                return _after(journal, index, mark)
        return _after(journal, None, None)
    finally:
        os.close(journal)


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
