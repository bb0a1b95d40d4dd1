"""What opening a run would say, found out without changing anything."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import NoReturn

from ..errors import SetupError
from .files import Disk, Stamp
from .index import Index, IndexFailed
from .names import INDEX
from .recovery import recover


def refusal(folder: Path, *, most_loss_usd: Decimal | None) -> str | None:
    """Return why the run would not be opened; None when it would, whatever there is to mend.

    Raises:
        OSError: A file cannot be read.
    """
    index: Index | None = None
    try:
        with suppress(sqlite3.Error, IndexFailed, ValueError):  # then opening would do without it as well
            index = Index(folder / INDEX, read_only=True)
            return _refusal(folder, index, most_loss_usd)
        return _refusal(folder, None, most_loss_usd)
    finally:
        if index:
            index.close()


def _refusal(folder: Path, index: Index | None, most_loss_usd: Decimal | None) -> str | None:
    try:
        recover(folder, _OnlyLooking(), index, most_loss_usd=most_loss_usd)
    except SetupError as error:
        return str(error)
    except _WouldChangeError:
        return None  # opening refuses before it changes anything
    return None


class _WouldChangeError(Exception):
    """A file would be changed now."""


class _OnlyLooking:
    """A disk for which changing anything is the end."""

    def __init__(self) -> None:
        self._disk = Disk()

    def open(self, path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def read(self, file: int, count: int, offset: int) -> bytes:
        return self._disk.read(file, count, offset)

    def stamp(self, file: int) -> Stamp:
        return self._disk.stamp(file)

    def is_at(self, path: Path, file: int) -> bool:
        return self._disk.is_at(path, file)

    def close(self, file: int) -> None:
        self._disk.close(file)

    @staticmethod
    def _refuse(*_: object, **__: object) -> NoReturn:
        raise _WouldChangeError

    write = sync = cut = set_mtime = replace = remove = make_folder = _refuse
