"""Fields with too little in them to mean anything, and with more than a record has room for."""

from __future__ import annotations

import re

from ...thresholds import Thresholds
from .case import Case, Check
from .scripts import UNSPACED
from .wordlist import listed

_EMPTY_WORDS = listed(
    "na none null nil string text todo tbd output response answer notapplicable notavailable nooutput noanswer "
    "noresponse noinput nocontext nodata nothing unknown undefined empty seeabove asabove tobedone"
) | {""}
"""What is written where there is nothing to write, without blanks and marks."""
_FIELD_NAMES = {
    "instruction": "The instruction",
    "input": "The context that the record rests on",
    "output": "The output",
}
_NO_WORD = re.compile(r"[\W_]+")
_LONGEST_EMPTY = 40


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _too_short(case: Case) -> str | None:
    least = _least(case.thresholds)
    for name, text, lowered in case.parts:
        if _size(text.strip()) < least[name] or _says_nothing(lowered):
            return f"{_FIELD_NAMES[name]} is empty or too short to mean anything."
    instruction = case.draft.instruction
    if len(instruction.split()) < case.thresholds.min_instruction_words and not UNSPACED.search(instruction):
        return "The instruction has too few words to ask for something; write a whole request or question."
    return None


def _least(thresholds: Thresholds) -> dict[str, int]:
    return {
        "instruction": thresholds.min_instruction_bytes,
        "input": thresholds.min_input_bytes,
        "output": thresholds.min_output_bytes,
    }


def _says_nothing(lowered: str) -> bool:
    return len(lowered) <= _LONGEST_EMPTY and _NO_WORD.sub("", lowered) in _EMPTY_WORDS


def _too_long(case: Case) -> str | None:
    instruction, given, output = (_size(text) for _, text, _ in case.parts)
    thresholds = case.thresholds
    if instruction > thresholds.max_instruction_bytes:
        most = thresholds.max_instruction_bytes
        return f"The instruction has {instruction} bytes; ask for one thing, in {most} at most."
    if output > thresholds.max_output_bytes:
        return f"The output has {output} bytes; answer in {thresholds.max_output_bytes} at most."
    if given > thresholds.max_input_bytes:
        return (
            f"The context that the record rests on has {given} bytes; take only what the answer needs, "
            f"{thresholds.max_input_bytes} at most."
        )
    return None


SIZE: tuple[Check, ...] = (
    Check(
        "empty",
        "A field is empty, or too short to mean anything.",
        _too_short,
        thresholds=("min_instruction_words", "min_instruction_bytes", "min_input_bytes", "min_output_bytes"),
    ),
    Check(
        "too_long",
        "A field is longer than a record has room for.",
        _too_long,
        thresholds=("max_instruction_bytes", "max_input_bytes", "max_output_bytes"),
    ),
)
