"""What a check is, what it looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from ...thresholds import Action, Thresholds
from ...types import Draft, InputMode, InstructionType, Quality
from ..pack import Pack
from .facts import ArticleFacts
from .said import Said


class Part(NamedTuple):
    """A field of a draft."""

    name: str
    text: str
    lowered: str
    """`text` in lower case."""


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

    @cached_property
    def parts(self) -> tuple[Part, Part, Part]:
        """Instruction, input and output."""
        draft = self.draft
        return (
            Part("instruction", draft.instruction, draft.instruction.lower()),
            Part("input", draft.input, draft.input.lower()),
            Part("output", draft.output, draft.output.lower()),
        )

    @cached_property
    def words(self) -> tuple[list[str], list[str], list[str]]:
        """The words of instruction, input and output as blanks part them, in lower case."""
        instruction, given, output = self.parts
        return instruction.lowered.split(), given.lowered.split(), output.lowered.split()

    @cached_property
    def vocabularies(self) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
        """The same, each word once."""
        instruction, given, output = map(frozenset, self.words)
        return instruction, given, output

    @cached_property
    def marked(self) -> tuple[list[str], list[str], list[str]]:
        """Those of the vocabularies that are not letters alone: numbers, identifiers, words with marks at them."""
        instruction, given, output = ([word for word in words if not word.isalpha()] for words in self.vocabularies)
        return instruction, given, output

    @cached_property
    def answer(self) -> tuple[Part, Part]:
        """Instruction and output, which a model writes in every mode."""
        instruction, _, output = self.parts
        return instruction, output

    @cached_property
    def written(self) -> tuple[Part, ...]:
        """The fields that a model has written word by word."""
        return self.parts if self.mode == "written" else self.answer

    @property
    def written_words(self) -> tuple[tuple[Part, list[str]], ...]:
        """The fields that a model has written, with their words."""
        texts = zip(self.parts, self.words, strict=True)
        return tuple(text for text in texts if self.mode == "written" or text[0].name != "input")

    @property
    def written_vocabularies(self) -> tuple[tuple[Part, frozenset[str]], ...]:
        """The fields that a model has written, with each of their words once."""
        texts = zip(self.parts, self.vocabularies, strict=True)
        return tuple(text for text in texts if self.mode == "written" or text[0].name != "input")

    @cached_property
    def said(self) -> Said:
        """The fields in words."""
        return Said(self.draft, self.facts, self.pack.variables)

    def article_has(self, lowered: str) -> bool:
        """Whether the article has a text that is in lower case, in whatever case."""
        return lowered in _lowered(self.facts.content)


@lru_cache(maxsize=16)
def _lowered(content: str) -> str:
    return content.lower()


class Check(NamedTuple):
    """One kind of defect, and how it is found."""

    code: str
    meaning: str
    """One line for people."""
    find: Callable[[Case], str | None]
    """Returns a sentence that a model can act on, or None."""
    action: Action = "reject"
    """What is done unless `Thresholds.actions` says otherwise."""
    thresholds: tuple[str, ...] = ()
    """The fields of `Thresholds` that decide."""


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
