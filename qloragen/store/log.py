"""An append-only file of lines: queued by one thread, written and synced by another."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from zlib import crc32

from ..errors import StorageFailed
from .files import Files

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
        self.file, self.written = _opened(path, files)
        """Bytes that are with the kernel."""
        self.synced = self.written
        """Bytes that a loss of power leaves: as far as `sync` was called."""
        self.end = self.written
        """Where the next line will start."""
        self._queue: deque[bytes] = deque()
        self._rest = memoryview(b"")
        self._batch: tuple[int, Sequence[bytes]] = (self.written, ())
        """Lines that are being written, and the offset of the first."""
        self._whole = self.written
        self._segment = segment or (self.written, 0)

    def put(self, line: bytes) -> int:
        """Queue `line`, which holds no LF, and return the offset at which it will start."""
        start = self.end
        self._queue.append(line)
        self.end = start + len(line) + 1
        return start

    def write(self, end: int) -> None:
        """Hand everything before the offset `end`, which is that of a line, to the kernel.

        Raises:
            OSError: The disk refuses; calling it again goes on.
            StorageFailed: The file is not as it was left: replaced, or written by someone else.
        """
        while self._rest or self.written < end:
            if not self._rest:
                self._check_in_place()
                self._take(end)
            count = self._files.write(self.file, self._rest, self.written)
            if count <= 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            self._rest = self._rest[count:]
            self.written += count
            if not self._rest:
                self._whole = self.written
                self._batch = (self.written, ())

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
        if offset >= self._whole and (queued := self._queued(offset)) is not None:
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

    def _take(self, end: int) -> None:
        """Put as many queued lines together as are written at once."""
        at = start = self.written
        lines: list[bytes] = []
        for line in tuple(self._queue):
            if at >= end or at - start >= _BATCH_BYTES:
                break
            lines.append(line)
            at += len(line) + 1
        # A line is here before it leaves the queue, and in the file before it leaves here; `read` looks in that order.
        self._batch = (start, lines)
        for _ in lines:
            self._queue.popleft()
        batch = b"\n".join([*lines, b""])
        start, crc = self._segment
        self._segment = (start, crc32(batch, crc))
        self._rest = memoryview(batch)

    def _queued(self, offset: int) -> bytes | None:
        """Return a line that is not written yet; None when it is by now, or was never put."""
        at = self.end
        for line in reversed(tuple(self._queue)):
            at -= len(line) + 1
            if at == offset:
                return line
        at, lines = self._batch
        for line in lines:
            if at == offset:
                return line
            at += len(line) + 1
        return None

    def _check_in_place(self) -> None:
        if not self._files.is_at(self.path, self.file):
            raise StorageFailed(f"{self.path} was deleted or replaced while the run was going on; put it back.")
        if self._files.stamp(self.file).size != self.written:
            raise StorageFailed(
                f"{self.path} was changed by something else while the run was going on; "
                "end that, then run the same command again: what is damaged is found and done again."
            )


def _opened(path: Path, files: Files) -> tuple[int, int]:
    """Return the descriptor of a file and its size; on a failure it is not left open."""
    file = files.open(path)
    with ExitStack() as held:
        held.callback(files.close, file)
        size = files.stamp(file).size
        held.pop_all()
    return file, size
