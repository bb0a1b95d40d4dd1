"""A paragraph without its markup: plain sentences, lines of code, a heading, and the terms that sentences speak of."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape
from itertools import islice

from .answer_marks import shows_markup, without_marks

_CACHED_PARAGRAPHS = 2_048


@dataclass(frozen=True, slots=True)
class Plain:
    """A paragraph without its markup."""

    heading: str
    sentences: tuple[str, ...]
    code: tuple[str, ...]
    """The lines of code in it."""
    size: int
    """Words in the sentences."""


_CODE = re.compile(
    r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)"
    r"|<pre\b[^>]*>(.*?)(?:</pre>|\Z)"
    r"|^-{4,}\n(.*?)(?:^-{4,}$|\Z)"
    r"|((?:^(?: {4}|\t)[^\n]*(?:\n|\Z))+)",
    re.DOTALL | re.MULTILINE,
)
_MAYBE_CODE = re.compile(r"```|<pre|----|\n(?: {4}|\t)|\A(?: {4}|\t)")
_HEADING = re.compile(
    r"^(?:#{1,6}|={1,6})[ \t]+(\S[^\n]{0,120}?)[ \t#=]*$"
    r"|^(\S[^\n]{2,90})\n[=~^\"\-*#+.]{3,}[ \t]*$"
    r"|<h[1-6][^<>]*>(.{1,200}?)</h[1-6]>",
    re.MULTILINE,
)
_MARKUP_LINE = re.compile(
    r"^[ \t]*(?:\[\[?[^\[\]\n]*\]\]?|\.\. [^\n]*|:[\w-]+:[^\n]*|[^|\n]*\|[^\n]*|[|+=\-~^*_#. ]{3,}|include::[^\n]*"
    r"|\.[A-Z][^\n]*|'''+|\+|--)[ \t]*$",
    re.MULTILINE,
)
_BULLET = re.compile(r"^[ \t]*(?:[*\-+•]{1,5}|\.{1,5}|\d{1,3}[.)]|>|::)[ \t]+", re.MULTILINE)
_BLOCK_TAG = re.compile(r"</?(?:p|li|ul|ol|td|th|tr|table|div|dt|dd|dl|br|hr|h[1-6]|blockquote|section)\b[^<>]*>")
_CODE_TAG = re.compile(r"</?(?:code|tt|kbd)\b[^<>]*>")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,400}>")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE_END = re.compile(r"[.!?](?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.)[)\"']?\s+(?=[A-Z`\"'(\d])|[。！？]\s*")


@lru_cache(maxsize=_CACHED_PARAGRAPHS)
def plain(paragraph: str) -> Plain:
    """Return `paragraph` in plain sentences; links are their text, names in code stand between backticks."""
    if paragraph[:1].isalpha() and "\n" not in paragraph and "</" not in paragraph:
        return _plain("", _sentences(without_marks(paragraph)), ())
    text, code = _without_code(paragraph)
    if "</" in text:
        text = _without_tags(text)
    headings = [_first_group(match) for match in _HEADING.finditer(text)]
    text = _HEADING.sub("\n\n", text) if headings else text
    text = _BULLET.sub("\n\n", _MARKUP_LINE.sub("\n\n", without_marks(text)))
    found = (sentence for block in _BLANK.split(text) for sentence in _sentences(block))
    return _plain(_heading(headings), found, code)


_PROSE_WORDS = 8
"""A line this long that ends in a full stop is prose, though it stands where code does."""


def _plain(heading: str, found: Iterable[str], code: tuple[str, ...]) -> Plain:
    sentences = tuple(dict.fromkeys(found))
    if not sentences:
        prose = (line for line in code if line.endswith(".") and line.count(" ") >= _PROSE_WORDS)
        sentences = tuple(dict.fromkeys(sentence for line in prose for sentence in _sentences(line)))
    return Plain(heading, sentences, code, sum(map(count_words, sentences)))


def count_words(text: str) -> int:
    """Return the number of words; where none are parted by blanks, two characters count as one."""
    wide = 0 if text.isascii() else (len(text.encode("utf-8", "replace")) - len(text)) // 4
    return text.count(" ") + 1 + wide


def _without_code(text: str) -> tuple[str, tuple[str, ...]]:
    if _MAYBE_CODE.search(text) is None:
        return text, ()
    code = "\n".join(_first_group(match) for match in _CODE.finditer(text))
    lines = (
        line.strip() for line in (unescape(_TAG.sub("", code)) if "<" in code or "&" in code else code).split("\n")
    )
    return _CODE.sub("\n\n", text), tuple(line for line in lines if len(line) > 2 and not line.startswith(("* ", "- ")))


def _without_tags(text: str) -> str:
    text = re.sub(r"<h([1-6])[^<>]*>(.*?)</h\1>", lambda match: f"\n\n# {match[2]}\n\n", text)
    text = _BLOCK_TAG.sub("\n\n", text)
    return unescape(_TAG.sub("", _CODE_TAG.sub("`", text)))


def _first_group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _heading(headings: Iterable[str]) -> str:
    found = (
        re.sub(r"[`*_]{1,3}(?=\W|$)|(?<!\w)[`*_]{1,3}", "", without_marks(heading)).strip() for heading in headings
    )
    return next((heading for heading in found if 3 <= len(heading) <= 60 and not shows_markup(heading)), "")


_FEWEST_WORDS, _FEWEST_WIDE, _MOST_CHARS = 5, 10, 420
_POINTERS = (
    *(
        "article",
        "articles",
        "section",
        "sections",
        "chapter",
        "chapters",
        "paragraph",
        "paragraphs",
        "author",
        "authors",
    ),
    *("tutorial", "guide", "blog", "see", "click", "above", "below", "follows", "following", "shown", "copyright"),
)
_ELSEWHERE = frozenset(word + mark for word in _POINTERS for mark in ("", ".", ",", ":", ")", ";"))
"""Words of sentences that speak of the text or point into it, with what may be stuck to them."""
_HERE = ("this page", "this document", "this post", "this topic", "next page", "table of contents")
_NO_BEGINNING = ("I ", "I'm ", "I’m ", "Sorry", "As a", "Note:", "(")


_ADMONITION = re.compile(r"\A(?:NOTE|TIP|IMPORTANT|WARNING|CAUTION|Note|Tip|Important|Warning): ")


def _sentences(block: str) -> Iterator[str]:
    text = _ADMONITION.sub("", " ".join(block.split()))
    if len(text) < 12:
        return
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield from _finished(text[start : match.end()].rstrip())
        start = match.end()
    yield from _finished(text[start:])


def _finished(sentence: str) -> Iterator[str]:
    """Yield `sentence` with a full stop at its end, or nothing if it is none that could stand in an answer."""
    wide = not sentence.isascii() and sentence.count(" ") * 8 < len(sentence)
    if not _has_form(sentence, wide=wide) or _points_elsewhere(sentence) or shows_markup(sentence):
        return
    ended = sentence[-1] in ".!?。！？" or sentence.endswith(('."', ".)", ".'"))
    yield sentence if ended else f"{sentence}{'。' if wide else '.'}"


def _has_form(sentence: str, *, wide: bool) -> bool:
    """Tell whether a sentence has a fit length, a beginning and an end."""
    long = len(sentence) >= _FEWEST_WIDE if wide else sentence.count(" ") + 1 >= _FEWEST_WORDS
    return long and len(sentence) <= _MOST_CHARS and _begins(sentence) and sentence[-1] not in ":;,："


def _points_elsewhere(sentence: str) -> bool:
    """Tell whether a sentence is half of something, or speaks of what is not in it."""
    lowered = sentence.lower()
    half = sentence.count("`") % 2 == 1
    return half or not _ELSEWHERE.isdisjoint(lowered.split()) or any(here in lowered for here in _HERE)


def _begins(sentence: str) -> bool:
    first = sentence[0]
    return (first in "`\"'" or (first.isalnum() and not first.islower())) and not sentence.startswith(_NO_BEGINNING)


# ------------------------------------------------------------------------------------------------------------- terms

_NAME = re.compile(
    r"`([\w.][^`\n()]{1,39})`"
    r"|(?<![\w-])([A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+|[A-Z][a-z]+(?:[A-Z][a-z0-9]+)+|[A-Z]{3,8})\b"
    r"|((?<=[a-z,] )[A-Z][\w-]+(?: [A-Z][\w-]+){0,3}|\b[A-Z][a-z][\w-]+(?: [A-Z][\w-]+){1,3})"
    r"|([\u4e00-\u9fff\u30a0-\u30ff]{2,8})"
)
_NOUN = re.compile(
    r"\b(?:[Tt]he|[Aa]n?|[Ee]ach|[Ee]very) ((?:[a-z][a-z-]{2,} ){1,2}[a-z][a-z-]{3,})"
    r"(?= (?:is|are|was|has|can|will|must|in|of|to|and|for|with|on|that|which)\b|[.,;)])"
)
_NO_TERM = re.compile(
    r"\b(?:articles?|sections?|text|passages?|paragraphs?|authors?|following|same|above|below|note|null|none|example|"
    r"examples|first|second|other|given|more|most|previous|next|i\.e|e\.g|etc|and|or|how|why|that|this"
    r"|is|are|do|does|can|should|you|your|what|when|if)\b|[<>{}\[\]|\\=,;]|::|://|\.(?:com|org|io|net|edu)\b",
    re.IGNORECASE,
)


_LOOKED_AT_CHARS, _NAMES, _ENOUGH_NAMES = 500, 8, 3


def terms(sentences: Iterable[str], heading: str) -> tuple[str, ...]:
    """Return what the sentences speak of, what comes up most first; names and the heading come before plain words."""
    text = " ".join(sentences)[:_LOOKED_AT_CHARS]
    matches = islice(_NAME.finditer(text), _NAMES)
    names = Counter(_first_group(match).strip(" .,:;\"'").removeprefix("The ") for match in matches)
    nouns = (f"the {noun}" for noun in _NOUN.findall(text)) if len(names) < _ENOUGH_NAMES else ()
    titled = (heading if heading[1:] != heading[1:].lower() else heading.lower(),)
    found = dict.fromkeys((*(name for name, _ in names.most_common()), *titled, *nouns))
    return tuple(term for term in found if _is_term(term))


def _is_term(term: str) -> bool:
    return 2 < len(term) <= 48 and term.count(" ") <= 4 and _NO_TERM.search(term) is None
