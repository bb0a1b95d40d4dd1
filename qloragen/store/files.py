"""The one seam to the disk: every file operation of a run directory goes through it.

Tests put others in its place: a disk that fails at its n-th operation, or one that loses what was not synced.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Protocol


class Stamp(NamedTuple):
    """What tells that a file was touched without reading it."""

    inode: int
    size: int
    mtime_ns: int


class Files(Protocol):
    """What the store needs of a disk; every method raises OSError when the disk does."""

    def open(self, path: Path) -> int:
        """Open `path` for reading and writing, private to its owner, made when absent; returns its descriptor."""
        ...

    def read(self, file: int, count: int, offset: int) -> bytes:
        """Return up to `count` bytes from `offset`; empty at the end of the file."""
        ...

    def write(self, file: int, data: memoryview, offset: int) -> int:
        """Write `data` at `offset`; returns how many of its bytes were written, which may be fewer."""
        ...

    def sync(self, file: int) -> None:
        """Return once everything written to `file` would survive a loss of power."""
        ...

    def cut(self, file: int, size: int) -> None:
        """Drop what is beyond `size` bytes."""
        ...

    def stamp(self, file: int) -> Stamp:
        """Return the identity, size and time of change of an open file."""
        ...

    def set_mtime(self, file: int, mtime_ns: int) -> None:
        """Say when `file` was changed last."""
        ...

    def is_at(self, path: Path, file: int) -> bool:
        """Whether the open file is still what `path` names."""
        ...

    def replace(self, draft: Path, path: Path) -> None:
        """Give `draft` the name `path`, at once and for good: a reader sees the old file or the new one."""
        ...

    def remove(self, path: Path) -> None:
        """Delete the file `path`, if it is there."""
        ...

    def make_folder(self, path: Path) -> None:
        """Make sure that there is a folder `path`, private to its owner when new, and that a loss of power leaves it.

        Raises:
            FileExistsError: `path` is a file.
        """
        ...

    def close(self, file: int) -> None:
        """Close a descriptor."""
        ...


class Disk:
    """The files of the operating system."""

    def open(self, path: Path) -> int:
        """Open or make a file; a new one is also made durable in its folder."""
        flags = os.O_RDWR | os.O_CLOEXEC
        try:
            return os.open(path, flags)
        except FileNotFoundError:
            file = os.open(path, flags | os.O_CREAT, 0o600)
        _sync_folder(path.parent)
        return file

    def read(self, file: int, count: int, offset: int) -> bytes:
        """Read at an offset."""
        return os.pread(file, count, offset)

    def write(self, file: int, data: memoryview, offset: int) -> int:
        """Write at an offset."""
        return os.pwrite(file, data, offset)

    def sync(self, file: int) -> None:
        """Flush data, and as much of the metadata as reading it back needs."""
        _datasync(file)

    def cut(self, file: int, size: int) -> None:
        """Shorten a file."""
        os.ftruncate(file, size)

    def stamp(self, file: int) -> Stamp:
        """Look at an open file."""
        status = os.fstat(file)
        return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)

    def set_mtime(self, file: int, mtime_ns: int) -> None:
        """Set the time of change."""
        os.utime(file, ns=(mtime_ns, mtime_ns))

    def is_at(self, path: Path, file: int) -> bool:
        """Compare what a path names with an open file."""
        return is_at(path, file)

    def replace(self, draft: Path, path: Path) -> None:
        """Rename, and make the new name durable."""
        draft.replace(path)
        _sync_folder(path.parent)

    def remove(self, path: Path) -> None:
        """Delete; that alone need not be durable."""
        path.unlink(missing_ok=True)

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, and make their names durable.

        That of `path` also when it is there: whoever made it may have died before.
        """
        absent = [folder for folder in path.parents if not folder.exists()]
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (path, *absent):
            with suppress(PermissionError):  # in a folder that may not be listed, files can be made all the same
                _sync_folder(folder.parent)

    def close(self, file: int) -> None:
        """Close a descriptor."""
        os.close(file)


# macOS has no fdatasync.
_datasync = getattr(os, "fdatasync", os.fsync)


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def is_at(path: Path, file: int) -> bool:
    """Whether the open file is still what `path` names; raises OSError."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


@contextmanager
def opened(files: Files, path: Path) -> Iterator[int]:
    """Open `path` for the block; raises OSError, also at the block's end."""
    file = files.open(path)
    try:
        yield file
    finally:
        files.close(file)


def write_all(files: Files, file: int, data: bytes, at: int) -> int:
    """Write all of `data` at offset `at`, and return where it ends.

    Raises:
        OSError: The disk refuses; some of it may be written.
    """
    rest = memoryview(data)
    while rest:
        count = files.write(file, rest, at)
        if count <= 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        rest, at = rest[count:], at + count
    return at
