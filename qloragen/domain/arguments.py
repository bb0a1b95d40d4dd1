"""What the function that a model calls takes, and how its arguments are read: once, strictly, and never raising."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_core import ErrorDetails

from ..types import Draft, Function, InputMode, Invalid
from .pack import RecordTexts

FUNCTION_NAME = "save_record"

MAX_INSTRUCTION_CHARS = 1_000
MAX_OUTPUT_CHARS = 8_000
MAX_INPUT_CHARS = 12_000
"""Characters of a record's `input`, some 3,000 tokens: more leaves no room for the rest in usual training contexts."""
MAX_EVIDENCE = 20
"""Paragraphs that one record may rest on."""
ASKED_INSTRUCTION_CHARS = 300
ASKED_INPUT_CHARS = 2_000
ASKED_OUTPUT_CHARS = 1_500
LEAST_INSTRUCTION_CHARS, LEAST_TEXT_CHARS = 10, 30
ASKED_EVIDENCE = 6
"""What a model is held to where a grammar holds it: what the prompts ask for and a margin, so that an answer fits
its cap of tokens and a small model that repeats itself comes to an end. Longer answers of others are still taken."""
MAX_ARGUMENTS_CHARS = 100_000
"""Longer arguments are not even parsed; all fields at their limits, every character escaped, come to less than that."""

_KEY = re.compile(r'"(?:[^"\\]++|\\.)*+"\s*+(:?)', re.DOTALL)
"""A JSON string, and the colon that makes it a key."""


@lru_cache(maxsize=1_024)
def function(mode: InputMode, texts: RecordTexts, paragraphs: int, output_chars: int = ASKED_OUTPUT_CHARS) -> Function:
    """Return the function for `mode`, an article of so many paragraphs, and an output of so many characters.

    Without its bounds, which most providers do not take, it is the same for all articles and types, so that prompt
    caches hold it.
    """
    properties: dict[str, object] = {
        "instruction": _text(texts.instruction, LEAST_INSTRUCTION_CHARS, ASKED_INSTRUCTION_CHARS)
    }
    match mode:
        case "evidence":
            number = {"type": "integer", "minimum": 1, "maximum": max(1, paragraphs)}
            evidence = {"type": "array", "description": texts.evidence, "items": number}
            properties["evidence"] = {**evidence, "minItems": 1, "maxItems": ASKED_EVIDENCE}
        case "written":
            properties["input"] = _text(texts.input, LEAST_TEXT_CHARS, ASKED_INPUT_CHARS)
    properties["output"] = _text(texts.output, min(LEAST_TEXT_CHARS, output_chars), output_chars)
    return Function(
        name=FUNCTION_NAME,
        description=texts.function,
        parameters={
            "type": "object",
            "properties": properties,
            "required": [*properties],
            "additionalProperties": False,
        },
    )


def _text(description: str, least: int, most: int) -> Mapping[str, object]:
    return {"type": "string", "description": description, "minLength": least, "maxLength": most}


# ---------------------------------------------------------------------------------------------------------- reading


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, str_strip_whitespace=True)

    instruction: Annotated[str, StringConstraints(min_length=1, max_length=MAX_INSTRUCTION_CHARS)]
    output: Annotated[str, StringConstraints(min_length=1, max_length=MAX_OUTPUT_CHARS)]


class _Evidence(_Arguments):
    evidence: Annotated[list[int], Field(min_length=1, max_length=MAX_EVIDENCE)]


class _Written(_Arguments):
    input: Annotated[str, StringConstraints(min_length=1, max_length=MAX_INPUT_CHARS)]


_Model = TypeVar("_Model", bound=_Arguments)


def read_evidence(arguments: str, paragraphs: Sequence[str]) -> Draft | Invalid:
    """Read arguments that name paragraphs; `input` becomes their text, word for word and in the article's order."""
    read = _read(arguments, _Evidence)
    if isinstance(read, Invalid):
        return read
    numbers = sorted(set(read.evidence))
    if numbers[0] < 1 or numbers[-1] > len(paragraphs):
        wrong = ", ".join(str(number) for number in numbers if not 1 <= number <= len(paragraphs))
        return Invalid("evidence", f"There is no paragraph {wrong[:80]}; the numbers run from 1 to {len(paragraphs)}.")
    text = "\n\n".join(paragraphs[number - 1] for number in numbers)
    if len(text) > MAX_INPUT_CHARS:
        return Invalid(
            "evidence",
            f"The paragraphs listed as evidence have {len(text)} characters together; list fewer, at most "
            f"{MAX_INPUT_CHARS} characters of them, and answer from these alone.",
        )
    return Draft(instruction=read.instruction, input=text, output=read.output)


def read_written(arguments: str) -> Draft | Invalid:
    """Read arguments that carry the `input` themselves."""
    read = _read(arguments, _Written)
    if isinstance(read, Invalid):
        return read
    return Draft(instruction=read.instruction, input=read.input, output=read.output)


def _read(arguments: str, model: type[_Model]) -> _Model | Invalid:
    value = _parse(arguments)
    if isinstance(value, Invalid):
        return value
    try:
        return model.model_validate(value)
    except ValidationError as error:
        return Invalid("schema", " ".join(_sentence(details) for details in error.errors()[:5]))


def _parse(arguments: str) -> Mapping[str, object] | Invalid:
    if len(arguments) > MAX_ARGUMENTS_CHARS:
        return Invalid("schema", f"The arguments are longer than {MAX_ARGUMENTS_CHARS} characters.")
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError as error:
        return Invalid("schema", f"The arguments are not valid JSON ({error.msg}).")
    if not isinstance(value, dict):
        return Invalid("schema", "The arguments are not a JSON object.")
    if sum(1 for match in _KEY.finditer(arguments) if match[1]) != len(value):
        return Invalid("schema", "The arguments have a field twice, or an object inside a field.")
    return value


def _sentence(details: ErrorDetails) -> str:
    name = str(details["loc"][0])
    field = f"The field `{name}`" if name.isidentifier() and len(name) <= 40 else "One field"
    most = details.get("ctx", {}).get("max_length")
    match details["type"]:
        case "missing":
            what = "is missing"
        case "extra_forbidden":
            what = "does not belong there"
        case "string_too_short" | "too_short":
            what = "is empty"
        case "string_too_long":
            what = f"is longer than {most} characters"
        case "too_long":
            what = f"has more than {most} entries"
        case "list_type" | "int_type":
            what = "must be a list of whole numbers"
        case _:
            what = "must be text"
    return f"{field} {what}."
