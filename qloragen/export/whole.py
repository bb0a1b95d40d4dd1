"""Files that are made in one stream, and all or nothing."""

from __future__ import annotations

import errno
import gzip
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .drafts import drafted, new_file
from .example import SINK, ExportError

Write = Callable[[bytes], int]
"""Takes bytes and returns how many."""

_JOURNAL = "journal.jsonl"
_INDEX = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm", "index.sqlite-sum")
_FILES_OF_A_RUN = frozenset({_JOURNAL, SINK, "judgements.jsonl", "run.json", ".lock", *_INDEX})
"""By name, for exporting is told where a run is and not how it is kept."""


def refuse_files_of_runs(out: Path, run_dir: Path | None = None) -> None:
    """Make sure that `out` is not, also not by a link, a file that the run in `run_dir`, or any other, consists of.

    Raises:
        ExportError: It is one, or links lead in a circle.
    """
    with unwritable(out):
        target = resolved(out)
    if target.name not in _FILES_OF_A_RUN:
        return
    if (target.parent / _JOURNAL).exists() or (run_dir and target.parent == run_dir.resolve()):
        raise ExportError(f"{out} is a file of the run itself; name another one.")


def resolved(path: Path) -> Path:
    """Return the path without links; raises OSError when they lead in a circle."""
    try:
        return path.resolve()
    except RuntimeError as error:  # as it is told by Python before 3.13
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def make_folders_above(target: Path) -> None:
    """Make the folders that `target` is to be in, where they are missing; raises OSError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from error


@contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """Turn errors of the disk within the block into one that names `path`.

    Raises:
        ExportError: It cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise unwritten(path, error) from error


def unwritten(path: Path | str, error: OSError) -> ExportError:
    """Return the error of a file, a folder or something else that cannot be written."""
    return ExportError(f"{path} cannot be written: {error.strerror or error}.")


@contextmanager
def opened_whole(out: Path) -> Iterator[Write]:
    """Open `out` so that readers see the old file or the complete new one; a pipe or device is simply written to.

    What is written to a name that ends in `.gz` is compressed. What a killed process has left of its file for `out` is
    removed.

    Raises:
        OSError: It cannot be written.
    """
    if out.exists() and not out.is_file():
        with out.open("wb") as file:
            yield file.write
        return
    target = resolved(out)
    make_folders_above(target)
    with drafted(target, new_file) as (draft, held), os.fdopen(held, "wb", closefd=False) as file:
        with _compressed(file, target) as write:
            yield write
        file.flush()
        os.fsync(held)
        draft.replace(target)


@contextmanager
def standard_output() -> Iterator[Write]:
    """Write bytes to standard output, all of which are there when the context is left without an error.

    Raises:
        ExportError: It cannot be written. That its reader has seen enough is no such error, but a BrokenPipeError.
    """
    if sys.stdout is None:
        raise ExportError("Standard output is closed; name a file to write to.")
    file = sys.stdout.buffer

    def write(data: bytes) -> int:
        with _printing():
            return file.write(data)

    yield write
    with _printing():
        file.flush()


@contextmanager
def _printing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise unwritten("Standard output", error) from error


@contextmanager
def _compressed(file: BinaryIO, target: Path) -> Iterator[Write]:
    if target.suffix.lower() != ".gz":
        yield file.write
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as lines:
        yield lines.write
