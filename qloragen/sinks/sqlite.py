"""Records in a table of an SQLite file, which others may read meanwhile."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self, TypeVar

import anyio
import anyio.to_thread

from ..errors import SettingsError
from ..types import Record
from .fields import fields_of
from .names import plain

TABLE = "records"
_COLUMNS = {
    **dict.fromkeys(("id", "article_id"), "TEXT"),
    "type": "INTEGER",
    **dict.fromkeys(("type_slug", "instruction", "input", "output", "content_hash", "title", "url"), "TEXT"),
    **dict.fromkeys(("model", "prompt_fingerprint", "input_mode", "finish_reason"), "TEXT"),
    **dict.fromkeys(("prompt_tokens", "cached_tokens", "cache_write_tokens"), "INTEGER"),
    **dict.fromkeys(("completion_tokens", "reasoning_tokens"), "INTEGER"),
    **dict.fromkeys(("cost_usd", "time"), "TEXT"),
    **dict.fromkeys(("grounded", "supported"), "REAL"),
    "flags": "TEXT",
}
"""By name, with their types; as `fields_of` names them."""
_MAY_BE_NULL = {"title", "url", "cost_usd"}
_LOCKED_S = 1.0
"""So long is a table that another process writes waited for, before that counts as trouble."""
_PASSING = {
    *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN),
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_SCHEMA),
}
"""Primary result codes (sqlite.org/rescode.html, read 2026-11) of what may work later."""

Found = TypeVar("Found")


class _Column(NamedTuple):
    """What `PRAGMA table_info` says of one."""

    number: int
    name: str
    type: str
    not_null: int
    default: str | None
    key: int


class SqliteSink:
    """A table with a row for each record, whose columns are those of `fields_of`; `id` is its primary key.

    File and table are made when absent. A table that is there must have these columns; others of your own may stand
    beside them if a row can do without, and are left alone. Readers are not held up: the file is in WAL mode. Work is
    done in threads.
    """

    def __init__(self, file: str | Path, table: str = TABLE) -> None:
        """Nothing is opened yet.

        Raises:
            SettingsError: No table can have that name.
        """
        if not table or "\0" in table or table.lower().startswith("sqlite_"):
            raise SettingsError(f"A table cannot be called {table!r}; choose another name.")
        self._file = Path(file).absolute()
        self._table = table
        self._open: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        """Which file it was. SQLite goes on with one that somebody has deleted, and that nobody will ever read."""
        self._was_open = False
        """What is wrong with its folder later on is the disk's trouble, and passes."""

    @property
    def name(self) -> str:
        """Which file and table this is; another path is another place."""
        place = blake2b(f"{self._file}\0{self._table}".encode(errors="surrogateescape"), digest_size=4).hexdigest()
        return f"sqlite-{plain(self._file.stem)}-{plain(self._table)}-{place}"

    async def __aenter__(self) -> Self:
        """Open the file, and make the table when it is absent.

        Raises:
            SettingsError: The file is no database, is in no folder, or the table is another one.
            OSError: It is locked, or the disk refuses.
        """
        await anyio.to_thread.run_sync(self._connect)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        connection, self._open = self._open, None
        if connection:
            with anyio.CancelScope(shield=True), suppress(sqlite3.Error):
                await anyio.to_thread.run_sync(connection.close)

    async def put(self, records: Sequence[Record]) -> None:
        """Write records in one transaction, which is synced.

        Raises:
            OSError: The file is locked, or the disk refuses.
        """
        rows = [tuple(fields_of(record).values()) for record in records]
        columns = ", ".join(_COLUMNS)
        updates = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
        places = ", ".join("?" * len(_COLUMNS))
        await self._changed(
            f"INSERT INTO {_quoted(self._table)} ({columns}) VALUES ({places})"  # noqa: S608 - the name is quoted
            f" ON CONFLICT (id) DO UPDATE SET {updates}",
            rows,
        )

    async def drop(self, ids: Sequence[str]) -> None:
        """Delete rows in one transaction, which is synced.

        Raises:
            OSError: The file is locked, or the disk refuses.
        """
        statement = f"DELETE FROM {_quoted(self._table)} WHERE id = ?"  # noqa: S608 - as above
        await self._changed(statement, [(one,) for one in ids])

    async def is_empty(self) -> bool:
        """Tell whether the table has no row.

        Raises:
            OSError: The file is locked, or the disk refuses.
        """
        statement = f"SELECT EXISTS (SELECT 1 FROM {_quoted(self._table)})"  # noqa: S608 - as above
        return await anyio.to_thread.run_sync(
            self._tried, lambda connection: connection.execute(statement).fetchone() == (0,)
        )

    async def _changed(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        await anyio.to_thread.run_sync(self._tried, partial(_change, statement=statement, rows=rows))

    def _tried(self, act: Callable[[sqlite3.Connection], Found]) -> Found:
        if self._open is None:
            raise ConnectionError(f"{self._file} is not open")
        with _translated(self._file):
            found = act(self._open)
        if _identity(self._file) != self._opened:
            raise ConnectionError(f"{self._file} has become another file while it was written")
        return found

    def _connect(self) -> None:
        if not self._was_open:
            _refuse_unwritable(self._file)
        with _translated(self._file):
            connection = sqlite3.connect(self._file, timeout=_LOCKED_S, isolation_level=None, check_same_thread=False)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")  # what is put must survive a loss of power
                self._make_table(connection)
            except BaseException:
                connection.close()
                raise
        self._open, self._was_open, self._opened = connection, True, _identity(self._file)

    def _make_table(self, connection: sqlite3.Connection) -> None:
        if not (found := self._columns(connection)):
            columns = ", ".join(f"{name} {_definition(name)}" for name in _COLUMNS)
            connection.execute(f"CREATE TABLE IF NOT EXISTS {_quoted(self._table)} ({columns})")
            found = self._columns(connection)
        if (fault := _fault(found)) is not None:
            raise SettingsError(
                f"The table {self._table} in {self._file} is another one: {fault}; give another table "
                f"(sqlite:{self._file.name}#TABLE), or another file."
            )

    def _columns(self, connection: sqlite3.Connection) -> dict[str, _Column]:
        rows = connection.execute(f"PRAGMA table_info({_quoted(self._table)})").fetchall()
        return {column.name: column for column in (_Column(*row) for row in rows)}


def _identity(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_dev, found.st_ino


def _refuse_unwritable(file: Path) -> None:
    if not file.parent.is_dir():
        raise SettingsError(f"{file} cannot be made: there is no folder {file.parent}; make it first.")
    for place in (file, file.parent):  # SQLite makes files beside it
        if place.exists() and not os.access(place, os.W_OK):
            raise SettingsError(f"{place} cannot be written; give it to this user, or choose another file.")
    if file.is_dir():
        raise SettingsError(f"{file} is a folder; name a file in it.")


def _definition(name: str) -> str:
    rule = "PRIMARY KEY NOT NULL" if name == "id" else "" if name in _MAY_BE_NULL else "NOT NULL"
    return f"{_COLUMNS[name]} {rule}"


def _fault(found: dict[str, _Column]) -> str | None:
    """Return why records do not fit in a table with these columns; None when they do."""
    for name, kind in _COLUMNS.items():
        if name not in found:
            return f"it has no column {name}"
        if found[name].type.upper() != kind:
            return f"its column {name} is {found[name].type or 'without a type'}, not {kind}"
    keys = [name for name, column in found.items() if column.key]
    if keys != ["id"]:
        return f"its primary key is {' and '.join(keys) or 'missing'}, not id"
    needed = [name for name, column in found.items() if name not in _COLUMNS and column.not_null and not column.default]
    return f"its column {needed[0]} must not be empty" if needed else None


def _change(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany(statement, rows)
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # some failures have rolled back by themselves
            connection.execute("ROLLBACK")
        raise


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    """Let what may work later be an OSError, and a file that is none of SQLite's a mistake in a setting."""
    try:
        yield
    except sqlite3.Error as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        if code in _PASSING:
            raise OSError(f"{file}: {error}") from error
        if code == sqlite3.SQLITE_NOTADB:
            raise SettingsError(f"{file} is no SQLite database; give another file.") from error
        raise


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
