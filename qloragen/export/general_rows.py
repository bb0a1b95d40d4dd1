"""Rows of a file that others made, as JSON values: lines of JSON, one JSON array, or Parquet."""

from __future__ import annotations

import gzip
import json
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from itertools import chain, dropwhile
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from .example import ExportError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BOM = b"\xef\xbb\xbf"
_MOST_ARRAY_BYTES = 512 * 1024 * 1024
"""A JSON array is read whole; a larger one belongs into JSON lines."""
_MOST_LINE_BYTES = 64 * 1024 * 1024
"""Of one row; a file that has a longer line is no lines of JSON."""
_BATCH = 64
"""Rows of Parquet that are made values of Python at once."""


class Found(NamedTuple):
    """A row."""

    number: int
    """From 1: its line, or its place in an array or table."""
    where: str
    """`FILE:NUMBER`."""
    row: Mapping[str, object]


class _Stream(Protocol):
    def readline(self, size: int, /) -> bytes: ...
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def rows_of(file: Path, columns: Collection[str]) -> Iterator[Found]:
    """Yield the rows of a file, holding one at a time, an array's all at once. Blank lines are passed over.

    What is in a file, its beginning says: `[` begins an array; `.gz` and `.zst` are unpacked, and `.parquet` is read
    for `columns` alone.

    Raises:
        ExportError: The file cannot be read, or a row is no JSON object.
    """
    if not file.is_file():
        what = "is no regular file" if file.exists() else "does not exist"
        raise ExportError(f"{file} {what}; name a file of general data, which is read more than once.")
    values = _table(file, columns) if file.suffix.lower() == ".parquet" else _json(file)
    for number, value in values:
        where = f"{file}:{number}"
        if not isinstance(value, dict):
            raise ExportError(f"{where} is no JSON object; mend or remove it.")
        yield Found(number, where, value)


def _json(file: Path) -> Iterator[tuple[int, object]]:
    try:
        with closing(_opened(file)) as stream:
            lines = dropwhile(lambda line: not line[1].strip(), enumerate(_lines(stream), 1))
            first = next(lines, (1, b""))
            if first[1].lstrip().startswith(b"["):
                yield from _array(file, stream, first[1])
            else:
                yield from _each(file, chain([first], lines))
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "its compressed data is broken"
        raise ExportError(f"{file} cannot be read: {why}; name another file.") from error


def _opened(file: Path) -> _Stream:
    match file.suffix.lower():
        case ".gz":
            return gzip.open(file, "rb")
        case ".zst":
            return zstd.open(file, "rb")
        case _:
            return file.open("rb")


def _lines(stream: _Stream) -> Iterator[bytes]:
    """Yield lines, without the mark that may begin a file; of those that are too long what is not, and a byte more."""
    line = stream.readline(_MOST_LINE_BYTES + 1).removeprefix(_BOM)
    while line:
        yield line
        line = stream.readline(_MOST_LINE_BYTES + 1)


def _each(file: Path, lines: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, object]]:
    for number, line in lines:
        if len(line) > _MOST_LINE_BYTES:
            raise ExportError(f"{file}:{number} is a line of more than {_MOST_LINE_BYTES:,} bytes; mend or remove it.")
        if line.strip():
            yield number, _value(line, f"{file}:{number}")


def _array(file: Path, stream: _Stream, beginning: bytes) -> Iterator[tuple[int, object]]:
    text = beginning + stream.read(_MOST_ARRAY_BYTES + 1 - len(beginning))
    if len(text) > _MOST_ARRAY_BYTES:
        raise ExportError(f"{file} is an array of more than {_MOST_ARRAY_BYTES:,} bytes; make it JSON lines.")
    value = _value(text, str(file))
    yield from enumerate(value if isinstance(value, list) else [value], 1)


def _value(text: bytes, where: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        why = str(error)
    try:
        value: object = json.loads(text)  # half a surrogate pair is no reason to refuse a whole file
    except (ValueError, RecursionError):
        raise ExportError(f"{where} is not JSON ({why}); mend or remove it, or name another file.") from None
    return value


class _Schema(Protocol):
    @property
    def names(self) -> list[str]: ...


class _Batch(Protocol):
    def to_pylist(self) -> list[object]: ...


class _Table(Protocol):
    @property
    def schema_arrow(self) -> _Schema: ...
    def iter_batches(self, batch_size: int, *, columns: list[str], use_threads: bool) -> Iterable[_Batch]: ...
    def close(self) -> None: ...


def _table(file: Path, columns: Collection[str]) -> Iterator[tuple[int, object]]:
    if find_spec("pyarrow") is None:
        raise ExportError(f"{file} needs the extra `parquet`: pip install 'qloragen[parquet]'.")
    open_table: _OpenTable = import_module("pyarrow.parquet").ParquetFile
    try:
        with closing(open_table(str(file), pre_buffer=False)) as table:
            names = table.schema_arrow.names
            wanted = [name for name in names if name in columns] or names[:_BATCH]
            batches = table.iter_batches(_BATCH, columns=wanted, use_threads=False)
            yield from enumerate(chain.from_iterable(batch.to_pylist() for batch in batches), 1)
    except (OSError, ValueError) as error:  # pyarrow's own are of both kinds
        why = str(error).partition("\n")[0]
        raise ExportError(f"{file} cannot be read as Parquet: {why}; name another file.") from error


class _OpenTable(Protocol):
    def __call__(self, file: str, *, pre_buffer: bool) -> _Table: ...
