"""An append-only file of whole lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK_BYTES = 1 << 16


class Log:
    """One writer's handle on an append-only file whose lines end in LF.

    A line is handed to the kernel before `append` returns, so it survives the death of the process. After a failed
    write nothing more is appended: the file may end in a torn line, which the next opening mends.
    """

    def __init__(self, path: Path) -> None:
        """Open `path` for appending, create it when absent, and mend a torn last line.

        Raises:
            StorageFailed: The file cannot be opened or mended.
        """
        self.path = path
        self.torn_bytes = 0
        """Bytes of an unfinished last line that were cut off and saved beside the file as `NAME.torn`."""
        try:
            self.torn_bytes = _cut_torn_line(path)
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._end = os.fstat(self._file).st_size
        except OSError as error:
            raise _failed(path, error) from error
        self._broken = False

    def append(self, line: bytes) -> int:
        """Write `line`, which holds no LF, and return the offset at which it starts.

        Raises:
            StorageFailed: The line could not be written whole, or an earlier one could not.
        """
        if self._broken:
            raise StorageFailed(f"{self.path} could not be written; free some space and run the same command again.")
        start = self._end
        rest = memoryview(line + b"\n")
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            self._broken = True
            raise _failed(self.path, error) from error
        self._end = start + len(line) + 1
        return start

    def check_in_place(self) -> None:
        """Make sure that the file is still where it was opened, so that nobody pays for what will be lost.

        Raises:
            StorageFailed: It was deleted or replaced.
        """
        try:
            in_place = os.path.samestat(self.path.stat(), os.fstat(self._file))
        except OSError:
            in_place = False
        if not in_place:
            self._broken = True
            raise StorageFailed(f"{self.path} was deleted or replaced while the run was going on; put it back.")

    def read(self, offset: int) -> bytes:
        """Return the line that starts at `offset`, without its LF."""
        parts: list[bytes] = []
        while block := os.pread(self._file, _BLOCK_BYTES, offset):
            line, newline, _ = block.partition(b"\n")
            parts.append(line)
            if newline:
                break
            offset += len(block)
        return b"".join(parts)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the bytes (without LF) of every whole line of `path`; nothing when there is no such file."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb", buffering=_BLOCK_BYTES) as file:
        for line in file:
            if line.endswith(b"\n"):
                yield offset, line[:-1]
            offset += len(line)


def _cut_torn_line(path: Path) -> int:
    if not path.exists():
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        whole = _end_of_last_line(file.fileno(), size)
        if whole == size:
            return 0
        file.seek(whole)
        path.with_name(f"{path.name}.torn").write_bytes(file.read())
        file.truncate(whole)
        os.fsync(file.fileno())
    return size - whole


def _end_of_last_line(file: int, size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def _failed(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"{path} cannot be written ({error.strerror}); mend that and run the same command again: nothing is lost."
    )
