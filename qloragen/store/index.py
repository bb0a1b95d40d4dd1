"""Where each cell stands, by key, in an SQLite file beside the journal: opening a long run need not read all of it.

The index is a convenience. It says up to which byte of the journal it goes, and with which checksums, and is thrown
away where that does not agree with the files; it may be deleted at any time.

SQLite has checksums in its WAL and none in its main file. So the main file changes only when `_settle` or `close` puts
the WAL into it, and then its CRC-32 is written beside it, to `index.sqlite-sum`: an index that is not as it was left is
thrown away before anything in it is believed.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from mmap import mmap
from pathlib import Path
from typing import Literal
from zlib import crc32

import orjson
from pydantic import BaseModel, ValidationError

from ..errors import StorageFailed
from .bills import money_of, money_values
from .files import Stamp
from .ledger import Account, Bill, LostAccount, LostSum
from .money import NO_MONEY
from .scan import Segment
from .standing import Kind, Standing
from .submissions import Submission
from .totals import Totals

VERSION = 2
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cells (
    key BLOB PRIMARY KEY, kind TEXT, at INTEGER, detail TEXT, replies TEXT, times INTEGER, money TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS segments (file TEXT, start INTEGER, end INTEGER, crc INTEGER);
CREATE TABLE IF NOT EXISTS mark (only INTEGER PRIMARY KEY CHECK (only = 1), value BLOB);
"""
_NO_SCHEMA = "DROP TABLE IF EXISTS cells; DROP TABLE IF EXISTS segments; DROP TABLE IF EXISTS mark;"

FileName = Literal["journal", "sink"]
_Row = tuple[Kind, int, str, str | None, int, str | None]
_PREFIX_DIGITS = 6
_MOST_WAL_BYTES = 128 << 20
_BLOCK_BYTES = 8 << 20


class IndexFailed(StorageFailed):
    """The index cannot be read any more; what it knew is in the journal."""


class Mark(BaseModel):
    """How far an index goes, and what the files looked like then."""

    version: int = VERSION
    journal_end: int
    lines: int
    """Journal lines before that."""
    sink_end: int | None
    """Bytes of the sink that agree with that part of the journal; None when they were not compared."""
    totals: Totals
    bills: list[tuple[Account, Bill]]
    lost: list[tuple[LostAccount, LostSum]] = []
    submissions: list[Submission] = []
    sealed: tuple[Stamp, Stamp] | None = None
    """Journal and sink as a process left them that ended in good order."""


class Index:
    """An open index file; `find` and `save` may be called in different threads.

    Every method raises sqlite3.Error when the file is damaged or the disk refuses, but `find` and `keys` IndexFailed.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self._path = path
        self._read_only = read_only
        self._prefixes: mmap | None = None
        """Of an index that began empty: which of all first digits its keys have. So most keys that it does not have are
        not looked for, as in a run that is new, or read anew. Memory is taken only as keys are added."""
        if not read_only:
            path.touch(mode=0o600)
        address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        self._reader = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        if read_only:
            # One snapshot for all reads, however far the writer goes meanwhile.
            self._writer = self._reader
            self._reader.execute("BEGIN")
            return
        self._writer = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        self._writer.execute("PRAGMA journal_mode = WAL")
        # A loss of power takes the last changes, never the order of things: what the index says is in the journal.
        self._writer.execute("PRAGMA synchronous = NORMAL")
        self._writer.execute("PRAGMA wal_autocheckpoint = 0")
        self._writer.executescript(_SCHEMA)
        if self._writer.execute("SELECT 1 FROM cells LIMIT 1").fetchone() is None:
            self._prefixes = mmap(-1, 16**_PREFIX_DIGITS)
        if not _beside(path, "sum").exists():
            _write_sum(path)

    def mark(self) -> Mark | None:
        """Return how far the index goes; None when it is new, or of another version."""
        row = self._reader.execute("SELECT value FROM mark").fetchone()
        try:
            mark = Mark.model_validate_json(row[0]) if row else None
        except ValidationError:
            return None
        return mark if mark and mark.version == VERSION else None

    def find(self, key: str) -> Standing | None:
        """Return where a cell stands; None when nothing is known of it."""
        if self._prefixes is not None and not self._prefixes[int(key[:_PREFIX_DIGITS], 16)]:
            return None
        row = self._row_of(key)
        if row is None:
            return None
        kind, at, detail, replies, times, money = row
        known = money_of(orjson.loads(money)) if money else NO_MONEY
        return Standing(kind, at, detail, tuple(orjson.loads(replies)) if replies else (), times, known)

    def _row_of(self, key: str) -> _Row | None:
        try:
            found = self._reader.execute(
                "SELECT kind, at, detail, replies, times, money FROM cells WHERE key = ?", (bytes.fromhex(key),)
            )
            row: _Row | None = found.fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return row

    def _failed(self, error: sqlite3.Error) -> IndexFailed:
        return IndexFailed(f"{self._path} cannot be read ({error}); run the same command again: it is made anew then.")

    def keys(self, kind: Kind, detail: str | None = None) -> list[str]:
        """Return the keys of all cells that stand so."""
        try:
            rows = self._reader.execute(
                "SELECT hex(key) FROM cells WHERE kind = ?1 AND (?2 IS NULL OR detail = ?2)", (kind, detail)
            ).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        return [key.lower() for (key,) in rows]

    def segments(self, file: FileName) -> list[Segment]:
        """Return the checksums of a file's parts, in order."""
        rows = self._reader.execute("SELECT start, end, crc FROM segments WHERE file = ? ORDER BY start", (file,))
        return [Segment(*row) for row in rows]

    def save(
        self,
        cells: Iterable[tuple[str, Standing]],
        mark: Mark,
        journal: Sequence[Segment] = (),
        sink: Sequence[Segment] = (),
    ) -> None:
        """Take in what has changed, all or nothing. The journal must be synced up to the mark before.

        Checksums of a part that is there already replace all that were kept for it and what follows.
        """
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            rows = sorted(map(self._row, cells))  # in the file's order, so that each page is visited once
            self._writer.executemany("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._replace_segments("journal", journal)
            self._replace_segments("sink", sink)
            self._writer.execute("INSERT OR REPLACE INTO mark VALUES (1, ?)", (mark.model_dump_json(),))
        except BaseException:
            self._writer.execute("ROLLBACK")
            raise
        self._writer.execute("COMMIT")
        if _size(_beside(self._path, "wal")) > _MOST_WAL_BYTES:
            self._settle()

    def seal(self, mark: Mark) -> None:
        """Say that the files are whole as they are now; this one line survives a loss of power."""
        self._writer.execute("PRAGMA synchronous = FULL")
        self.save((), mark)
        self._settle()

    def clear(self) -> None:
        """Forget everything."""
        self._writer.executescript(f"BEGIN; {_NO_SCHEMA} {_SCHEMA} COMMIT;")  # its tables may be of another version
        self._prefixes = mmap(-1, 16**_PREFIX_DIGITS)

    def _row(self, cell: tuple[str, Standing]) -> tuple[bytes, str, int, str, str | None, int, str | None]:
        key, standing = cell
        if self._prefixes is not None:
            self._prefixes[int(key[:_PREFIX_DIGITS], 16)] = 1
        replies = _json(standing.replies) if standing.replies else None
        money = None if standing.money is NO_MONEY else _json(money_values(standing.money))
        return bytes.fromhex(key), standing.kind, standing.at, standing.detail, replies, standing.times, money

    def _replace_segments(self, file: FileName, segments: Sequence[Segment]) -> None:
        for start, end, crc in segments:
            self._writer.execute("DELETE FROM segments WHERE file = ? AND end > ?", (file, start))
            if start < end:
                self._writer.execute("INSERT INTO segments VALUES (?, ?, ?, ?)", (file, start, end, crc))

    def _settle(self) -> None:
        sound = _is_as_left(self._path)  # else someone has been at it: let the next opening see that
        self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if sound:
            _write_sum(self._path)

    def close(self) -> None:
        """Close the file."""
        with suppress(sqlite3.Error):
            if not self._read_only and _size(_beside(self._path, "wal")):
                self._settle()
            self._reader.close()
            self._writer.close()


def open_index(path: Path) -> Index | None:
    """Open the index at `path`, anew when it is damaged; None when that cannot be done."""
    with suppress(sqlite3.Error, OSError):
        if _is_as_left(path):
            return _opened(path)
    try:
        for name in (path, *(_beside(path, part) for part in ("wal", "shm", "journal", "sum"))):
            name.unlink(missing_ok=True)
        return _opened(path)
    except (sqlite3.Error, OSError):
        return None


def _json(value: object) -> str:
    return orjson.dumps(value).decode()  # what is kept of bytes of its own has kilobytes beside it that nobody uses


def _beside(path: Path, part: str) -> Path:
    return path.with_name(f"{path.name}-{part}")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _is_as_left(path: Path) -> bool:
    try:
        return _beside(path, "sum").read_bytes() == _sum(path)
    except OSError:
        return False


def _write_sum(path: Path) -> None:
    # Without it, or with one that is torn, the index is only made anew.
    with suppress(OSError):
        file = os.open(_beside(path, "sum"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, _sum(path))
            os.fsync(file)
        finally:
            os.close(file)


def _sum(path: Path) -> bytes:
    crc = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK_BYTES):
            crc = crc32(block, crc)
    return b"%08x" % crc


def _opened(path: Path) -> Index:
    index = Index(path)
    try:
        index.mark()
    except sqlite3.Error:
        index.close()
        raise
    return index
