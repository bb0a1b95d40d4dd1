"""From the records of a run to the files that a trainer reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Unpack

from ..export import ExportError, Form, Put, opened, rows_to
from ..export.records import Records, opened_records
from ..export.whole import refuse_files_of_runs
from ..judging.material import holds_in
from ..upkeep import mend
from .options import Options, Order, order_of
from .result import ExportSummary, Written, told
from .rows import Layout, Tally
from .selection import Selection, selection_of
from .splits import TRAIN


def export(
    folder: str | Path, out: str | Path | None, format: str = "alpaca", **options: Unpack[Options]
) -> ExportSummary:
    """Write the records of the run in `folder` as training data to `out` (None: standard output).

    Where an article has several records of a type, one made with the models, prompts and parameters of the last session
    is taken, else the newest. A file appears when it is complete, in place of an earlier one; its folders are made.

    Args:
        folder: The run directory; others may work in it.
        out: A file; `.json` is one array, `.parquet` is Parquet, all else JSON lines; `.gz` compresses.
        format: `alpaca`, `text`, `prompt-completion`, `messages`, `sharegpt` or `openai`.
        options: See `Options`.

    Raises:
        SetupError: There is nothing to export, an option cannot be, the pack or the template has a mistake, `out`
            cannot be written, or the judge has not found enough of the planted defects. Nothing was written.
    """
    place, target = Path(folder), None if out is None else Path(out)
    order = order_of(format, target, options)
    form = order.texts.shape(order.format)
    if target:
        refuse_files_of_runs(target, place)
    mend(place)
    with opened_records(place, holds_in(place)) as records:
        order.filters.refuse_unknown_types(records.slugs)
        return _one_file(records, selection_of(place, order.filters, form), form, order, target)
    raise AssertionError("unreachable")


def _one_file(records: Records, selection: Selection, form: Form, order: Order, out: Path | None) -> ExportSummary:
    tally = Tally([TRAIN])
    layout = Layout(form, selection.tokens.count)
    with _file(out, order.container, form) as put:
        chosen = (dated for dated in records.each() if selection.takes(dated.example))
        size = layout.write(put, TRAIN, tally.counted(TRAIN, chosen))
        if not size.rows:
            raise ExportError(f"Nothing is left to export: {told(selection.left_out)}; ask for less.")
    return ExportSummary(
        out,
        order.format,
        order.container,
        (Written(out.name if out else "", TRAIN, *size),),
        tally.examples,
        selection.left_out,
        tally.outdated,
    )


@contextmanager
def _file(out: Path | None, container: str, form: Form) -> Iterator[Put]:
    if out:
        with opened(out, container, form.columns) as put:
            yield put
        return
    with rows_to(sys.stdout.buffer.write, container, form.columns) as put:
        yield put
    sys.stdout.buffer.flush()
