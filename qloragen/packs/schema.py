"""The form of `pack.toml`, and its mistakes in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import ErrorDetails

from ..types import Needs, Shows

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
OneLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\r\n]*$")]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
VariableName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Toml: TypeAlias = Mapping[str, object]
"""A TOML document as `tomllib` gives it."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TypeTable(_Table):
    """One `[[types]]` entry; see `InstructionType`."""

    number: Annotated[int, Field(ge=1)]
    slug: Slug
    name: OneLine
    always: bool
    applies_when: OneLine
    guidance: Text
    aliases: list[OneLine] = []
    needs: Needs | None = None
    shows: Shows | None = None


class DecideTable(_Table):
    """What is said to a model that judges statements about an article."""

    system: Text
    predicate: OneLine
    substance: OneLine


class InputTable(_Table):
    """Rules for `input`, by mode."""

    evidence: Text
    written: Text


class RecordTable(_Table):
    """Descriptions of the function and its arguments."""

    function: Text
    instruction: Text
    evidence: Text
    input: Text
    output: Text


class AgainTable(_Table):
    """What is said besides: when a reply could not be used, and about an article's other records."""

    classify: Text
    generate: Text
    others: Text | None = None


class QuestionsTable(_Table):
    """The five questions that a judge answers about a record."""

    stands_alone: OneLine
    answerable: OneLine
    supported: OneLine
    answers: OneLine
    fits: OneLine


class JudgeTable(_Table):
    """What is said to a model that judges records; see `JudgeTexts`."""

    system: Text
    record: Text
    closing: Text
    again: Text
    function: Text
    quote: Text
    questions: QuestionsTable
    quotation: OneLine
    quotation_name: OneLine
    quotation_guidance: OneLine

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield all of it, with its key."""
        for key in type(self).model_fields:
            if key != "questions":
                yield key, getattr(self, key)
        for key, question in self.questions:
            yield f"questions.{key}", question


class RangeTable(_Table):
    """A figure with its bounds."""

    low: NotNegative
    likely: NotNegative
    high: NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.likely <= self.high:
            raise ValueError("must have low <= likely <= high")
        return self


class RecordTokensTable(_Table):
    """Completion tokens of a record, by mode."""

    evidence: RangeTable
    written: RangeTable


class PriorTable(_Table):
    """What replies are likely to come to; see `Prior`."""

    types_per_article: RangeTable
    types_tokens: RangeTable
    record_tokens: RecordTokensTable
    asks_per_record: RangeTable
    accepted: RangeTable
    doubtful: RangeTable


class PackTable(_Table):
    """The whole of `pack.toml`."""

    name: OneLine
    version: OneLine
    variables: dict[VariableName, OneLine] = {}
    decide: DecideTable
    input: InputTable
    record: RecordTable
    again: AgainTable
    judge: JudgeTable | None = None
    """None: what the default pack says."""
    prior: PriorTable | None = None
    types: Annotated[list[TypeTable], Field(min_length=1)]

    def templates(self) -> Iterator[tuple[str, str]]:
        """Yield every text that may use variables, with its key."""
        tables = (("decide", self.decide), ("input", self.input), ("record", self.record), ("again", self.again))
        for table, value in tables:
            for key, text in value:
                yield f"{table}.{key}", text or ""
        for key, text in self.judge.texts() if self.judge else ():
            yield f"judge.{key}", text
        for index, entry in enumerate(self.types):
            where = entry_name(index, entry.slug)
            yield f"applies_when of {where}", entry.applies_when
            yield f"guidance of {where}", entry.guidance


def entry_name(index: int, slug: object) -> str:
    """Return how messages name the entry of `[[types]]` at `index` (from 0)."""
    return f'[[types]] no. {index + 1} ("{slug}")' if isinstance(slug, str) else f"[[types]] no. {index + 1}"


def mistakes(error: ValidationError, document: Toml) -> list[str]:
    """Say what is wrong with `document`, one clause for each mistake: `version must be text in quotes`."""
    return [f"{_key(details['loc'], document)} {_predicate(details)}" for details in error.errors()]


def _key(loc: tuple[int | str, ...], document: Toml) -> str:
    match loc:
        case ("types", int(index), *rest):
            where = entry_name(index, _slug(document, index))
            return f"{_dotted(rest)} of {where}" if rest else where
        case ("variables", name, "[key]"):
            return f"variables.{name}"
        case _:
            return _dotted(loc)


def _dotted(parts: Sequence[int | str]) -> str:
    return ".".join(f"no. {part + 1}" if isinstance(part, int) else part for part in parts)


def _slug(document: Toml, index: int) -> object:
    match document.get("types"):
        case list(entries) if isinstance(entries[index], dict):
            return entries[index].get("slug")
        case _:
            return None


_PREDICATES: Mapping[str, str] = {
    "missing": "is missing",
    "literal_error": 'must be "code"',
    "extra_forbidden": "is not a key that a pack has",
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "float_type": "must be a number",
    "string_too_short": "is empty",
    "too_short": "has no entry; a pack needs at least one type",
    "value_error": "must have low <= likely <= high",
}
_PATTERNS: Mapping[str, str] = {
    r"^[^\r\n]*$": "must be one line",
    r"^[a-z0-9]+(-[a-z0-9]+)*$": "must be lower-case letters, digits and single hyphens",
    r"^[a-z][a-z0-9_]*$": "must have a name of lower-case letters, digits and underscores that starts with a letter",
}


def _predicate(details: ErrorDetails) -> str:
    if details["type"] == "string_pattern_mismatch":
        return _PATTERNS[details["ctx"]["pattern"]]
    if details["type"] == "greater_than_equal":
        return f"must be {details['ctx']['ge']:g} or more"
    return _PREDICATES.get(details["type"], f"is wrong: {details['msg']}")
