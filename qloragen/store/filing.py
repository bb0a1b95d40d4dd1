"""The files of an open run, as those who write see them: lines are queued by one thread and written by another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from math import inf
from pathlib import Path
from threading import Lock
from time import time_ns
from typing import NamedTuple

import orjson

from ..errors import StorageFailed
from ..logs import get_logger
from .files import Files, Stamp
from .frame import is_whole, key_of
from .index import Index, Mark
from .log import Log
from .names import INDEX, JOURNAL, MANIFEST, SINK
from .projection import projected, rebuild
from .scan import BLOCK_BYTES, Segment, lines
from .standing import Standing
from .state import State

_A_SECOND_NS = 10**9

log = get_logger()


class Ends(NamedTuple):
    """How far the files of a run go, with all that is queued."""

    journal: int
    sink: int


class Written(NamedTuple):
    """Checksums of what was written to journal and sink since they were taken last."""

    journal: Segment
    sink: Segment


class Filing:
    """Journal, sink and index of one run, opened to go on at their ends.

    `put` and `put_record` queue. `write`, `sync` and `project` act, and may be called in another thread, one at a time;
    `save` in yet another, beside them.
    """

    def __init__(self, folder: Path, files: Files, index: Index | None, *, sealed: bool, sink: str = SINK) -> None:
        """`sealed` says that they are as a process that ended in good order has left them; `sink` is a file's name."""
        self.folder = folder
        self._files = files
        self._index = index
        self._indexing = Lock()
        """Held by whoever changes the index, or takes it away."""
        with ExitStack() as held:
            self._journal = Log(folder / JOURNAL, files)
            held.callback(self._journal.close)
            self._sink = Log(folder / sink, files)
            held.pop_all()
        self._sealed_end = self._journal.end if sealed else None
        self.broken = False
        """A sync has failed: nothing that was not synced before can be relied on."""

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
    def ends(self) -> Ends:
        """How far the files go now."""
        return Ends(self._journal.end, self._sink.end)

    @property
    def unwritten(self) -> int:
        """How many lines of the journal are not with the kernel."""
        return self._journal.unwritten

    @property
    def indexed(self) -> bool:
        """Whether there is an index, and it works."""
        return self._index is not None

    def put(self, line: bytes, in_sink: bytes | None = None) -> int:
        """Queue a line for the journal, and what stands for it in the sink; returns its offset in the journal."""
        if in_sink is not None:
            self._sink.put(in_sink)
        return self._journal.put(line)

    def line(self, at: int, key: str | None = None) -> bytes:
        """Return the journal line at an offset, which is about `key`.

        Raises:
            StorageFailed: It cannot be read, or is damaged.
        """
        try:
            line = self._journal.read(at)
        except OSError as error:
            raise unreadable(self._journal.path, error) from error
        if not is_whole(line) or key not in (None, key_of(line)):
            self.distrust()
            raise StorageFailed(
                f"{self._journal.path} is damaged near byte {at}; run the same command again: it is found, set aside "
                "and done again."
            )
        return line

    def lines(self, start: int = 0, end: float = inf) -> Iterator[bytes]:
        """Yield the whole lines of the journal that are in the file, of those that begin from `start` to before `end`.

        Raises:
            StorageFailed: It cannot be read.
        """
        return (line for _, line in self.placed(start, end))

    def placed(self, start: int = 0, end: float = inf, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes]]:
        """Yield what `lines` does, each line with its offset; the file is read in blocks of that size.

        Raises:
            StorageFailed: It cannot be read.
        """
        try:
            for at, line, _ in lines(self._files, self._journal.file, start, block_bytes):
                if at >= end:
                    return
                if is_whole(line):
                    yield at, line
        except OSError as error:
            raise unreadable(self._journal.path, error) from error

    # ------------------------------------------------------------------------------------------------------ writing

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
            self.broken = True
            raise

    def project(self, sink_end: int) -> None:
        """Hand the sink's lines up to an offset to the kernel; may be repeated after a failure.

        Raises:
            OSError: The disk refuses.
            StorageFailed: Someone else has changed the sink.
        """
        self._sink.write(sink_end)

    def checked(self) -> Written:
        """Return the checksums of what was written since this was asked last."""
        return Written(Segment(*self._journal.segment()), Segment(*self._sink.segment()))

    def save(self, changes: Mapping[str, Standing], mark: Mark, written: Written) -> None:
        """Bring the index up to `mark`, up to which the journal is synced, the sink projected, and both are `written`.

        An index that fails is given up: opening the run takes longer then.
        """
        with self._indexing:
            if self._index is None:
                return
            try:
                self._index.save(changes.items(), mark, [written.journal], [written.sink])
            except (sqlite3.Error, OSError) as error:
                self._give_up_index(error)

    def rebuild_sink(self, state: State) -> None:
        """Put what the journal says in the place of the whole sink: at once or, on any failure, not at all.

        Everything queued must be written before.

        Raises:
            StorageFailed: The disk refuses; the old sink is still there.
        """
        path = self._sink.path
        try:
            crc = rebuild(self._files, path, projected(self._files, self._journal.file, state))
            old, self._sink = self._sink, Log(path, self._files, segment=(0, crc))
            old.close()
        except OSError as error:
            raise refused(path, error) from error
        state.sink_is_stale = False

    def write_manifest(self, manifest: Mapping[str, object]) -> None:
        """Replace `run.json` at once.

        Raises:
            StorageFailed: It cannot be written.
        """
        path = self.folder / MANIFEST
        text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z) + b"\n"
        try:
            rebuild(self._files, path, iter((text,)))
        except OSError as error:
            raise refused(path, error) from error

    # ------------------------------------------------------------------------------------------------------ closing

    def seal(self, changes: Mapping[str, Standing], mark: Mark) -> None:
        """Say in the index that the files are whole as they are now, so that opening them again need not read them.

        Everything queued must be written, synced and projected.
        """
        if self._index is None or self._journal.end == self._sealed_end:
            return
        if not (self._journal.is_as_left() and self._sink.is_as_left()):
            self.distrust()
            return
        self.save(changes, mark, self.checked())
        try:
            self._sink.sync()
            stamps = self._stamped(self._journal), self._stamped(self._sink)
            if self._index is not None:
                self._index.seal(mark.model_copy(update={"sealed": stamps}))
        except (OSError, sqlite3.Error) as error:
            self._give_up_index(error)

    def close(self) -> None:
        """Close the files.

        Raises:
            OSError: The disk refuses.
        """
        with ExitStack() as held:
            if self._index:
                held.callback(self._index.close)
            held.callback(self._sink.close)
            self._journal.close()

    def _stamped(self, file: Log) -> Stamp:
        """Give a file a time of change that no later write can have, and return its stamp."""
        now_ns = time_ns()
        self._files.set_mtime(file.file, now_ns - now_ns % _A_SECOND_NS - _A_SECOND_NS)
        return self._files.stamp(file.file)

    def distrust(self) -> None:
        """Let the next opening read the whole journal."""
        with self._indexing:
            if self._index is not None:
                with suppress(sqlite3.Error):
                    self._index.clear()
                self._index.close()
                self._index = None

    def _give_up_index(self, error: Exception) -> None:
        log.warning("index_failed", path=str(self.folder / INDEX), error=str(error))
        self._index = None


def unreadable(path: Path, error: OSError) -> StorageFailed:
    """Return what to say when the disk does not give back what was written."""
    return StorageFailed(f"{path} cannot be read ({error.strerror}); mend that, then run the same command again.")


def refused(path: Path, error: OSError) -> StorageFailed:
    """Return what to say when the disk refuses."""
    return StorageFailed(
        f"{path} cannot be written ({error.strerror}); mend that, then run the same command again: "
        "everything that was written before is kept."
    )
