"""What a check is, what it looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ...thresholds import Action, Thresholds
from ...types import Draft, InputMode, InstructionType, Quality
from ..pack import Pack
from .facts import ArticleFacts


@dataclass(frozen=True)
class Case:
    """A draft, with all that it is judged by."""

    draft: Draft
    facts: ArticleFacts
    type: InstructionType
    pack: Pack
    mode: InputMode
    thresholds: Thresholds

    @property
    def article(self) -> str:
        """The article's content."""
        return self.facts.content

    @property
    def fields(self) -> Iterator[tuple[str, str]]:
        """The fields as (name, text)."""
        draft = self.draft
        return iter((("instruction", draft.instruction), ("input", draft.input), ("output", draft.output)))


class Check(NamedTuple):
    """One kind of defect, and how it is found."""

    code: str
    meaning: str
    """One line for people."""
    find: Callable[[Case], str | None]
    """Returns a sentence that a model can act on, or None."""
    action: Action = "reject"
    """What is done unless `Thresholds.actions` says otherwise."""


class Defect(NamedTuple):
    """What a check has found."""

    code: str
    detail: str


class Inspection(NamedTuple):
    """What all checks have found."""

    defects: tuple[Defect, ...]
    """Reasons to refuse the draft, in the order of the checks."""
    quality: Quality
    """What is to be noted in the record if there are none."""
