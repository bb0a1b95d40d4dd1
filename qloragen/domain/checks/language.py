"""Texts that are not in the language of their article.

Only prose of some length is judged, and only where both are certain; code, identifiers and addresses are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Protocol

from ...thresholds import Thresholds
from .case import Case, Check
from .wordlist import listed


class _Detect(Protocol):
    def __call__(self, text: str) -> tuple[str, float]: ...


_ENGLISH = listed(
    "the and with this that from which when are what how does should between than then each its you your have into not"
)
"""Words of English that hardly another language has."""
_ENGLISH_LEAST = 2
_ENGLISH_EVERY = 20
"""Text that has two of them, and one more for each 20 words, all different, is English without asking further."""
_FENCED = re.compile(r"^[ \t]*```.*?(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
_TAG = re.compile(r"<[^<>\n]*>")
_PUNCTUATION = ".,;:!?()\"'“”‘’…*«»"
_PROSE_SHARE = 0.6
"""A text of which less than this is words is mostly code, and not judged."""
_READ_CHARS = 4_000
"""What of an article is read for its language."""
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
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


def prose_of(text: str) -> str:
    """Return the plain words of `text` on one line; nothing if it is mostly code, values and identifiers."""
    if "```" in text:
        text = _FENCED.sub(" ", text)
    if "</" in text:
        text = _TAG.sub(" ", text)
    words = text.split()
    plain = [word for word in words if word.strip(_PUNCTUATION).isalpha() or not word.isascii()]
    return " ".join(plain) if len(plain) >= _PROSE_SHARE * len(words) else ""


def language_of(text: str, words: int, score: float) -> str | None:
    """Return the language of prose of at least so many words, where it is as certain as that; else None."""
    if _count(text) < words:
        return None
    language, certainty = _detector()(text)
    return language if certainty >= score else None


@lru_cache(maxsize=1)
def _detector() -> _Detect:
    detect: _Detect = import_module(f"{__package__}.detection").detect
    return detect


@lru_cache(maxsize=128)
def _article_language(content: str, words: int, score: float) -> str | None:
    return language_of(prose_of(content[:_READ_CHARS]), words, score)


def _count(text: str) -> int:
    """Return how many words a text has; where no blanks part them, each character counts as one."""
    return len(text.split()) if text.isascii() else max(len(text.split()), len(_UNSPACED.findall(text)))


def _is_english(words: Sequence[str]) -> bool:
    return len(_ENGLISH.intersection(words)) >= _ENGLISH_LEAST + len(words) // _ENGLISH_EVERY


def _language(case: Case) -> str | None:
    thresholds = case.thresholds
    expected = _article_language(case.article, thresholds.language_words, thresholds.language_score)
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
    english = expected == "en" and text.isascii()
    parts = max(1, round(len(words) / _WINDOW))
    size = -(-len(words) // parts) or 1
    windows = (words[at : at + size] for at in range(0, len(words), size))
    if english and all(map(_is_english, windows)):
        return False
    prose = _windows_of(text, parts) if parts > 1 else (prose_of(text),)
    return any(_is_other(part, expected, thresholds) for part in prose)


def _windows_of(text: str, parts: int) -> Iterator[str]:
    words = prose_of(text).split()
    size = -(-len(words) // parts) or 1
    return (" ".join(words[at : at + size]) for at in range(0, len(words), size))


def _is_other(prose: str, expected: str, thresholds: Thresholds) -> bool:
    score = thresholds.language_score
    certain = score if _count(prose) >= _SHORT else max(score, _SHORT_SCORE)
    found = language_of(prose, thresholds.language_words, certain)
    return found is not None and not _same(found, expected)


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
