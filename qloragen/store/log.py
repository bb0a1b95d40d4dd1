"""An append-only file of lines: queued by one thread, written and synced by another."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

from ..errors import StorageFailed
from .files import Files, Stamp

_BLOCK_BYTES = 1 << 16
_BATCH_BYTES = 4 << 20


class Log:
    """One writer's handle on a file whose lines end in LF.

    `put` only queues. `write` and `sync` act, and may be called in another thread, one at a time; a failed `write` has
    written some of the bytes or none, and the next one goes on where it stopped.
    """

    def __init__(self, path: Path, files: Files, *, segment: tuple[int, int] | None = None) -> None:
        """Open `path`, made when absent, to go on at its end; `segment` is where to begin with checksums, and the
        CRC-32 from there to the end.

        Raises:
            OSError: It cannot be opened.
        """
        self.path = path
        self._files = files
        self.file, stamp = _opened(path, files)
        self.written = stamp.size
        """Bytes that are with the kernel."""
        self.synced = self.written
        """Bytes that a loss of power leaves: as far as `sync` was called."""
        self.end = self.written
        """Where the next line will start."""
        self.touched = False
        """Someone else has changed the file, and left its size as it was."""
        self._queued: dict[int, bytes] = {}
        """Lines by where they start: from the first one of the batch that is being written on."""
        self._first = self.written
        """Where the first of them starts."""
        self._batch = (self.written, b"")
        """What is being written, and where it starts."""
        self._segment = segment or (self.written, 0)
        self._mtime_ns = stamp.mtime_ns

    def put(self, line: bytes) -> int:
        """Queue `line`, which holds no LF, and return the offset at which it will start."""
        start = self.end
        self._queued[start] = line
        self.end = start + len(line) + 1
        return start

    def write(self, end: int) -> None:
        """Hand everything before the offset `end`, which is that of a line, to the kernel.

        An exception at any moment, also that of a signal, leaves what was not written to the next call.

        Raises:
            OSError: The disk refuses; calling it again goes on.
            StorageFailed: The file is not as it was left: replaced, or written by someone else.
        """
        while self.written < end:
            start, batch = self._batch
            if self.written >= start + len(batch):
                self._check_in_place()
                start, batch = self._batch = (self.written, self._joined(end))
            count = self._files.write(self.file, memoryview(batch)[self.written - start :], self.written)
            if count <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self.written += count
            if self.written == start + len(batch):
                self._finish(start, batch)

    def sync(self) -> None:
        """Return once everything that is written would survive a loss of power. Not to be repeated after a failure:
        the kernel may have dropped what it could not write, and a second sync would succeed (PostgreSQL, "PANIC on
        fsync() failure", 2018).

        Raises:
            OSError: The disk refuses.
        """
        written = self.written
        if written > self.synced:
            self._files.sync(self.file)
            self.synced = written

    @property
    def unwritten(self) -> int:
        """How many lines are not, or not wholly, with the kernel."""
        return sum(at + len(line) >= self.written for at, line in self._queued.items())

    def is_as_left(self) -> bool:
        """Whether nobody else has changed the file since it was opened.

        Raises:
            OSError: The disk refuses.
        """
        stamp = self._files.stamp(self.file)
        return not self.touched and (stamp.size, stamp.mtime_ns) == (self.written, self._mtime_ns)

    def segment(self) -> tuple[int, int, int]:
        """Return start, end and CRC-32 of what was written since this was asked last."""
        start, crc = self._segment
        self._segment = (self.written, 0)
        return start, self.written, crc

    def read(self, offset: int) -> bytes:
        """Return the line that starts at `offset`, without its LF, also when it is still queued.

        Raises:
            OSError: The disk refuses.
        """
        if (queued := self._queued.get(offset)) is not None:
            return queued
        parts: list[bytes] = []
        while block := self._files.read(self.file, _BLOCK_BYTES, offset):
            line, newline, _ = block.partition(b"\n")
            parts.append(line)
            if newline:
                break
            offset += len(block)
        return b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        self._files.close(self.file)

    def _joined(self, end: int) -> bytes:
        """Return as many queued lines as are written at once."""
        at = self.written
        lines: list[bytes] = []
        while at < end and at - self.written < _BATCH_BYTES:
            line = self._queued[at]
            lines.append(line)
            at += len(line) + 1
        return b"\n".join([*lines, b""])

    def _finish(self, start: int, batch: bytes) -> None:
        """Forget lines that are in the file now: `read` finds them there."""
        self._mtime_ns = self._files.stamp(self.file).mtime_ns
        checked_from, crc = self._segment
        if checked_from <= start:
            self._segment = (checked_from, crc32(batch, crc))
        while self._first < self.written:
            line = self._queued.pop(self._first)
            self._first += len(line) + 1

    def _check_in_place(self) -> None:
        if not self._files.is_at(self.path, self.file):
            raise StorageFailed(f"{self.path} was deleted or replaced while the run was going on; put it back.")
        stamp = self._files.stamp(self.file)
        if stamp.size != self.written:
            raise StorageFailed(
                f"{self.path} was changed by something else while the run was going on; "
                "end that, then run the same command again: what is damaged is found and done again."
            )
        self.touched |= stamp.mtime_ns != self._mtime_ns


def _opened(path: Path, files: Files) -> tuple[int, Stamp]:
    """Return the descriptor of a file and its stamp; on a failure it is not left open."""
    file = files.open(path)
    with ExitStack() as held:
        held.callback(files.close, file)
        stamp = files.stamp(file)
        held.pop_all()
    return file, stamp
