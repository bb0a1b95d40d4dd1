"""One process at a time in a run directory."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import RunLocked, StorageFailed

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of `folder` within the block. The system lets go of it when the process dies, however it dies.

    Raises:
        RunLocked: Another process holds it; the message says which, where, and since when.
        StorageFailed: The lock cannot be made.
    """
    path = folder / LOCK
    try:
        file = _held(path)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be locked ({error.strerror}); mend that, then run it again.") from error
    try:
        yield
    finally:
        os.close(file)


def in_use(folder: Path) -> bool:
    """Say whether a process works in the run directory at this moment."""
    try:
        with (folder / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _held(path: Path) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(file, path)
            if _is_at(path, file):
                return file
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # someone has deleted or replaced it since it was opened


def _take(file: int, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.read(file, 500).decode("utf-8", "replace").strip() or "another process"
        raise RunLocked(
            f"{path.parent} is in use by {owner}; wait for it to end, or choose another directory."
        ) from error
    since = datetime.now(UTC)
    owner = f"process {os.getpid()} on {socket.gethostname()} since {since:%Y-%m-%d %H:%M:%S} UTC"
    # Longer first, then cut: whoever reads meanwhile sees some owner, not none.
    os.pwrite(file, owner.encode(), 0)
    os.ftruncate(file, len(owner.encode()))


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
