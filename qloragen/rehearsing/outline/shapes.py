"""What articles ask of the models, as a sample of them has shown: the calls of each, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from ...types import Request


@dataclass(frozen=True, slots=True, eq=False)
class Ask:
    """One call of a cell, without what may go wrong with it on the way."""

    request: Request
    visible_tokens: int
    """Completion tokens of its reply, without those of reasoning; 0 for decisions."""


@dataclass(frozen=True, slots=True)
class CellShape:
    """One cell: calls that follow one another, until a reply can be used or the cell is given up."""

    asks: tuple[Ask, ...]
    """None where the first call could not be made."""
    rejected: str | None
    """Why it was given up after the last of them; None where that one's reply was used."""


@dataclass(frozen=True, slots=True)
class ArticleShape:
    """The calls of one article."""

    classification: CellShape
    records: tuple[CellShape, ...]
    """In the order in which they were begun."""

    @property
    def shared(self) -> bool:
        """Whether one of the records' calls goes ahead, so that the others find the article in the prompt cache."""
        asks = [ask for cell in self.records for ask in cell.asks]
        return any(message.shared for ask in asks[:1] for message in ask.request.messages)


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a sample of articles has shown."""

    articles: tuple[ArticleShape, ...]
    """In the order of the sample."""
    calls: int
    """HTTP calls that the sample took."""
    cpu_s: float
    """CPU seconds that qloragen's own work took for them."""
