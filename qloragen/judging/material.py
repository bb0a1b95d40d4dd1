"""The records that are judged and their articles, read from a run that is not opened: others may work in it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, get_args

from pydantic import ValidationError

from ..domain.pack import Pack
from ..errors import SetupError
from ..export import Holds, of_any
from ..export.example import chosen_lines
from ..manifest import read_manifest
from ..pipeline.circumstances import Present
from ..store.files import Disk
from ..store.frame import is_whole
from ..store.lines import article_of, record_of
from ..store.names import JOURNAL, SINK
from ..store.run import reading_run
from ..store.scan import lines
from ..store.state import State
from ..types import Article, Draft, Format, InstructionType, Record, digest
from .places import Place, Places

_DISK = Disk()


class _Where(NamedTuple):
    """Where an article is, and how it is marked up."""

    at: int
    format: Format


@dataclass(slots=True)
class Survey:
    """All records of a run that an export would take."""

    places: Places = field(default_factory=Places)
    models: Counter[str] = field(default_factory=Counter)
    """Model to records that it has made."""
    strangers: Counter[str] = field(default_factory=Counter)
    """Because of what records cannot be judged, in words, to how many."""


KeyOf = Callable[[Format, Record, InstructionType], bytes]
"""Returns the key of the cell of a record's judgement, whose article is marked up so."""


class Material:
    """Records and articles of a run, as they are when it is looked at; made by `reading_material`."""

    def __init__(self, folder: Path, pack: Pack, state: State, journal: BinaryIO, sink: BinaryIO) -> None:
        self._folder = folder
        self._types = {kind.slug: kind for kind in pack.types}
        self._state = state
        self._journal = journal
        self._sink = sink
        self._formats = list(get_args(Format))

    def survey(self, key_of: KeyOf) -> Survey:
        """Return where all records are that an export would take.

        Raises:
            SetupError: A line of the sink is no record.
        """
        found = Survey()
        for line in chosen_lines(self._sink, holds_in(self._folder)):
            record = self._record(line.text)
            stands, kind = self._where(record.content_hash), self._types.get(record.type_slug)
            if stands is None or kind is None:
                found.strangers["type that the pack does not have" if kind is None else "article that is missing"] += 1
                continue
            found.models[record.model] += 1
            rank = int(digest(f"judge:{record.id}")[:16], 16)
            found.places.add(Place(stands.at, line.at, rank, key_of(stands.format, record, kind)))
        return found

    def article(self, at: int) -> Article | None:
        """Return the article at an offset of the journal; None when it is damaged."""
        _, line, _ = next(lines(_DISK, self._journal.fileno(), at, block_bytes=_BLOCK_BYTES), (0, b"", False))
        try:
            return article_of(line) if is_whole(line) else None
        except ValidationError:
            return None

    def record(self, at: int) -> tuple[Record, InstructionType]:
        """Return the record at an offset of the sink, with its type."""
        self._sink.seek(at)
        record = self._record(self._sink.readline())
        return record, self._types[record.type_slug]

    def _record(self, line: bytes) -> Record:
        try:
            return record_of(line)
        except ValidationError as error:
            raise SetupError(
                f"{self._folder / SINK} has a line that is no record: `qloragen rebuild {self._folder}` writes it anew."
            ) from error

    def _where(self, content_hash: str) -> _Where | None:
        for place, markup in enumerate(self._formats):
            at = self._state.article_offset(content_hash, markup)
            if at is not None:
                self._formats.insert(0, self._formats.pop(place))  # most articles of a run are marked up alike
                return _Where(at, markup)
        return None


_BLOCK_BYTES = 64 << 10


def holds_in(folder: Path) -> Holds:
    """Return what tells the records of a run that were made under its last circumstances from others."""
    manifest = read_manifest(folder)
    return Present(manifest.circumstances[-1]).holds if manifest and manifest.circumstances else of_any


def draft_of(record: Record) -> Draft:
    """Return the three fields of a record, as training takes them."""
    return Draft(record.instruction, record.input, record.output.strip())


@contextmanager
def reading_material(folder: Path, pack: Pack) -> Iterator[Material]:
    """Read the records of the run in `folder` within the block; nothing in it is locked or changed.

    Raises:
        SetupError: There is no run in `folder`, or it has no records.
    """
    with reading_run(folder) as state, ExitStack() as files:
        try:
            journal = files.enter_context((folder / JOURNAL).open("rb"))
            sink = files.enter_context((folder / SINK).open("rb"))
            empty = not os.fstat(sink.fileno()).st_size
        except OSError as error:
            raise SetupError(f"The records of {folder} cannot be read ({error.strerror}).") from error
        if empty:
            raise SetupError(f"The run in {folder} has no records to judge; `qloragen status {folder}` says why.")
        yield Material(folder, pack, state, journal, sink)
