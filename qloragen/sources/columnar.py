"""Parquet and Arrow files: rows to candidates, a few at a time.

Only the columns that the field mapping speaks of are read. Of a Parquet file some pages are in memory at once, of an
Arrow file one record batch. A row whose text is not UTF-8, or whose values Python does not have, is malformed, and only
that row; a file without a column for the content is one skip.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol

from ..types import Skip, SkipReason
from .objects import MalformedError, candidate, usual_place
from .values import Found, Options, Stream, printable

ROWS = 64
"""Rows that are made Python values of at once."""
NEEDED = "Parquet and Arrow files need the extra `parquet`: pip install 'qloragen[parquet]'"

_PAGE_BYTES = 1 << 20
_FILE_MAGIC = b"ARROW1"


class _Schema(Protocol):
    @property
    def names(self) -> list[str]: ...


class _Batch(Protocol):
    @property
    def num_rows(self) -> int: ...
    def slice(self, offset: int, length: int, /) -> _Batch: ...
    def validate(self, *, full: bool) -> None: ...
    def to_pylist(self) -> list[dict[str, object]]: ...


def available() -> bool:
    """Tell whether pyarrow is installed."""
    return find_spec("pyarrow") is not None


def parquet(stream: Stream, name: str, options: Options) -> Iterator[Found]:
    """Yield one thing for every row of an open Parquet file."""
    pages = import_module("pyarrow.parquet")

    def batches() -> Iterator[_Batch]:
        file = pages.ParquetFile(stream, pre_buffer=False, buffer_size=_PAGE_BYTES)
        columns = _columns(file.schema_arrow, options)
        yield from file.iter_batches(ROWS, columns=columns, use_threads=False)

    yield from _rows(batches(), name, options)


def ipc(stream: Stream, name: str, options: Options) -> Iterator[Found]:
    """Yield one thing for every row of an open file in Arrow's file format or, as `datasets` writes it, as a stream."""
    messages = import_module("pyarrow.ipc")

    def batches() -> Iterator[_Batch]:
        beginning = stream.read(len(_FILE_MAGIC))
        stream.seek(0)
        if beginning == _FILE_MAGIC:
            file = messages.open_file(stream)
            columns = _places(file.schema, options)
            yield from (file.get_batch(at).select(columns) for at in range(file.num_record_batches))
        else:
            with messages.open_stream(stream) as reader:
                columns = _places(reader.schema, options)
                yield from (batch.select(columns) for batch in reader)

    yield from _rows(batches(), name, options)


def _columns(schema: _Schema, options: Options) -> list[str]:
    """Return the columns that are wanted. Raises: MalformedError, where there is none for the content."""
    fields = options.fields
    names = list(schema.names)
    content = _column(fields.content, names)
    if content is None:
        other = usual_place(dict.fromkeys(names, ""))
        hint = f"there is `{other}`, map content to it" if other else f"its columns are {', '.join(names[:20])}"
        raise MalformedError(f"no column for the content; {printable(hint)}")
    others = (_column(path, names) for path in (fields.id, "_id", fields.title, fields.url, fields.format))
    return list(dict.fromkeys((content, *(name for name in others if name is not None))))


def _places(schema: _Schema, options: Options) -> list[int]:
    """Return where the columns that are wanted are; of several with one name it is the first."""
    return [schema.names.index(name) for name in _columns(schema, options)]


def _column(path: str, names: Sequence[str]) -> str | None:
    """Return the column where a field is, or a dotted path begins."""
    return next((name for name in (path, path.partition(".")[0]) if name in names), None)


def _rows(batches: Iterable[_Batch], name: str, options: Options) -> Iterator[Found]:
    broken: type[Exception] = import_module("pyarrow").ArrowException
    number = 0
    try:
        for batch in batches:
            for row in _values(batch):
                number += 1
                where = f"{name}:{number}"
                yield (
                    candidate(row, where, options)
                    if isinstance(row, dict)
                    else Skip(where, SkipReason.MALFORMED, str(row))
                )
    except MalformedError as error:
        yield Skip(name, SkipReason.MALFORMED, str(error))
    except (broken, OSError, ValueError, MemoryError, OverflowError) as error:
        why = printable(str(error).partition("\n")[0])
        yield Skip(name, SkipReason.MALFORMED, f"cannot be read on after row {number}: {why}")


def _values(batch: _Batch) -> Iterator[dict[str, object] | MalformedError]:
    for start in range(0, batch.num_rows, ROWS):
        few = batch.slice(start, ROWS)
        try:
            rows: Sequence[dict[str, object] | MalformedError] = _checked(few)
        except (ValueError, OverflowError):
            rows = [_value(few.slice(at, 1)) for at in range(few.num_rows)]
        yield from rows


def _value(row: _Batch) -> dict[str, object] | MalformedError:
    try:
        return _checked(row)[0]
    except (ValueError, OverflowError) as error:
        return MalformedError(printable(str(error).partition("\n")[0]))


def _checked(rows: _Batch) -> list[dict[str, object]]:
    """Look at lengths and UTF-8 first, as Arrow does not do by itself: a damaged file would be read beyond its end."""
    rows.validate(full=True)
    return rows.to_pylist()
