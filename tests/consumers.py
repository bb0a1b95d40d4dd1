"""Rows of training files as those read them that files are written for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when `datasets` is imported: files of one's own need no network

import datasets
import pandas as pd
import pyarrow.parquet as pq

datasets.disable_progress_bars()

Rows: TypeAlias = list[dict[str, object]]


def by_datasets(path: Path) -> Rows:
    """Load a file as users of `datasets` do; what that caches lies beside it."""
    rows: Rows = datasets.load_dataset(
        _builder(path), data_files=str(path), split="train", cache_dir=_cache(path)
    ).to_list()
    return rows


def by_datasets_as_it_streams(path: Path) -> Rows:
    return list(
        datasets.load_dataset(
            _builder(path), data_files=str(path), split="train", cache_dir=_cache(path), streaming=True
        )
    )


def folder_by_datasets(folder: Path) -> Mapping[str, Rows]:
    """Load a folder as users of the hub do; returns split to rows."""
    splits = datasets.load_dataset(str(folder), cache_dir=_cache(folder))
    return {name: rows.to_list() for name, rows in splits.items()}


def info_by_datasets(folder: Path) -> datasets.DatasetInfo:
    """Return what is known of a folder before its rows are looked at."""
    return datasets.load_dataset_builder(str(folder), cache_dir=_cache(folder)).info


def by_pandas(path: Path) -> Rows:
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    else:  # without a type, pandas makes numbers of texts such as "12"
        frame = pd.read_json(path, lines=".jsonl" in path.suffixes, dtype=False)
    return [{name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def by_pyarrow(path: Path) -> Rows:
    rows: Rows = pq.read_table(path).to_pylist()
    return rows


def by_json(path: Path) -> Rows:
    """Read plain JSON or JSON lines with the standard library."""
    text = path.read_text("utf-8")
    rows: Rows = [json.loads(line) for line in text.split("\n")[:-1]] if path.suffix == ".jsonl" else json.loads(text)
    return rows


def readers_of(path: Path) -> Mapping[str, Callable[[Path], Rows]]:
    """Return, by name, all that can read a file with such a name."""
    common = {"datasets": by_datasets, "datasets, streaming": by_datasets_as_it_streams, "pandas": by_pandas}
    match path.suffix:
        case ".parquet":
            return {**common, "pyarrow": by_pyarrow}
        case ".gz":
            return common
        case _:
            return {**common, "json": by_json}


def _builder(path: Path) -> str:
    return "parquet" if path.suffix == ".parquet" else "json"


def _cache(path: Path) -> str:
    return str(path.parent / "cache")


def _plain(value: object) -> object:
    """Return lists for the arrays in which pandas holds them."""
    return value if isinstance(value, str) else list(value)  # type: ignore[call-overload]
