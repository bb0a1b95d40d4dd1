"""A prompt pack: every word that is sent to a model, apart from the article's own, as data.

A pack's texts are templates (`qloragen.template`). The names of its own variables may stand in all of them; the names
below are filled by code, each in the one template that is for it. Article text never goes through a template.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from ..template import fill, fill_once
from ..types import InputMode, InstructionType, digest
from .prior import Prior

FILLED_BY_CODE: Mapping[str, frozenset[str]] = {
    "classify.md": frozenset({"types"}),
    "generate.md": frozenset({"input_rules", "name", "guidance"}),
    "decide.predicate": frozenset({"name", "applies_when"}),
    "training.md": frozenset({"instruction", "input", "output"}),
    "again.generate": frozenset({"complaints"}),
    "again.others": frozenset({"instructions"}),
    "judge.record": frozenset({"name", "guidance"}),
    "judge.again": frozenset({"complaints"}),
    "judge.quotation": frozenset({"quoted_topic", "quoted_beginning"}),
}
"""Variables that the code fills in, by where they may be used."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The two templates around the article."""

    system: str
    """The system message: the same for every article, and for every type."""
    closing: str
    """What follows the article in the user message."""


@dataclass(frozen=True, slots=True)
class RecordTexts:
    """What a model is told about the function that it calls, and about the function's arguments."""

    function: str
    instruction: str
    evidence: str
    input: str
    output: str


@dataclass(frozen=True, slots=True)
class DecideTexts:
    """What is said to a model that judges statements about an article."""

    system: str
    """How statements are meant."""
    predicate: str
    """The statement about a type; a template of its `name` and `applies_when`."""
    substance: str
    """The statement that error pages and the like fail."""


@dataclass(frozen=True, slots=True)
class JudgeTexts:
    """What is said to a model that judges records."""

    system: str
    """How records are judged, and what each question means."""
    record: str
    """What stands between the article and the record; a template of the type's `name` and `guidance`."""
    closing: str
    """What follows the record."""
    again: str
    """Asks for a judgement once more; `complaints` says what was wrong."""
    function: str
    """What the function is for that the model calls."""
    quote: str
    """What the quote beside an answer is."""
    questions: Mapping[str, str]
    """Name to question, in the order in which they are asked."""
    quotation: str
    """The instruction of a control that is known to be good: asks for a statement of the article word for word, by its
    `quoted_topic` and `quoted_beginning`."""
    quotation_name: str
    quotation_guidance: str
    """What the type of these controls is called, and what it is."""


@dataclass(frozen=True, slots=True)
class Pack:
    """A checked pack: every template in it can be filled."""

    name: str
    version: str
    variables: Mapping[str, str]
    """The pack's own variables with the values in force."""
    types: tuple[InstructionType, ...]
    """At least one, in order of their numbers; `applies_when` and `guidance` are filled already."""
    classify: Prompt
    classify_again: str
    """Asks for a classification once more."""
    decide: DecideTexts
    generate: Prompt
    generate_again: str
    """Asks for a record once more; `complaints` says what was wrong."""
    input_rules: Mapping[InputMode, str]
    """What `input_rules` in the generation prompt stands for, by mode."""
    record: RecordTexts
    judge: JudgeTexts
    training: str
    """A record as one text to train on, end marker included."""
    generate_others: str = ""
    """Tells what an article's other records ask, in `instructions`; empty: it is not told."""
    prior: Prior | None = None
    """What the replies are likely to come to; None: the pack does not say."""

    def fill(self, template: str, **values: str) -> str:
        """Return `template` with the pack's variables and `values` in place."""
        return fill_once(template, (*self.variables.items(), *values.items()))

    @property
    def fingerprint(self) -> str:
        """Identify everything in the pack; changes with any part of it."""
        return digest(orjson.dumps(self, option=orjson.OPT_SORT_KEYS).decode())


def render_training(pack: Pack, instruction: str, input: str, output: str) -> str:
    """Return the full training prompt of one record, without a line end after it."""
    return fill(pack.training, {**pack.variables, "instruction": instruction, "input": input, "output": output})
