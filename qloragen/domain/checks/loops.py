"""Texts that turn in circles, as small models' do: the same sentences or the same words again and again.

Code, tables and what the article repeats itself are no loops.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from .case import Case, Check, Part

_CODE = re.compile(
    r"^[ \t]*(?P<fence>```|~~~|-{4,}[ \t]*$|\.{4,}[ \t]*$).*?(?:^[ \t]*(?P=fence)[ \t]*$|\Z)", re.DOTALL | re.MULTILINE
)
_TABLE = re.compile(r"^.*\|.*$|^(?: {4}|\t).*$", re.MULTILINE)
_ENDS = re.compile(r"\s(?<=[.!?\n].)", re.DOTALL)
_WIDE_ENDS = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_LETTER_RUN = re.compile(r"([^\W\d_])\1{14,}|(\S{2,8}?)\2{9,}")
"""A letter, or a few, that do not end."""
_LEAST_AGAIN = 14
"""So many characters of such a run have come before in it."""

_RUN = 5
_RUN_CHARACTERS = 10
"""Characters, in scripts without blanks, that count as a run of words."""
_FEWEST_WORDS = 20
_FEWEST_SENTENCES = 4
_MANY_TIMES = 3
_SENTENCE_CHARS = 12
"""Shorter sentences ("Yes.", "Run it.") may come again."""
_LONGEST_WORD = 40


def _repetition(case: Case) -> str | None:
    for (part, words), (_, vocabulary) in zip(case.written_words, case.written_vocabularies, strict=True):
        may_turn = _may_turn(part, len(words), len(vocabulary))
        if may_turn and _turns(part.lowered, words, case) and part.text not in case.article:
            return f"The {part.name} says the same again and again; say each thing once."
    return None


_VARIED = 0.8
"""Texts with so many different words, or so few words, have no loop; most are seen to be fine by this alone."""


def _may_turn(part: Part, words: int, different: int) -> bool:
    few = words < _FEWEST_WORDS and len(part.text) < _LONG_TEXT
    return not few and (different < _VARIED * words or len(part.text) > _LONG_WORDS * words)


_LONG_TEXT = 60
_LONG_WORDS = 12
"""Characters per word, on average, from which a text has no blanks, or words without an end."""


def _turns(lowered: str, words: Sequence[str], case: Case) -> bool:
    text = _prose(lowered)
    words = words if text == lowered else text.split()
    return _sentences_return(text, case) or _words_return(text, words, case) or _letters_return(words, case)


def _prose(text: str) -> str:
    """Return `text` without code, tables and lines that are drawn."""
    if "```" in text or "~~~" in text or "----" in text or "...." in text:
        text = _CODE.sub("\n", text)
    if "|" in text or "\n    " in text or "\n\t" in text:
        text = _TABLE.sub("", text)
    return text


def _sentences_return(text: str, case: Case) -> bool:
    sentences = [
        sentence
        for part in (_ENDS if text.isascii() else _WIDE_ENDS).split(text)
        if len(sentence := part.strip()) >= _SENTENCE_CHARS
    ]
    if len(sentences) < _MANY_TIMES or len(counts := Counter(sentences)) == len(sentences):
        return False
    sentence, times = counts.most_common(1)[0]
    new = 1 - case.thresholds.repeated_sentences
    share = len(sentences) >= _FEWEST_SENTENCES and len(counts) <= new * len(sentences)
    return (times >= _MANY_TIMES or share) and _times_in_article(case, sentence) < times


def _words_return(text: str, words: Sequence[str], case: Case) -> bool:
    new = 1 - case.thresholds.repeated_words
    if not text.isascii() and _UNSPACED.search(text):
        runs = [text[at : at + _RUN_CHARACTERS] for at in range(len(text) - _RUN_CHARACTERS + 1)]
        return len(runs) >= _FEWEST_WORDS and len(set(runs)) < new * len(runs)
    if len(words) < _FEWEST_WORDS:
        return False
    times_again, most = len(words) - len(set(words)), len(words) - _RUN + 1
    if most - times_again >= new * most:  # a run that returns begins with a word that does
        return False
    grams = list(zip(*(words[at:] for at in range(_RUN)), strict=False))
    if len(set(grams)) >= new * len(grams):
        return False
    gram, times = Counter(grams).most_common(1)[0]
    return _times_in_article(case, " ".join(gram)) < times


def _times_in_article(case: Case, lowered: str) -> int:
    return " ".join(case.article.lower().split()).count(" ".join(lowered.split()))


def _letters_return(words: Sequence[str], case: Case) -> bool:
    if max(map(len, words), default=0) < _LONGEST_WORD // 2:
        return False
    long = [word for word in words if len(word) >= _LONGEST_WORD // 2 and len(set(word)) <= len(word) - _LEAST_AGAIN]
    found = (match[0] for word in long for match in _LETTER_RUN.finditer(word))
    return any(run.strip("-=_*.#~+|") and not case.article_has(run) for run in found)


LOOPS: tuple[Check, ...] = (
    Check(
        "repetition",
        "The same sentences or words again and again.",
        _repetition,
        thresholds=("repeated_sentences", "repeated_words"),
    ),
)
