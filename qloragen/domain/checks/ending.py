"""Texts that break off: no closing mark, an open fence, half a word.

Rules, first match wins: what ends as a line of the article does is whole; an odd number of fences is a break; code,
items, rows, headings and addresses need no closing mark, but none of them ends in a comma or in "and"; prose does need
one, unless it is so short that it is no sentence. Scripts in which a sentence may end with a letter are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .case import Case, Check, Part
from .wordlist import listed

_CLOSING = frozenset(".!?…。！？」』）】〉》”’\"')]}>`*_|;।။።؟~")
_OPEN_ENDS = (",", "、", "，", "(", "[", "（", "「", " -", " –", " —", "-,", "：")
_FENCE = re.compile(r"^[ \t]*(?:```|~~~)", re.MULTILINE)
_DANGLING_WORD = re.compile(
    r"(?:^|[\s(])(?:the|an?|and|or|of|to|with|und|oder|et|ou|y|e|der|die|das|la|le|el)$", re.IGNORECASE
)
_NEEDS_NO_MARK = re.compile(
    r"\s*(?:[-*+•▪]\s|\d{1,3}[.)]\s|[A-Za-z][.)]\s|#{1,6}\s|\||>|[$%]\s|\*{1,5}\s|=+\s|\.{1,2}\s)|\s{4,}\S|\t"
)
"""Lines that are items, headings, rows of tables, quotations or commands."""
_PLACE = re.compile(r"[/\\=@<>{}$]|::|\w\.\w|\(\)|\w_\w")
"""A last word that is a path, an address, an identifier or an expression."""
_TECHNICAL = re.compile(r"[:#+&%~^\d-]|[A-Z]{2}|[a-z][A-Z]")
"""A last word that is a number or a name, such as short phrases end with."""
_LETTERS_END = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_FEWEST_WORDS = 7
"""Fewer words than this, on one line, may be a phrase: "Three replicas in each data centre"."""
_MANY_WORDS = 20
"""A line of so many words is no phrase, whatever it ends with."""
_VALUE_WORDS = 2
"""So many words after a colon are a value: "Default: ten days"."""
_TAIL_CHARS = 32
"""So much of an end is looked for in the article."""


def _truncated(case: Case) -> str | None:
    for part in case.written:
        if _breaks_off(part, case):
            return f"The {part.name} breaks off before its end; finish it."
    return None


def _breaks_off(part: Part, case: Case) -> bool:
    text = part.text.rstrip()
    if ("```" in text or "~~~" in text) and len(_FENCE.findall(text)) % 2:
        return not _stands_so(text, case.article)
    if text.endswith(_OPEN_ENDS) or _DANGLING_WORD.search(text[-10:]):
        return not _stands_so(text, case.article)
    if part.name == "instruction":
        return False
    if text[-1:] in _CLOSING:
        return _open_code(text) and not _stands_so(text, case.article)
    return _unfinished(text, case.article) and not _stands_so(text, case.article)


def _open_code(text: str) -> bool:
    """Whether an inline piece of code has a beginning alone."""
    return "`" in text and "```" not in text and text.count("`") % 2 == 1 and "``" not in text


def _unfinished(text: str, article: str) -> bool:
    """Whether a text without a closing mark is prose that should have one."""
    if text.endswith(":"):
        return True
    last = text.rsplit("\n", 1)[-1]
    words = last.split()
    if not words or _LETTERS_END.search(text[-1]):
        return False
    if _NEEDS_NO_MARK.match(last) or len(words) == 1:
        return _half_a_word(words[-1], article) or _odd_item(text, words)
    if _open_code(text) or text.count("(") > text.count(")"):
        return True
    return not _PLACE.search(words[-1]) and (_lacks_mark(last, words) or _half_a_word(words[-1], article))


def _lacks_mark(last: str, words: Sequence[str]) -> bool:
    """Whether a line is a sentence, or has one before what it ends with, and so needs a mark at its end."""
    if len(words) >= _MANY_WORDS:
        return True
    if any(word.endswith(":") for word in words[-_VALUE_WORDS - 1 : -1]) or _TECHNICAL.search(words[-1]):
        return False
    return len(words) >= _FEWEST_WORDS or bool(_SENTENCE.search(last))


def _odd_item(text: str, words: Sequence[str]) -> bool:
    """Whether a last item lacks the full stop that all the items before it have."""
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    others = [line for line in lines[:-1] if _NEEDS_NO_MARK.match(line)]
    return len(words) > 1 and bool(others) and all(line.endswith((".", "!", "?", ".)")) for line in others)


_SENTENCE = re.compile(r"[.!?] +[A-Z`]")
_FEWEST_LETTERS = 3
_INFLECTIONS = listed("s es d ed er r ing n en e ly y al ally able ion ions 's t y ies")


def _half_a_word(word: str, article: str) -> bool:
    """Whether a word is the beginning of a word of the article, and no word of it."""
    if len(word) < _FEWEST_LETTERS or not word.isalpha():
        return False
    endings = re.findall(rf"\b{re.escape(word)}(\w*)", article, re.IGNORECASE)
    return bool(endings) and all(ending and ending.lower() not in _INFLECTIONS for ending in endings)


def _stands_so(text: str, article: str) -> bool:
    """Whether a line of the article ends as the text does."""
    tail = text[-_TAIL_CHARS:].lstrip()
    at = article.find(tail)
    while at >= 0:
        after = article[at + len(tail) : at + len(tail) + 6].lstrip(" \t")
        if not after or after.startswith(("\n", "\r", "</", "<br")):
            return True
        at = article.find(tail, at + 1)
    return False


ENDING: tuple[Check, ...] = (
    Check("truncated", "A text breaks off: no closing mark, an open fence, half a word.", _truncated),
)
