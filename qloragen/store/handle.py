"""The handle on an open run directory: everything that is done is looked up here, and put here first."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from time import time_ns
from typing import NamedTuple

import orjson
from pydantic import ValidationError

from ..errors import StorageFailed
from ..logs import get_logger
from ..types import Article, Cell, Record, Rejection, Reply
from .files import Disk, Files, Stamp
from .frame import is_whole, key_of, kind_of, sink_line
from .index import Index, Mark
from .ledger import Account
from .lines import (
    article_line,
    article_of,
    cell_of,
    record_in,
    record_line,
    rejection_line,
    reply_line,
    reply_of,
    retry_line,
    types_line,
)
from .log import Log
from .names import INDEX, JOURNAL, MANIFEST, SINK
from .projection import projected, rebuild
from .recovery import Recovery, recover
from .scan import Segment, lines
from .standing import Standing

_DISK = Disk()
_A_SECOND_NS = 10**9

log = get_logger()


class Ends(NamedTuple):
    """How far the files of a run go, with all that is queued."""

    journal: int
    sink: int


class Moment(NamedTuple):
    """A run as it is at one moment, and what has changed since the index was saved."""

    ends: Ends
    mark: Mark
    changes: Mapping[str, Standing]


class Run:
    """An open run directory: everything that is done is looked up here, and everything new is put here first.

    Made by `open_run`. The methods that add take effect at once and queue their line; whoever has to know that it is
    safe waits for the `Committer`, or calls `flush`.
    """

    def __init__(self, folder: Path, files: Files, index: Index | None) -> None:
        opened = recover(folder, files, index)
        self.folder = folder
        self.state = opened.state
        """Read it freely; it changes only through the methods of this class."""
        self.recovery: Recovery = opened.recovery
        """What opening it has found and done."""
        self._files = files
        self._index = index
        self._lines = opened.lines
        with ExitStack() as held:
            self._journal = Log(folder / JOURNAL, files)
            held.callback(self._journal.close)
            self._sink = Log(folder / SINK, files)
            held.pop_all()
        self._sealed_end = self._journal.end if opened.sealed else None
        """Where the journal ended when it was found as it was left."""
        self._broken = False
        """A sync has failed: nothing that was not synced before can be relied on."""

    # ------------------------------------------------------------------------------------------------------ adding

    def add_article(self, article: Article) -> None:
        """Keep the article's text, once, so that replies can be read again without its source."""
        if self.state.article_offset(article.content_hash, article.format) is None:
            at = self._put(article_line(article))
            self.state.add_article(article.content_hash, article.format, article.id, at)

    def add_reply(self, reply: Reply) -> None:
        """Keep a paid reply. To be called before anything is made of it."""
        cell = reply.cell
        at = self._put(reply_line(reply))
        account = Account(cell.model, cell.stage, cell.type_slug)
        self.state.add_reply(cell.key, account, reply.usage, reply.cost_usd, at)

    def add_types(self, cell: Cell, types: tuple[int, ...]) -> None:
        """Settle a classification."""
        self.state.add_types(cell.key, types, self._put(types_line(cell, types)))

    def add_record(self, record: Record, *, revised: bool = False) -> None:
        """Settle a cell with a record, unless it has one; a `revised` one takes the place of the one before."""
        if self.state.record_offset(record.id) is not None and not revised:
            return
        line = record_line(record, kind="revised" if revised else "record")
        self.state.add_record(record.id, record.type_slug, self._put(line), revised=revised)
        if not self.state.sink_is_stale:
            self._sink.put(sink_line(line))

    def add_rejection(self, rejection: Rejection) -> None:
        """Give a cell up for good."""
        at = self._put(rejection_line(rejection, kind="rejection"))
        self.state.add_rejection(rejection.cell.key, rejection.reason, at)

    def add_failure(self, failure: Rejection) -> None:
        """Give a cell up until the next run."""
        at = self._put(rejection_line(failure, kind="failure"))
        self.state.add_failure(failure.cell.key, failure.reason, at)

    def retry(self, key: str, time: datetime) -> None:
        """Open a rejected cell again."""
        self._put(retry_line(key, time))
        self.state.add_retry(key)

    # ----------------------------------------------------------------------------------------------------- reading

    def replies(self, key: str) -> list[Reply]:
        """Return the paid replies of an unsettled cell, oldest first; raises StorageFailed when one is damaged."""
        return [reply_of(self._line(at, key)) for at in self.state.replies_of(key)]

    def record(self, key: str) -> Record:
        """Return the record of a cell; raises KeyError when it has none, StorageFailed when it is damaged."""
        at = self.state.record_offset(key)
        if at is None:
            raise KeyError(key)
        return record_in(self._line(at, key))

    def rejected_cell(self, key: str) -> Cell | None:
        """Return the cell that was given up for good under `key`; None when it was not."""
        standing = self.state.standing(key)
        return cell_of(self._line(standing.at, key)) if standing and standing.kind == "rejection" else None

    def article(self, cell: Cell) -> Article | None:
        """Return the article of a cell; None when the journal does not have it."""
        at = self.state.article_offset(cell.content_hash, cell.format)
        return None if at is None else article_of(self._line(at))

    def all_replies(self) -> Iterator[Reply]:
        """Yield every paid reply that is in the file, in order of arrival; raises StorageFailed if the disk refuses."""
        try:
            for _, line, _ in lines(self._files, self._journal.file):
                if is_whole(line) and kind_of(line) == "reply":
                    with suppress(ValidationError):
                        yield reply_of(line)
        except OSError as error:
            raise unreadable(self._journal.path, error) from error

    # ----------------------------------------------------------------------------------------------------- writing

    @property
    def end(self) -> int:
        """Where the journal ends, with all that is queued."""
        return self._journal.end

    @property
    def written(self) -> int:
        """Where the journal ends in the kernel."""
        return self._journal.written

    @property
    def synced(self) -> int:
        """Where the journal ends on the disk."""
        return self._journal.synced

    @property
    def unsaved(self) -> int:
        """Changes that the index does not have."""
        return self.state.unsaved

    def ends(self) -> Ends:
        """Return how far the files go now."""
        return Ends(self._journal.end, self._sink.end)

    def moment(self) -> Moment:
        """Return the run as it is now, for `save`."""
        mark = Mark(
            journal_end=self._journal.end,
            lines=self._lines,
            sink_end=None if self.state.sink_is_stale else self._sink.end,
            totals=self.state.totals.model_copy(deep=True),
            bills=list(self.state.ledger.bills.items()),
        )
        return Moment(self.ends(), mark, self.state.changes())

    # `write`, `sync`, `project` and `save` may be called in another thread than the rest, one at a time.

    def write(self, journal_end: int) -> None:
        """Hand the journal's lines up to an offset to the kernel; may be repeated after a failure.

        Raises:
            OSError: The disk refuses.
            StorageFailed: Someone else has changed the journal.
        """
        self._journal.write(journal_end)

    def sync(self) -> None:
        """Make the journal's lines survive a loss of power; not to be repeated after a failure.

        Raises:
            OSError: The disk refuses.
        """
        try:
            self._journal.sync()
        except OSError:
            self._broken = True
            raise

    def project(self, sink_end: int) -> None:
        """Hand the sink's lines up to an offset to the kernel; may be repeated after a failure.

        Raises:
            OSError: The disk refuses.
            StorageFailed: Someone else has changed the sink.
        """
        self._sink.write(sink_end)

    def save(self, moment: Moment) -> None:
        """Bring the index up to `moment`, which is written and projected; what fails in that is only slower next time.

        Raises:
            OSError: The disk refuses to sync the journal.
        """
        self.sync()
        if self._index is None:
            return
        try:
            self._index.save(
                moment.changes.items(),
                moment.mark,
                [Segment(*self._journal.segment())],
                [Segment(*self._sink.segment())],
            )
        except sqlite3.Error as error:
            log.warning("index_failed", path=str(self.folder / INDEX), error=str(error))
            self._index = None

    def saved(self, moment: Moment) -> None:
        """Forget what the index has now; in the thread that adds."""
        if self._index is not None:
            self.state.saved(moment.changes)

    def flush(self) -> None:
        """Write and sync everything that is queued; for those who work without a committer.

        Raises:
            StorageFailed: The disk refuses.
        """
        try:
            self.write(self._journal.end)
            self.sync()
            if self.state.sink_is_stale:
                self.rebuild_sink()
            self.project(self._sink.end)
        except OSError as error:
            raise refused(self.folder, error) from error

    def rebuild_sink(self) -> None:
        """Put what the journal says in the place of the whole sink: at once or, on any failure, not at all.

        Everything queued must be written before.

        Raises:
            StorageFailed: The disk refuses; the old sink is still there.
        """
        path = self.folder / SINK
        try:
            crc = rebuild(self._files, path, projected(self._files, self._journal.file, self.state))
            old, self._sink = self._sink, Log(path, self._files, segment=(0, crc))
            old.close()
        except OSError as error:
            raise refused(path, error) from error
        self.state.sink_is_stale = False

    def write_manifest(self, manifest: Mapping[str, object]) -> None:
        """Replace `run.json` at once.

        Raises:
            StorageFailed: It cannot be written.
        """
        write_json(self._files, self.folder / MANIFEST, manifest)

    def close(self) -> None:
        """Write what is queued, and close the files.

        Raises:
            StorageFailed: The disk refuses.
        """
        try:
            with ExitStack() as held:
                if self._index:
                    held.callback(self._index.close)
                held.callback(self._close_logs)
                if not self._broken:
                    self.flush()
                    self._seal()
        except OSError as error:
            raise refused(self.folder, error) from error

    def _close_logs(self) -> None:
        try:
            self._journal.close()
        finally:
            self._sink.close()

    def _seal(self) -> None:
        """Say in the index that the files are whole, so that opening them again need not read them."""
        if self._index is None or self._journal.end == self._sealed_end:
            return
        moment = self.moment()
        try:
            self.save(moment)
            self._sink.sync()
            stamps = self._stamped(self._journal), self._stamped(self._sink)
            if self._index is not None:
                self._index.seal(moment.mark.model_copy(update={"sealed": stamps}))
        except (OSError, sqlite3.Error) as error:
            log.warning("index_failed", path=str(self.folder / INDEX), error=str(error))

    def _stamped(self, file: Log) -> Stamp:
        """Give a file a time of change that no later write can have, and return its stamp."""
        now_ns = time_ns()
        self._files.set_mtime(file.file, now_ns - now_ns % _A_SECOND_NS - _A_SECOND_NS)
        return self._files.stamp(file.file)

    def _put(self, line: bytes) -> int:
        self._lines += 1
        return self._journal.put(line)

    def _line(self, at: int, key: str | None = None) -> bytes:
        try:
            line = self._journal.read(at)
        except OSError as error:
            raise unreadable(self._journal.path, error) from error
        if not is_whole(line) or key not in (None, key_of(line)):
            self._distrust()
            raise StorageFailed(
                f"{self._journal.path} is damaged near byte {at}; run the same command again: it is found, set aside "
                "and done again."
            )
        return line

    def _distrust(self) -> None:
        """Let the next opening read the whole journal."""
        if self._index is not None:
            with suppress(sqlite3.Error):
                self._index.clear()
            self._index.close()
            self._index = None


def write_json(files: Files, path: Path, value: Mapping[str, object]) -> None:
    """Write `value` to `path` so that a reader sees either the old file or the new one.

    Raises:
        StorageFailed: It cannot be written.
    """
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n"
    try:
        rebuild(files, path, iter((text,)))
    except OSError as error:
        raise refused(path, error) from error


def unreadable(path: Path, error: OSError) -> StorageFailed:
    """Return what to say when the disk does not give back what was written."""
    return StorageFailed(f"{path} cannot be read ({error.strerror}); mend that, then run the same command again.")


def refused(path: Path, error: OSError) -> StorageFailed:
    """Return what to say when the disk refuses."""
    return StorageFailed(
        f"{path} cannot be written ({error.strerror}); mend that, then run the same command again: "
        "everything that was finished is kept."
    )
