"""What is known about replies before the first one: data of a prompt pack, for estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..types import InputMode


@dataclass(frozen=True, slots=True)
class Range:
    """A figure that is not known for certain; `low` <= `likely` <= `high`."""

    low: float
    likely: float
    high: float


@dataclass(frozen=True, slots=True)
class Prior:
    """What replies to a pack's prompts are likely to come to."""

    types_per_article: Range
    """Instruction types that an article supports, on average."""
    types_tokens: Range
    """Completion tokens of a classification in bare numbers."""
    record_tokens: Mapping[InputMode, Range]
    """Completion tokens of a reply with a record."""
    asks_per_record: Range
    """Replies that it takes to settle a record, those included that are refused and asked for again."""
    accepted: Range
    """Share of the records asked for that are accepted in the end."""
    doubtful: Range
    """Share of the articles for which a cascade asks the strong model too."""
