"""What the files of a run say is done, paid for and missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from .ledger import Account, Ledger
from .lines import (
    ArticleLine,
    JournalLine,
    RecordLine,
    RejectionLine,
    ReplyLine,
    TypesLine,
    parse_journal_line,
    record_of,
    rejection_of,
    reply_of,
)
from .log import lines

if TYPE_CHECKING:
    from pathlib import Path

    from ..types import Format, Record, Rejection, Reply


@dataclass(slots=True)
class State:
    """The meaning of a run's files: changed by one line at a time, whether it is being written or read back.

    A cell is settled once it has a record, types, or a rejection; nothing is ever asked for it again.
    """

    ledger: Ledger = field(default_factory=Ledger)
    articles: dict[tuple[str, Format], int] = field(default_factory=dict)
    """Content hash and markup to the offset of the article's journal line."""
    types: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """Settled classifications: cell key to type numbers."""
    records: dict[str, int] = field(default_factory=dict)
    """Cell key to the offset of its sink line."""
    rejections: dict[str, str] = field(default_factory=dict)
    """Cells given up for good: key to reason."""
    failures: dict[str, str] = field(default_factory=dict)
    """Cells given up for now: key to reason."""
    replies: dict[str, list[int]] = field(default_factory=dict)
    """Unsettled cells: key to the offsets of its paid replies."""
    records_by_type: Counter[str] = field(default_factory=Counter)
    damaged_lines: int = 0
    """Lines that could not be read, for example after editing by hand; they count as absent."""

    def settled(self, key: str) -> bool:
        """Say whether nothing is left to ask for the cell."""
        return key in self.records or key in self.types or key in self.rejections

    def add_article(self, content_hash: str, format: Format, offset: int) -> None:
        """Note an article that is in the journal."""
        self.articles.setdefault((content_hash, format), offset)

    def add_reply(self, reply: Reply, offset: int) -> None:
        """Note a paid reply: bill it, and keep its place until its cell is settled."""
        cell = reply.cell
        self.ledger.charge(Account(cell.model, cell.stage, cell.type_slug), reply.usage, reply.cost_usd)
        if not self.settled(cell.key):
            self.replies.setdefault(cell.key, []).append(offset)

    def add_types(self, key: str, types: tuple[int, ...]) -> None:
        """Settle a classification."""
        self._settle(key)
        self.types[key] = types

    def add_record(self, record: Record, offset: int) -> None:
        """Settle a generation with a record. The first line of an id counts."""
        if record.id in self.records:
            return
        self._settle(record.id)
        self.records[record.id] = offset
        self.records_by_type[record.type_slug] += 1

    def add_rejection(self, rejection: Rejection) -> None:
        """Settle a cell without a result. A record, which can only have come later, stays."""
        if rejection.cell.key in self.records:
            return
        self._settle(rejection.cell.key)
        self.rejections[rejection.cell.key] = rejection.reason

    def add_failure(self, failure: Rejection) -> None:
        """Note a cell that a later run will ask for again."""
        if not self.settled(failure.cell.key):
            self.failures[failure.cell.key] = failure.reason

    def replace_records(self, fresh: State) -> None:
        """Let the records of `fresh` take the place of all records so far."""
        self.records, self.records_by_type = fresh.records, fresh.records_by_type
        for key in self.records:
            self._settle(key)

    def _settle(self, key: str) -> None:
        for unsettled in (self.replies, self.failures, self.rejections):
            unsettled.pop(key, None)


def read_state(journal: Path, sink: Path) -> State:
    """Read both files of a run, which may be absent, into their meaning. Takes no lock and changes nothing."""
    state = State()
    for offset, line in lines(sink):
        try:
            state.add_record(record_of(RecordLine.model_validate_json(line)), offset)
        except ValidationError:
            state.damaged_lines += 1
    for offset, line in lines(journal):
        try:
            apply_line(state, parse_journal_line(line), offset)
        except ValidationError:
            state.damaged_lines += 1
    return state


def apply_line(state: State, line: JournalLine, offset: int) -> None:
    """Let one journal line take effect."""
    match line:
        case ArticleLine():
            state.add_article(line.content_hash, line.format, offset)
        case ReplyLine():
            state.add_reply(reply_of(line), offset)
        case TypesLine():
            state.add_types(line.cell, line.types)
        case RejectionLine(kind="rejection"):
            state.add_rejection(rejection_of(line))
        case RejectionLine():
            state.add_failure(rejection_of(line))
