"""One process at a time in a run directory."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ..errors import RunLocked, StorageFailed
from .names import LOCK


@contextmanager
def locked(folder: Path, guarded: str) -> Iterator[None]:
    """Hold the lock of `folder` within the block. The system lets go of it when the process dies, however it dies.

    The file `guarded`, made when absent, is locked as well: deleting the lock file by hand lets nobody in.

    Raises:
        RunLocked: Another process holds it; the message says which, where, and since when.
        StorageFailed: The lock cannot be made.
    """
    with ExitStack() as held:
        try:
            files = [_held(path, folder / LOCK, held) for path in (folder / LOCK, folder / guarded)]
            _say_who(files[0])
        except OSError as error:
            raise StorageFailed(
                f"{folder} cannot be locked ({error.strerror}); mend that, then run it again."
            ) from error
        yield


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


def _held(path: Path, owner: Path, held: ExitStack) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held.callback(os.close, file)
        _take(file, owner)
        if _is_at(path, file):  # else someone has deleted or replaced it since it was opened
            return file


def _take(file: int, owner: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        who = owner.read_text("utf-8", "replace").strip() if owner.exists() else ""
        raise RunLocked(
            f"{owner.parent} is in use by {who or 'another process'}; wait for it to end, or choose another directory."
        ) from error


def _say_who(file: int) -> None:
    since = datetime.now(UTC)
    who = f"process {os.getpid()} on {socket.gethostname()} since {since:%Y-%m-%d %H:%M:%S} UTC".encode()
    # Longer first, then cut: whoever reads meanwhile sees some owner, not none.
    os.pwrite(file, who, 0)
    os.ftruncate(file, len(who))


def _is_at(path: Path, file: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False
