"""From the records of a run to the files that a trainer reads."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from ..export import tagged
from ..export.records import opened_records
from ..export.whole import refuse_files_of_runs
from ..judging.material import holds_in
from ..upkeep import mend
from .options import Options
from .ordering import order_of
from .placing import AsTheyCome, plan
from .result import ExportSummary
from .rows import Layout
from .selection import selection_of
from .writing import Task, write

_STANDARD_OUTPUT = "-"


def export(
    folder: str | Path, out: str | Path | None, format: str = "alpaca", **options: Unpack[Options]
) -> ExportSummary:
    """Write the records of the run in `folder` as training data to `out`.

    Where an article has several records of a type, one made with the models, prompts and parameters of the last session
    is taken, else the newest. One record is in memory at a time; to split, balance and mix, some hundreds of bytes of
    each article and record are as well. The same export of the same run is the same, byte for byte.

    Args:
        folder: The run directory; others may work in it.
        out: A file, in the container that its ending says: `.json` (one array), `.parquet`, all else JSON lines, also
            compressed (`.gz`). With `split` or the container `datasets` a folder, with `train`, `validation` and `test`
            in it and `export.json`, which says what they hold. None or `-`: standard output. Files and folders appear
            when they are complete, in place of earlier ones; folders above are made.
        format: `alpaca`, `text`, `prompt-completion`, `messages`, `sharegpt` or `openai`.
        options: What is exported and how, by name; see `qloragen.dataset.options.Options`.

    Raises:
        SetupError: There is nothing to export, an option cannot be, the pack or the template has a mistake, `out`
            cannot be written, the judge has not found enough of the planted defects, a split would be empty, or
            something would be in two splits. Nothing was written.
    """
    place, target = Path(folder), None if out is None or str(out) == _STANDARD_OUTPUT else Path(out)
    order = order_of(format, target, options)
    form = order.texts.shape(order.format)
    if target:
        refuse_files_of_runs(target, place)
    mend(place)
    with opened_records(place, holds_in(place)) as records:
        order.filters.refuse_unknown_types(records.slugs)
        selection = selection_of(place, order.filters, form)
        placing = plan(place, records, selection, order, form) if order.is_planned else AsTheyCome(records, selection)
        layout = Layout(tagged(form) if order.mixes else form, selection.tokens.count)
        return write(Task(place, target, order, layout, placing))
    raise AssertionError("unreachable")
