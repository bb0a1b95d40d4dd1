"""One JSON array."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain, repeat

from ..form import Column, Row
from ..whole import Write
from .put import Put, encoded

_OPENING, _COMMA, _END, _EMPTY = b"[\n", b",\n", b"\n]\n", b"[]\n"


@contextmanager
def json(write: Write, _columns: Mapping[str, Column]) -> Iterator[Put]:
    """Write an array of objects, in UTF-8, one on each line so that people and `diff` can read it."""
    before = chain([_OPENING], repeat(_COMMA))

    def put(row: Row) -> int:
        return write(next(before) + encoded(row))

    yield put
    write(_EMPTY if next(before) == _OPENING else _END)
