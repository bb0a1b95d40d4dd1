"""What articles ask of the models, as a sample of them has shown: the calls of each, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...settings import Settings
from ...simulator import Simulation
from ...types import Article, Request


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
    rejected: str | None
    """Why it was given up after the last of them; None where that one's reply was used."""


@dataclass(frozen=True, slots=True)
class ArticleShape:
    """The calls of one article."""

    classification: CellShape
    records: tuple[CellShape, ...]
    """In the order in which they were begun."""


@dataclass(frozen=True, slots=True)
class Shapes:
    """What a sample of articles has shown."""

    articles: tuple[ArticleShape, ...]
    """In the order of the sample."""
    calls: int
    """HTTP calls that the sample took."""
    cpu_s: float
    """CPU seconds that qloragen's own work took for them."""


def shapes_of(articles: Sequence[Article], settings: Settings, simulation: Simulation) -> Shapes:
    """Play a sample of articles with the real pipeline, and return what they ask of the models.

    The provider is that of `simulation`, but nothing goes wrong there: faults are for those who play the shapes. Nor is
    there any spending limit. It blocks, and needs a thread in which no event loop runs.

    Raises:
        SettingsError: The settings cannot be used, or ask for batches, which have no outline.
        SetupError: As for `Session`.
    """
    raise NotImplementedError
