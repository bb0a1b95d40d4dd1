"""Parquet, by pyarrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from ..example import ExportError
from ..form import Column, Row
from ..whole import Write
from .put import Put, encoded

_GROUP = 16 << 20
"""Bytes of text after which a row group is written. So many are held in memory, and so many a reader takes at once."""

_SPEAKERS: Mapping[Column, tuple[str, ...]] = {"messages": ("role", "content"), "conversations": ("from", "value")}
"""What the entries of a column's lists hold, by kind of column."""


class _Type(Protocol):
    """A type or a schema of pyarrow's."""


class _Batches(Protocol):
    def from_pylist(self, mapping: list[Row], schema: _Type) -> object: ...


class _Arrow(Protocol):
    RecordBatch: _Batches

    def string(self) -> _Type: ...
    def struct(self, fields: Iterable[tuple[str, _Type]]) -> _Type: ...
    def list_(self, value_type: _Type) -> _Type: ...
    def schema(self, fields: Iterable[tuple[str, _Type]]) -> _Type: ...


class _Writer(Protocol):
    def write_batch(self, batch: object) -> None: ...


class _Parquet(Protocol):
    def ParquetWriter(  # noqa: N802 - pyarrow's name
        self, where: _Outlet, schema: _Type, *, compression: str
    ) -> AbstractContextManager[_Writer]: ...


class _Outlet:
    """As much of a file as pyarrow writes to."""

    closed = False

    def __init__(self, write: Write) -> None:
        self._write = write

    def write(self, data: bytes) -> int:
        return self._write(data)


@contextmanager
def parquet(write: Write, columns: Mapping[str, Column]) -> Iterator[Put]:
    """Write Parquet with a type for each column, compressed by Zstandard, in row groups of some 16 MB of text.

    Raises:
        ExportError: The extra `parquet` is not installed.
    """
    if find_spec("pyarrow") is None:
        raise ExportError("Parquet files need the extra `parquet`: pip install 'qloragen[parquet]'.")
    arrow: _Arrow = import_module("pyarrow")
    files: _Parquet = import_module("pyarrow.parquet")
    schema = arrow.schema((name, _type(arrow, column)) for name, column in columns.items())
    with files.ParquetWriter(_Outlet(write), schema, compression="zstd") as writer:
        waiting = list[Row]()
        size = 0

        def flush() -> None:
            writer.write_batch(arrow.RecordBatch.from_pylist(waiting, schema))
            waiting.clear()

        def put(row: Row) -> int:
            nonlocal size
            size += len(encoded(row))
            waiting.append(row)
            if size >= _GROUP:
                flush()
                size = 0
            return 0

        yield put
        if waiting:
            flush()


def _type(arrow: _Arrow, column: Column) -> _Type:
    if column == "text":
        return arrow.string()
    return arrow.list_(arrow.struct((name, arrow.string()) for name in _SPEAKERS[column]))
