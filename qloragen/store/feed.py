"""What has changed in the records of a run, read from its journal: for whoever keeps a copy of them.

A copy that has followed the journal up to a place has the records that counted there. What comes after it is read in
portions that fit in memory, of lines that are safe in the journal. A record counts when the last line about its cell
says so; lines that are outdone by later ones are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import NamedTuple, Protocol

import orjson
from pydantic import ValidationError

from ..logs import get_logger
from ..types import Record
from .filing import Filing
from .frame import checksum_of, key_of, kind_of
from .lines import record_in
from .state import State

MOST_CHANGES = 200
"""In one portion."""
MOST_BYTES = 4 << 20
"""Of the lines in one portion, but for the last one."""
_BLOCK_BYTES = 1 << 20
_RECORDS = frozenset({"record", "revised"})

log = get_logger()


class Place(NamedTuple):
    """How far a journal was followed: to the end of a line, which tells this journal from others."""

    end: int = 0
    """Where the next line starts."""
    line: int = 0
    """Where the line starts."""
    checksum: str = ""
    """What it says of itself."""


START = Place()


class Change(NamedTuple):
    """One line that says something of a record."""

    at: int
    id: str
    record: Record | None
    """None: it counts no more."""


class Portion(NamedTuple):
    """A part of a journal."""

    changes: tuple[Change, ...]
    lines: int
    """How many lines they were; those of another program count as well."""
    place: Place
    end: int
    """Up to where it was read."""


class Current(NamedTuple):
    """What a copy has to do."""

    put: tuple[Record, ...]
    drop: tuple[str, ...]
    """Ids of records that count no more."""


class Placed(Protocol):
    """A journal, as far as it is needed to see where a copy stands."""

    def placed(self, start: int, end: float, block_bytes: int) -> Iterator[tuple[int, bytes]]:
        """Yield the whole lines that begin from `start` to before `end`, each with its offset."""


def is_there(journal: Placed, place: Place) -> bool:
    """Say whether a copy can be gone on with from a place: the journal has the line that it was taken from, and no
    damage was found since. What was damaged may have taken a record back, which then counts again.

    Raises:
        StorageFailed: It cannot be read.
    """
    if place == START:
        return True
    placed = journal.placed(place.line, inf, _BLOCK_BYTES)
    found = next(placed, None)
    return found is not None and _place(*found) == place and not any(kind_of(line) == "damaged" for _, line in placed)


def changes_between(journal: Placed, start: int, end: float) -> int:
    """Return how many lines say something of a record, of those that begin from `start` to before `end`.

    Raises:
        StorageFailed: It cannot be read.
    """
    return sum(_is_change(line) for _, line in journal.placed(start, end, _BLOCK_BYTES))


def portion(filing: Filing, start: int, end: int, place: Place) -> Portion:
    """Return what comes next, of the lines that begin from `start` to before `end`; `place` is the last one so far.

    Raises:
        StorageFailed: It cannot be read.
    """
    changes: list[Change] = []
    count = size = at = 0
    line = b""
    for at, line in filing.placed(start, end, _BLOCK_BYTES):
        if _is_change(line):
            changes += _changes(filing, at, line)
            count += 1
            size += len(line)
        if count == MOST_CHANGES or size >= MOST_BYTES:
            reached = _place(at, line)
            return Portion(tuple(changes), count, reached, reached.end)
    return Portion(tuple(changes), count, _place(at, line) if line else place, end)


def current(changes: Iterable[Change], state: State, end: int) -> Current:
    """Return what of `changes` counts, as the run stands; they were read up to `end`, which is safe.

    A record that is to be taken back is, also when a line after `end` makes a new one: that line may be lost yet.
    """
    put: list[Record] = []
    drop: dict[str, None] = {}
    for change in changes:
        stands = state.record_offset(change.id)
        if change.record is None:
            if stands is None or stands >= end:
                drop[change.id] = None
        elif stands == change.at:
            put.append(change.record)
    return Current(tuple(put), tuple(drop))


def _is_change(line: bytes) -> bool:
    kind = kind_of(line)
    return kind in _RECORDS or (kind == "rejection" and orjson.loads(line).get("withdraws") is True)


def _changes(filing: Filing, at: int, line: bytes) -> Iterator[Change]:
    if kind_of(line) not in _RECORDS:
        yield Change(at, key_of(line), None)
        return
    try:
        record = record_in(line)
    except ValidationError as error:
        what = error.errors()[0]["msg"]
    else:
        yield Change(at, key_of(line), record)
        return
    log.error("record_unreadable", folder=str(filing.folder), cell=key_of(line), error=what)


def _place(at: int, line: bytes) -> Place:
    return Place(at + len(line) + 1, at, checksum_of(line))
