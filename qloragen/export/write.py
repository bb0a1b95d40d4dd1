"""Examples to a file: in one stream, and all or nothing."""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from .example import SINK, Example, ExportError, Holds, Takes, all_of_them, dated_examples, of_any

Shape = Callable[[Example], Mapping[str, object]]
"""What an example's line holds."""

Write = Callable[[bytes], int]
"""Takes bytes and returns how many."""

_JOURNAL = "journal.jsonl"
_INDEX = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")
_FILES_OF_A_RUN = frozenset({_JOURNAL, SINK, "judgements.jsonl", "run.json", ".lock", *_INDEX})
"""By name, for exporting is told where a run is and not how it is kept."""


class ExportSummary(NamedTuple):
    """What was exported."""

    records: int
    bytes: int
    """Of the lines, before any compression."""
    outdated: int = 0
    """Records among them that were made under earlier models, prompts or parameters, for lack of newer ones."""
    refused: int = 0
    """Records that were left out because the judge has refused them."""
    unjudged: int = 0
    """Records that were left out because the judge has not judged them as they are now."""


def export(
    run_dir: Path, out: Path | None, shape: Shape, holds: Holds = of_any, takes: Takes = all_of_them
) -> ExportSummary:
    """Write one JSON line per record of the run to `out` (None: standard output; `.gz`: compressed).

    Of several records for one article and type one is taken: the newest that `holds`, or else the newest; and of these
    those that `takes` says.

    The file appears when it is complete, in place of an earlier one; its folders are made.

    Raises:
        ExportError: there is nothing to export, or `out` cannot be written or is a file of the run.
    """
    if out is None:
        summary = _write(sys.stdout.buffer.write, shape, dated_examples(run_dir, holds, takes))
        sys.stdout.buffer.flush()
        return summary
    refuse_files_of_runs(out, run_dir)
    try:
        with _opened(out) as write:
            return _write(write, shape, dated_examples(run_dir, holds, takes))
    except OSError as error:
        raise ExportError(f"{out} cannot be written: {error.strerror or error}.") from error


def _write(write: Write, shape: Shape, found: Iterable[tuple[Example, bool]]) -> ExportSummary:
    records = written = outdated = 0
    for example, held in found:
        written += write(orjson.dumps(shape(example), option=orjson.OPT_APPEND_NEWLINE))
        records += 1
        outdated += not held
    return ExportSummary(records, written, outdated)


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
def _opened(out: Path) -> Iterator[Write]:
    """Open `out` so that readers see the old file or the complete new one; a pipe or device is simply written to."""
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
