"""Files that are made in one stream, and all or nothing."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .example import SINK, ExportError

Write = Callable[[bytes], int]
"""Takes bytes and returns how many."""

_JOURNAL = "journal.jsonl"
_INDEX = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
_FILES_OF_A_RUN = frozenset({_JOURNAL, SINK, "judgements.jsonl", "run.json", ".lock", *_INDEX})
"""By name, for exporting is told where a run is and not how it is kept."""


def refuse_files_of_runs(out: Path, run_dir: Path | None = None) -> None:
    """Make sure that `out` is not, also not by a link, a file that the run in `run_dir`, or any other, consists of.

    Raises:
        ExportError: It is one.
    """
    target = out.resolve()
    if target.name not in _FILES_OF_A_RUN:
        return
    if (target.parent / _JOURNAL).exists() or (run_dir and target.parent == run_dir.resolve()):
        raise ExportError(f"{out} is a file of the run itself; name another one.")


@contextmanager
def opened_whole(out: Path) -> Iterator[Write]:
    """Open `out` so that readers see the old file or the complete new one; a pipe or device is simply written to.

    What is written to a name that ends in `.gz` is compressed.

    Raises:
        OSError: It cannot be written.
    """
    if out.exists() and not out.is_file():
        with out.open("wb") as file:
            yield file.write
        return
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            with _compressed(file, target) as write:
                yield write
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _compressed(file: BinaryIO, target: Path) -> Iterator[Write]:
    if target.suffix != ".gz":
        yield file.write
        return
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as lines:
        yield lines.write
