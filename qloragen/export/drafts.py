"""What is being made, under a name of its own beside the place that it is for, until it is complete.

Whoever makes it holds a lock on it, which the system takes from the dead: so what they have left behind is known for
it, and goes when something is made for the same place again.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from shutil import rmtree

Make = Callable[[Path], int | None]
"""Makes what is not there yet, and returns it open; None when it was swept away before that. Raises OSError."""

_NAME_BYTES = 8


@contextmanager
def drafted(target: Path, make: Make) -> Iterator[tuple[Path, int]]:
    """Make a draft for `target` and yield its path, and it itself, open. It is gone when the context is left, unless it
    was moved; so is whatever else has its name by then.

    Raises:
        OSError: It cannot be made.
    """
    _sweep(target)
    path, held = _held(target, make)
    try:
        yield path, held
    finally:
        _remove(path)
        os.close(held)


def new_file(path: Path) -> int:
    """Make a file to write to."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def new_folder(path: Path) -> int | None:
    """Make a folder."""
    path.mkdir()
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None


def _held(target: Path, make: Make) -> tuple[Path, int]:
    while True:
        path = target.with_name(f".{target.name}.{token_hex(_NAME_BYTES)}.partial")
        held = make(path)
        if held is None:
            continue
        with suppress(OSError):  # a file system without locks: then nobody takes it for a dead one's either
            fcntl.flock(held, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):  # swept away before it was locked
            if os.path.samestat(path.stat(), os.fstat(held)):
                return path, held
        os.close(held)


def _sweep(target: Path) -> None:
    """Remove the drafts for `target` that nobody works at any more."""
    drafts = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _NAME_BYTES}}}\.partial")
    with suppress(OSError):  # what cannot be removed is in nobody's way
        for path in target.parent.iterdir():
            if drafts.fullmatch(path.name):
                _remove_abandoned(path)


def _remove_abandoned(path: Path) -> None:
    with suppress(OSError):  # in use, or another's
        held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove(path)
        finally:
            os.close(held)


def _remove(path: Path) -> None:
    if path.is_dir():
        rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
