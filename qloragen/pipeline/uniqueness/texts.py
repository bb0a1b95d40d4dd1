"""What texts are compared by: words without case and punctuation, each character of Chinese and the like a word."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from ...sources.sketch import words

FEW_WORDS = 20
"""Of so few words an output says little by itself: a value, or yes or no."""

_SAYS_LITTLE = frozenset(
    words(
        "a about all also am an and any are as at be been but by can could did do does each for from get give has have"
        " how i if in into is it its like may me might my need no not of on one or our out please should so some such"
        " tell than that the their them then there these they this to us use used uses using want was way we were what"
        " when where which while who why will with within would you your describe explain summarise summarize"
    )
)


def normal(found: Sequence[str]) -> str:
    """Return the words of a text as a text without case, punctuation and spacing."""
    return " ".join(found)


def shingles(found: Sequence[str]) -> list[str]:
    """Return the runs of three words in a text, with empty words before and after it."""
    padded = ["", "", *found, "", ""]
    return list(map(" ".join, zip(padded, padded[1:], padded[2:], strict=False)))


def said(instruction: Sequence[str], output: Sequence[str]) -> list[str]:
    """Return the runs of three words by which records are near duplicates.

    Those of the output: inputs may be the same paragraphs for good reason, and a question can be put in many ways. An
    output of few words is an answer only together with its question.
    """
    return shingles(output if len(output) >= FEW_WORDS else [*instruction, *output])


def content_words(found: Sequence[str]) -> frozenset[str]:
    """Return the words that a question is about."""
    return frozenset(found) - _SAYS_LITTLE


def jaccard(one: AbstractSet[str], other: AbstractSet[str]) -> float:
    """Return the share of what two sets have in common, of all that either has; 0 for two that are empty."""
    together = len(one | other)
    return len(one & other) / together if together else 0.0
