"""Texts that are not in the language of their article.

Only prose of some length is judged, and only where both are certain; code, identifiers and addresses are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...thresholds import Thresholds
from .case import Case, Check
from .prose import count, has_english, is_english, is_plain, prose_of, spoken

_RELATED = (
    frozenset(("no", "nn", "da")),
    frozenset(("hr", "sr", "bs", "sh")),
    frozenset(("id", "ms", "jv", "su")),
    frozenset(("cs", "sk")),
    frozenset(("es", "gl", "ca", "ast", "an")),
    frozenset(("pt", "gl")),
    frozenset(("zh", "yue", "wuu")),
    frozenset(("ru", "be")),
    frozenset(("bg", "mk")),
    frozenset(("nl", "af", "nds", "li", "vls", "fy")),
    frozenset(("de", "als", "bar", "lb", "nds")),
    frozenset(("en", "sco")),
    frozenset(("hi", "mr", "ne", "sa", "bh")),
    frozenset(("tr", "az")),
)
"""Languages that a small model mixes up."""
_TRANSLATION = re.compile(r"translat|übersetz|tradui|traduc|traduz|翻译|翻訳")


def _language(case: Case) -> str | None:
    thresholds = case.thresholds
    expected = case.facts.spoken.known(thresholds.language_words, thresholds.language_score)
    if expected is None:
        return None
    for (name, text, _), words in case.written_words:
        if _differs(text, words, expected, thresholds) and not _TRANSLATION.search(case.parts[0].lowered):
            return f"The {name} is not in the language of the evidence; write all of the record in that language."
    return None


_WINDOW = 30
"""Words that are judged together, so that a change of language inside a text is seen."""
_SHORT = 12
_SHORT_SCORE = 0.8
"""Fewer words than that many must be as certain as this."""


def _differs(text: str, words: Sequence[str], expected: str, thresholds: Thresholds) -> bool:
    english = expected == "en"
    parts = max(1, round(len(words) / _WINDOW))
    if english and is_plain(text) and all(map(has_english, _windows_of(words, parts))):
        return False
    prose = map(" ".join, _windows_of(prose_of(text).split(), parts))
    return any(not (english and is_english(part)) and _is_other(part, expected, thresholds) for part in prose)


def _windows_of(words: Sequence[str], parts: int) -> Iterator[Sequence[str]]:
    size = -(-len(words) // parts) or 1
    return (words[at : at + size] for at in range(0, len(words), size))


def _is_other(prose: str, expected: str, thresholds: Thresholds) -> bool:
    words = count(prose)
    if words < thresholds.language_words:
        return False
    least = thresholds.language_score if words >= _SHORT else max(thresholds.language_score, _SHORT_SCORE)
    found = spoken(prose).known(words, least)
    return found is not None and not _same(found, expected) and not _is_but_for_names(prose, expected)


def _is_but_for_names(prose: str, expected: str) -> bool:
    """Tell whether some prose is in a language as soon as its names, which may be foreign, are left out."""
    plain = " ".join([word for word in prose.split() if not word[:1].isupper()])
    return _same(spoken(plain).language, expected)


def _same(one: str, other: str) -> bool:
    return one == other or any(one in group and other in group for group in _RELATED)


LANGUAGE: tuple[Check, ...] = (
    Check(
        "language",
        "A text in another language than the article's.",
        _language,
        thresholds=("language_words", "language_score"),
    ),
)
