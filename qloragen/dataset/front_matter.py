"""The head of a dataset's card, in YAML, as Hugging Face's hub and `datasets` read it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import orjson

from ..export.example import ExportError
from ..export.form import Column
from .hub import Part
from .splits import Split

UNKNOWN = "unknown"
_LICENSE = re.compile(r"[a-z0-9]+(?:[.+-][a-z0-9]+)*\+?")
_SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M", "10M<n<100M", "100M<n<1B")
"""The hub's names for fewer than 1,000 rows, and ten times as many each."""
_SPEAKERS: Mapping[Column, tuple[str, ...]] = {"messages": ("role", "content"), "conversations": ("from", "value")}


def license_of(name: str | None) -> str:
    """Return the id of a licence as the hub spells it; `unknown` for None.

    Raises:
        ExportError: It does not look like one.
    """
    if name is None:
        return UNKNOWN
    if not _LICENSE.fullmatch(name.lower()):
        raise ExportError(
            f"{name!r} is no id of a licence; write one of the hub's, such as cc-by-4.0, apache-2.0, mit or other."
        )
    return name.lower()


def front_matter(
    columns: Mapping[str, Column], parts: Mapping[Split, Part], license: str, languages: Sequence[str]
) -> str:
    """Return the lines between which it stands, and itself."""
    rows = sum(part.rows for part in parts.values())
    fields = {
        "license": license,
        **({"language": languages} if languages else {}),
        "task_categories": ["text-generation"],
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [_size(rows)],
        "tags": ["synthetic", "instruction-tuning", "qloragen"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*"} for split in parts],
            }
        ],
        "dataset_info": {
            "features": [_feature(name, column) for name, column in columns.items()],
            "splits": [
                {"name": split, "num_bytes": part.bytes, "num_examples": part.rows} for split, part in parts.items()
            ],
            "download_size": sum(part.stored_bytes for part in parts.values()),
            "dataset_size": sum(part.bytes for part in parts.values()),
        },
    }
    return "\n".join(["---", *_lines(fields, ""), "---", ""])


def _size(rows: int) -> str:
    return next((name for power, name in enumerate(_SIZES, 3) if rows < 10**power), _SIZES[-1])


def _feature(name: str, column: Column) -> Mapping[str, object]:
    if column == "text":
        return {"name": name, "dtype": "string"}
    return {"name": name, "list": [{"name": part, "dtype": "string"} for part in _SPEAKERS[column]]}


def _lines(value: object, indent: str) -> Iterator[str]:
    """Yield a value as lines of YAML. Strings are quoted, for `no` is a language here."""
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from _entry(f"{indent}{name}:", inner, f"{indent}  ")
        case list() | tuple():
            for inner in value:
                first, *others = _lines(inner, f"{indent}  ")
                yield f"{indent}- {first.lstrip()}"
                yield from others
        case _:
            yield indent + orjson.dumps(value).decode()


def _entry(name: str, inner: object, indent: str) -> Iterator[str]:
    if isinstance(inner, str | int):
        yield f"{name} {orjson.dumps(inner).decode()}"
    else:
        yield name
        yield from _lines(inner, indent)
