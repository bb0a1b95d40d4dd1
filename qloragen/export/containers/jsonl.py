"""JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ..form import Column, Row
from ..whole import Write
from .put import Put, encoded


@contextmanager
def jsonl(write: Write, _columns: Mapping[str, Column]) -> Iterator[Put]:
    """Write one object per line, in UTF-8, each line ended by a line feed.

    JSON does not say that a text is to stay one: `datasets` takes a column whose texts all look like dates for dates,
    and pandas one of numbers for numbers. Parquet says it.
    """

    def put(row: Row) -> int:
        return write(encoded(row) + b"\n")

    yield put
