"""What was placed to standard output, to one file, or to a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from ..export import Put as PutRow
from ..export import opened, rows_to
from ..export.whole import standard_output
from ..manifest import read_manifest
from ..words import counted
from .card import Exported, card
from .folders import opened_folder, write_about
from .hub import CARD, HubFolder, write_card
from .hub import Part as Shards
from .options import DATASETS, Order
from .origin import origin_of
from .placing import Placing
from .result import ExportSummary, Written, nothing_left, told
from .rows import Layout, Part, Put
from .splits import Split


@dataclass(frozen=True, slots=True)
class Task:
    """An export that is ready to be written."""

    run: Path
    out: Path | None
    order: Order
    layout: Layout
    placing: Placing


def write(task: Task) -> ExportSummary:
    """Write it, and return what it has come to.

    Raises:
        ExportError: It cannot be written, a row breaks a rule of its form, or there is none.
    """
    if task.out is None or not task.order.is_folder:
        return _to_file(task)
    with opened_folder(task.out) as made:
        summary = _to_hub(task, made) if task.order.container == DATASETS else _to_files(task, made)
        names = [name for written in summary.files for name in written.names]
        manifest = read_manifest(task.run)
        about = {
            "qloragen": version("qloragen"),
            "run": manifest.run if manifest else None,
            **summary.as_dict(),
            "made": [*names, CARD] if task.order.container == DATASETS else names,
        }
        write_about(made, about)
        return summary
    raise AssertionError("unreachable")


def _to_file(task: Task) -> ExportSummary:
    names = (task.out.name,) if task.out else ()
    with _opened(task) as put:
        parts = _written(task, lambda _split, row: put(row))
    return _summary(task, parts, dict.fromkeys(parts, names))


@contextmanager
def _opened(task: Task) -> Iterator[PutRow]:
    columns, container = task.layout.form.columns, task.order.container
    if task.out:
        with opened(task.out, container, columns) as put:
            yield put
        return
    with standard_output() as write, rows_to(write, container, columns) as put:
        yield put


def _to_files(task: Task, folder: Path) -> ExportSummary:
    """Write a file for each split."""
    container = task.order.container
    names = {split: (f"{split}.{container}",) for split in task.placing.splits}
    with ExitStack() as files:
        puts = {
            split: files.enter_context(opened(folder / name, container, task.layout.form.columns))
            for split, (name,) in names.items()
        }
        parts = _written(task, lambda split, row: puts[split](row))
    return _summary(task, parts, names)


def _to_hub(task: Task, folder: Path) -> ExportSummary:
    """Write a folder as Hugging Face's `datasets` opens it, with its card."""
    with HubFolder(folder, task.layout.form.columns) as hub:
        parts = _written(task, hub.put)
    summary = _summary(task, parts, {split: hub.parts[split].files for split in parts})
    write_card(folder, card(origin_of(task.run), _exported(task, summary, hub.parts)))
    return summary


def _exported(task: Task, summary: ExportSummary, parts: Mapping[Split, Shards]) -> Exported:
    return Exported(
        form=summary.format,
        columns=task.layout.form.columns,
        parts=parts,
        examples=summary.examples,
        license=task.order.license,
        mixed=summary.mixed,
        asked=summary.asked,
        left_out=told(summary.left_out),
        notes=(*summary.notes, *_of_age(summary)),
    )


def _of_age(summary: ExportSummary) -> Iterator[str]:
    if summary.outdated:
        yield f"{counted(summary.outdated, 'record')} were made under earlier models or prompts than the others."


def _written(task: Task, put: Put) -> Mapping[Split, Part]:
    parts = task.layout.write(put, task.placing.splits, task.placing.placed())
    if not any(part.rows for part in parts.values()):
        raise nothing_left(task.placing.left_out)
    return parts


def _summary(task: Task, parts: Mapping[Split, Part], names: Mapping[Split, tuple[str, ...]]) -> ExportSummary:
    blend = task.placing.blend
    return ExportSummary(
        out=task.out,
        format=task.order.format,
        container=task.order.container,
        files=tuple(Written(split, names[split], part.rows, part.bytes) for split, part in parts.items()),
        examples={split: dict(part.types) for split, part in parts.items()},
        left_out=dict(task.placing.left_out),
        outdated=task.placing.outdated,
        mixed=blend.counts if blend else (),
        asked=task.order.asked,
        notes=task.placing.notes,
    )
