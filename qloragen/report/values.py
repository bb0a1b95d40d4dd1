"""What a report holds, as plain values: made by `gather`, shown as text, JSON and HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from ..judging.values import Judged
from ..types import Format
from .fields import fields_of

Unit = Literal["share", "count", "usd", "tokens", "number"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the funnel: `count` went in, and is the sum of `onward` (to the next step) and of `lost`."""

    name: str
    """`pieces`, `articles`, `classified`, `pairs`, `calls`, `parsed`, `accepted`..."""
    count: int
    onward: int
    lost: Mapping[str, int]
    """Reason to how many ended here."""
    notes: Mapping[str, int]
    """Parts of `onward` of their own interest, such as `repaired`."""
    meaning: str = ""
    """What is counted here, for people, in some words."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the quality table."""

    name: str
    value: float | None
    """None: nothing to measure it by."""
    unit: Unit
    goal: str
    """`>= 98 %`; empty for a row that is only told."""
    passed: bool | None
    of: int
    """Records, or whatever else, that it was measured on."""
    low: float | None = None
    """Wilson's 95 % interval, where only a sample was looked at."""
    high: float | None = None
    note: str = ""
    key: str = ""
    """The row's name for programs: stays the same when its words change."""


@dataclass(frozen=True, slots=True)
class TypeRow:
    """One instruction type."""

    number: int
    slug: str
    pairs: int
    """Cells: an article and this type."""
    accepted: int
    first_pass: int
    """Of the accepted ones, those that needed no second call."""
    rejected: int
    share: float
    """Of all accepted records."""
    supported: float | None
    """Median share of the output's words that instruction and input have."""
    tokens: float | None
    """Median length of a training prompt."""
    cost_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long one field is, in tokens."""

    field: str
    """`instruction`, `input`, `output`, `training prompt`."""
    p5: int
    p50: int
    p95: int
    longest: int


@dataclass(frozen=True, slots=True)
class Diversity:
    """How different the records are from one another."""

    records: int
    unique_instructions: int
    leading: tuple[tuple[str, int], ...]
    """The most frequent beginnings of instructions, with how often."""
    distinct: Mapping[str, tuple[float, float, float]]
    """Field to distinct-1, distinct-2, distinct-3: different runs of so many words, of all."""
    entropy: float | None
    """Of the types, from 0 to 1 (all alike frequent)."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one model has cost."""

    model: str
    calls: int
    cost_usd: Decimal | None
    cached_share: float
    """Of its prompt tokens."""
    per_thousand_usd: Decimal | None
    """Per 1,000 accepted records."""


@dataclass(frozen=True, slots=True)
class InVain:
    """Calls that were paid for and came to nothing, for one reason."""

    reason: str
    calls: int
    cost_usd: Decimal
    """Of those whose cost is known."""
    unpriced_calls: int


@dataclass(frozen=True, slots=True)
class Point:
    """The run at one moment, counted from its beginning."""

    time: datetime
    calls: int
    records: int
    rejected: int
    tokens: int
    cost_usd: Decimal


@dataclass(frozen=True, slots=True)
class Shown:
    """A record, or one that was refused, for the eye."""

    id: str
    article_id: str
    title: str | None
    content_hash: str
    type_slug: str
    instruction: str
    input: str
    output: str
    grounded: float | None
    """Share of the input's words that the article has; None: not measured."""
    supported: float | None
    """Share of the output's words that instruction and input have; None: not measured."""
    flags: tuple[str, ...]
    """Codes of what was noted in it; of one that was refused, of what else was wrong."""
    reason: str | None = None
    """Why it was refused; None: it was not."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ArticleText:
    """An article as its models read it, for the eye."""

    title: str | None
    url: str | None
    format: Format
    content: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report shows but for the records of its browser."""

    folder: str
    made: datetime
    about: Mapping[str, str]
    """Models, pack, version and state of the run, in words."""
    funnel: tuple[Step, ...]
    quality: tuple[Goal, ...]
    types: tuple[TypeRow, ...]
    lengths: tuple[Lengths, ...]
    tokenizer: str
    """How tokens were counted, in words."""
    over_context: int
    """Training prompts longer than the training's context."""
    diversity: Diversity
    spent: tuple[Spent, ...]
    in_vain: tuple[InVain, ...]
    """The dearest first; parts of what the models have cost."""
    cost_usd: Decimal | None
    per_thousand_usd: Decimal | None
    timeline: tuple[Point, ...]
    """200 points at most."""
    worst: tuple[Shown, ...]
    rejected: Mapping[str, tuple[Shown, ...]]
    """Reason to a few that were refused for it."""
    judged: Judged | None
    browser: str = ""
    """In words, which records are handed over to be browsed."""

    def as_dict(self) -> dict[str, object]:
        """Return the report as JSON values; costs are decimal strings, times are ISO 8601."""
        return fields_of(self)

    @property
    def failed(self) -> tuple[Goal, ...]:
        """The rows of the quality table whose goal is not reached."""
        return tuple(goal for goal in self.quality if goal.passed is False)
