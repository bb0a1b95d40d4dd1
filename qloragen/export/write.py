"""Examples to a file: in one stream, and all or nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from .example import Example, ExportError, Holds, Takes, of_any
from .records import opened_records
from .whole import Write, opened_whole, refuse_files_of_runs

Shape = Callable[[Example], Mapping[str, object]]
"""What an example's line holds."""


def all_of_them(_example: Example) -> bool:
    """Export every record."""
    return True


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
        summary = _write(sys.stdout.buffer.write, shape, _taken(run_dir, holds, takes))
        sys.stdout.buffer.flush()
        return summary
    refuse_files_of_runs(out, run_dir)
    try:
        with opened_whole(out) as write:
            return _write(write, shape, _taken(run_dir, holds, takes))
    except OSError as error:
        raise ExportError(f"{out} cannot be written: {error.strerror or error}.") from error


def _write(write: Write, shape: Shape, found: Iterable[tuple[Example, bool]]) -> ExportSummary:
    records = written = outdated = 0
    for example, held in found:
        written += write(orjson.dumps(shape(example), option=orjson.OPT_APPEND_NEWLINE))
        records += 1
        outdated += not held
    return ExportSummary(records, written, outdated)


def _taken(run_dir: Path, holds: Holds, takes: Takes) -> Iterable[tuple[Example, bool]]:
    with opened_records(run_dir, holds) as records:
        yield from ((example, held) for _, example, held in records.each() if takes(example))
