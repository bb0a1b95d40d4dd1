"""How far the sinks of a run are behind, seen from its files alone."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path

from ..errors import SetupError
from ..store.feed import changes_between, is_there
from ..store.files import Disk
from ..store.frame import is_whole
from ..store.names import JOURNAL, SINKS
from ..store.scan import lines
from .places import place_of


def missing_in_sinks(folder: str | Path) -> dict[str, int]:
    """Return how many records of the run in `folder` each of its sinks does not have, or not as they are now, by name.

    They are those that have been given records, or were in trouble when they were to be. A process may be at work.

    Raises:
        SetupError: A file cannot be read.
    """
    folder = Path(folder)
    names = sorted(file.stem for file in (folder / SINKS).glob("[!.]*.json"))
    if not names:
        return {}
    try:
        with (folder / JOURNAL).open("rb") as journal:
            read = _Read(journal.fileno())
            return {name: _missing(read, folder, name) for name in names}
    except OSError as error:
        raise SetupError(f"The run in {folder} cannot be read ({error.strerror}).") from error


class _Read:
    """A journal that others may write."""

    def __init__(self, file: int) -> None:
        self._file = file

    def placed(self, start: int, end: float, block_bytes: int) -> Iterator[tuple[int, bytes]]:
        for at, line, _ in lines(Disk(), self._file, start, block_bytes):
            if at >= end:
                return
            if is_whole(line):
                yield at, line


def _missing(journal: _Read, folder: Path, name: str) -> int:
    place = place_of(folder, name)
    return changes_between(journal, place.end if is_there(journal, place) else 0, inf)
