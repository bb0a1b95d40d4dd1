"""A field that is another one over again, or data where a text should be."""

from __future__ import annotations

import re
from collections.abc import Sequence

import orjson

from .case import Case, Check

_NO_WORD = re.compile(r"[\W_]+")
_ENDS = (".", "!", "。", "！")
_QUESTION_WORDS = ("how ", "why ", "what ", "when ", "where ", "which ", "who ", "can ", "is ", "are ", "does ", "do ")
_RUN = 3
_FEWEST_COPIED_CHARS = 30
"""A statement shorter than this, without blanks, is found in other texts by chance."""


def _plain(text: str) -> str:
    return _NO_WORD.sub("", text)


def _copy(case: Case) -> str | None:
    (_, asked, instruction), (_, _, given), (_, _, output) = case.parts
    share = case.thresholds.copied
    if _same_length(given, output, share) and _copies(_plain(given), _plain(output), share):
        return "The output is the input over again; answer the instruction instead."
    if _same_length(given, output, share) and _alike(given.split(), output.split()) >= case.thresholds.copied_words:
        return "The output is the input over again, with hardly a word changed; answer the instruction instead."
    return _copied_instruction(asked, instruction, given, output, share)


def _copied_instruction(asked: str, instruction: str, given: str, output: str, share: float) -> str | None:
    plain = _plain(instruction)
    if any(
        _same_length(instruction, other, share) and _copies(plain, _plain(other), share) for other in (given, output)
    ):
        return "The instruction is the same text as another field."
    stated = asked.rstrip().endswith(_ENDS) and not instruction.startswith(_QUESTION_WORDS)
    if stated and len(plain) >= _FEWEST_COPIED_CHARS and instruction.strip() in given:
        return "The instruction is a sentence of the input; ask a question or make a request instead."
    return None


_SLACK_CHARS = 20


def _same_length(one: str, other: str, share: float) -> bool:
    """Whether one may be a copy at all; markup and blanks may make up for some of the difference."""
    shorter, longer = sorted((len(one), len(other)))
    return shorter + _SLACK_CHARS >= share * share * longer


def _copies(one: str, other: str, share: float) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= share * len(longer) and shorter in longer


def _alike(one: Sequence[str], other: Sequence[str]) -> float:
    """Return which share of the runs of three words two texts have in common (Jaccard)."""
    runs, others = _runs(one), _runs(other)
    return len(runs & others) / len(runs | others) if runs and others else 0.0


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(*(words[at:] for at in range(_RUN)), strict=False))


# -------------------------------------------------------------------------------------------------------------- JSON

_OURS = re.compile(
    r"(?:```(?:json)?\s*)?[\[{]\s*\{?\s*([\"'])(?:instruction|input|evidence|output|context|response|answer|result|text|content|"
    r"reply|completion|explanation|summary)\1\s*:"
)
"""Keys that are parts of a record or names for an answer."""


def _json(case: Case) -> str | None:
    for name, text, _ in case.written:
        if text[:1] in ("{", "[", "`") and text not in case.article and _is_json(text):
            return f"The {name} is JSON; write it as plain text."
    return None


def _is_json(text: str) -> bool:
    if _OURS.match(text):
        return True
    try:
        return isinstance(orjson.loads(text), dict | list)
    except orjson.JSONDecodeError:
        return False


COPIES: tuple[Check, ...] = (
    Check("copy", "One field is another over again.", _copy, thresholds=("copied", "copied_words")),
    Check("json_in_string", "JSON where plain text should be.", _json),
)
