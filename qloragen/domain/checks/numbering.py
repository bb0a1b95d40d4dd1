"""Numbers of paragraphs: the prompt shows them, so that evidence can be named, and a record does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .case import Case, Check, Part

_PARAGRAPH_NUMBER = re.compile(r"(?:^|(?<=[\s\]]))\[+\d{1,4}(?:\s?[,;–-]\s?\d{1,4})*\]+(?=[\s.,;:?!\[]|$)")
_SOURCE = re.compile(r"\((?:evidence|sources?|see|cf\.|paras?\.?):? ?\[?\d{1,4}(?:, ?\d{1,4})*\]?\)", re.IGNORECASE)
_SOURCES = ("(evidence", "(source", "(see", "(cf.", "(para")
_PARAGRAPH = re.compile(r"\bparagraphs? (?:numbers? |nos?\. )?\[?\d{1,4}\b|¶ ?\d", re.IGNORECASE)
_VALUE = re.compile(
    r"(?:\b(?:is|are|be|of|like|with|to|in|at|(?:array|list|tuple|vector|value|return|range)s?)|[=:,(\[]) ?$",
    re.IGNORECASE,
)
"""What comes before a list that is a value."""


def _paragraph_number(case: Case) -> str | None:
    """Find the number of a paragraph, which means nothing to those who see the record alone."""
    for part in case.answer:
        found = next((number for number in _numbers(part, case) if number not in case.article), None)
        if found is not None:
            return f"The {part.name} mentions the paragraph number {found}; numbers belong into the evidence alone."
    return None


def _numbers(part: Part, case: Case) -> Iterator[str]:
    _, text, lowered = part
    if "[" in text:
        yield from (match[0] for match in _PARAGRAPH_NUMBER.finditer(text) if not _is_value(match, text))
    if "(" in text and any(source in lowered for source in _SOURCES):
        yield from (match[0] for match in _SOURCE.finditer(text))
    if ("paragraph" in lowered or "¶" in text) and not case.article_has("paragraph"):
        yield from (match[0] for match in _PARAGRAPH.finditer(text))


def _is_value(match: re.Match[str], text: str) -> bool:
    return "," in match[0] and bool(_VALUE.search(text[max(0, match.start() - 10) : match.start()]))


NUMBERING: tuple[Check, ...] = (
    Check("paragraph_number", "The number of a paragraph, which the record does not show.", _paragraph_number),
)
