"""One process at a time in a run directory."""

from __future__ import annotations

import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

from ..errors import RunLocked, StorageFailed
from .files import is_at
from .names import LOCK

_TRIES, _BETWEEN_TRIES_S = 20, 0.005
_LOOKS, _BETWEEN_LOOKS_S = 20, 0.01
_NAMED = re.compile(r"process (\d{1,9}) on (.+) since ")


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
            files = [_held(path, folder, held) for path in (folder / LOCK, folder / guarded)]
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


def owner(folder: Path) -> str:
    """Return which process has locked the run directory last, in words; empty where nobody ever did."""
    try:
        return (folder / LOCK).read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _held(path: Path, folder: Path, held: ExitStack) -> int:
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        held.callback(os.close, file)
        if not _taken(file):
            raise RunLocked(f"{folder} is in use by {_who(folder)}; wait for it to end, or choose another directory.")
        held.callback(_let_go, file, os.getpid())
        if is_at(path, file):  # else someone has deleted or replaced it since it was opened
            return file


def _taken(file: int) -> bool:
    """Take the lock, unless someone has it for longer than `in_use` needs."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sleep(_BETWEEN_TRIES_S)
        else:
            return True
    return False


def _let_go(file: int, taker: int) -> None:
    """Let go of the lock for forked processes as well, which have it too; but when one of them ends, keep it."""
    if os.getpid() == taker:
        fcntl.flock(file, fcntl.LOCK_UN)


def _say_who(file: int) -> None:
    since = datetime.now(UTC)
    who = f"process {os.getpid()} on {socket.gethostname()} since {since:%Y-%m-%d %H:%M:%S} UTC".encode()
    # Longer first, then cut: whoever reads meanwhile sees some owner, not none.
    os.pwrite(file, who, 0)
    os.ftruncate(file, len(who))


def _who(folder: Path) -> str:
    """Return who holds the lock. Whoever has only just taken it has not said so yet: then nobody is named, or the one
    before, who is dead."""
    said = ""
    for _ in range(_LOOKS):
        said = owner(folder)
        if said and not _is_dead(said):
            break
        sleep(_BETWEEN_LOOKS_S)
    return said or "another process"


def _is_dead(said: str) -> bool:
    """Tell whether the named process is known to have ended; of one on another machine that is not known."""
    named = _NAMED.match(said)
    if named is None or named[2] != socket.gethostname():
        return False
    try:
        os.kill(int(named[1]), 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)  # else it lives, under another user
    return False
