"""A paragraph without its markup: plain sentences, lines of code, a heading, and the terms that sentences speak of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from html import unescape

_CACHED_PARAGRAPHS = 4_096


@dataclass(frozen=True, slots=True)
class Plain:
    """A paragraph without its markup."""

    heading: str
    sentences: tuple[str, ...]
    code: tuple[str, ...]
    """The lines of code in it."""


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
_LINK = re.compile(
    r"!?\[([^\[\]\n]*)\]\([^()\s]*(?:\([^()]*\))?[^()\n]*\)"
    r"|(?:(?:link|xref|image|https?|mailto|include):[^\s\[\]]{1,300})\[([^\[\]\n]*)\]"
    r"|<<[^<>,\n]*,([^<>\n]*)>>|:[a-z:]{2,20}:`([^`<>]*?)\s*(?:<[^`<>]*>)?`|`([^`<>]*?)\s+<[^`<>]*>`_{0,2}"
)
_MARKUP_LINE = re.compile(
    r"^[ \t]*(?:\[\[?[^\[\]\n]*\]\]?|\.\. [^\n]*|:[\w-]+:[^\n]*|\|[^\n]*|[|+=\-~^*_#. ]{3,}|include::[^\n]*"
    r"|\.[A-Z][^\n]*|'''+)[ \t]*$",
    re.MULTILINE,
)
_BULLET = re.compile(r"^[ \t]*(?:[*\-+•]{1,5}|\.{1,5}|\d{1,3}[.)]|>|::)[ \t]+", re.MULTILINE)
_BLOCK_TAG = re.compile(r"</?(?:p|li|ul|ol|td|th|tr|table|div|dt|dd|dl|br|hr|h[1-6]|blockquote|section)\b[^<>]*>")
_CODE_TAG = re.compile(r"</?(?:code|tt|kbd)\b[^<>]*>")
_TAG = re.compile(r"</?[A-Za-z][^<>]{0,400}>")
_EMPHASIS = re.compile(
    r"(?<![\w*])\*{1,2}(?=\S)([^*\n]{1,200}?)(?<=\S)\*{1,2}(?![\w*])|``([^`\n]{1,200})``|`\+([^`\n]{1,200})\+`"
)
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_SENTENCE_END = re.compile(
    r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!etc\.)(?<!vs\.)[)\"']?\s+(?=[A-Z`\"'(\d])|(?<=[。！？])\s*"
)


@lru_cache(maxsize=_CACHED_PARAGRAPHS)
def plain(paragraph: str) -> Plain:
    """Return `paragraph` in plain sentences; links are their text, names in code stand between backticks."""
    text, code = _without_code(paragraph)
    if "</" in text:
        text = _without_tags(text)
    headings = [next(filter(None, match.groups()), "") for match in _HEADING.finditer(text)]
    text = _HEADING.sub("\n\n", text) if headings else text
    if "[" in text or "<" in text or ":`" in text:
        text = _LINK.sub(_first_group, text)
    text = _BULLET.sub("\n\n", _MARKUP_LINE.sub("\n\n", text))
    if "*" in text or "``" in text or "`+" in text:
        text = _EMPHASIS.sub(_emphasised, text)
    found = (sentence for block in _BLANK.split(text) for sentence in _sentences(block))
    return Plain(_heading(headings), tuple(dict.fromkeys(found)), code)


def _without_code(text: str) -> tuple[str, tuple[str, ...]]:
    if _MAYBE_CODE.search(text) is None:
        return text, ()
    code = "\n".join(_first_group(match) for match in _CODE.finditer(text))
    lines = (
        line.strip() for line in (unescape(_TAG.sub("", code)) if "<" in code or "&" in code else code).split("\n")
    )
    return _CODE.sub("\n\n", text), tuple(line for line in lines if len(line) > 2)


def _without_tags(text: str) -> str:
    text = re.sub(r"<h([1-6])[^<>]*>(.*?)</h\1>", lambda match: f"\n\n# {match[2]}\n\n", text)
    text = _BLOCK_TAG.sub("\n\n", text)
    return unescape(_TAG.sub("", _CODE_TAG.sub("`", text)))


def _first_group(match: re.Match[str]) -> str:
    return next((group for group in match.groups() if group), "")


def _emphasised(match: re.Match[str]) -> str:
    return match[1] or f"`{match[2] or match[3]}`"


def _heading(headings: Iterable[str]) -> str:
    found = (re.sub(r"[`*_]{1,3}(?=\W|$)|(?<!\w)[`*_]{1,3}", "", heading).strip() for heading in headings)
    return next((heading for heading in found if 3 <= len(heading) <= 60), "")


_FEWEST_WORDS, _MOST_CHARS = 5, 420
_POINTS_ELSEWHERE = re.compile(
    r"\b(?:articles?|sections?|chapters?|paragraphs?|authors?|this (?:page|document|guide|tutorial|post|blog)|see|click"
    r"|above|below|as follows|following|shown|next page|table of contents|copyright|licensed)\b"
    r"|^(?:I|I'm|Sorry|As an?|Note:?) ",
    re.IGNORECASE,
)


def _sentences(block: str) -> Iterator[str]:
    text = " ".join(block.split())
    if len(text) < 12:
        return
    for sentence in _SENTENCE_END.split(text):
        finished = _finished(sentence.strip())
        if finished:
            yield finished


def _finished(sentence: str) -> str:
    """Return `sentence` with a full stop, or nothing if it is none that could stand in an answer."""
    wide = not sentence.isascii() and sentence.count(" ") * 8 < len(sentence)
    if not (len(sentence) >= 10 if wide else sentence.count(" ") + 1 >= _FEWEST_WORDS):
        return ""
    if len(sentence) > _MOST_CHARS or sentence[-1] in ":;,：" or _POINTS_ELSEWHERE.search(sentence):
        return ""
    if sentence.count("`") % 2 or not (sentence[0].isalnum() or sentence[0] in "`\"'(") or sentence[0].islower():
        return ""
    if sentence[-1] in ".!?。！？" or sentence.endswith(('."', ".)", ".'")):
        return sentence
    return f"{sentence}{'。' if wide else '.'}"


# ------------------------------------------------------------------------------------------------------------- terms

_TERM = re.compile(
    r"`([^`\n]{2,40})`"
    r"|\b([A-Za-z][A-Za-z0-9]*(?:[_.][A-Za-z0-9]+)+|[A-Z][a-z]+(?:[A-Z][a-z0-9]+)+|[A-Z]{3,8})\b"
    r"|(?<=[a-z,] )([A-Z][\w-]+(?: [A-Z][\w-]+){0,3})"
    r"|\b(?:[Tt]he|[Aa]n?|[Ee]ach|[Ee]very) ((?:[a-z][a-z-]{2,} ){1,2}[a-z][a-z-]{3,})"
    r"(?= (?:is|are|was|has|can|will|must|in|of|to|and|for|with|on|that|which)\b|[.,;)])"
    r"|([\u4e00-\u9fff\u30a0-\u30ff]{2,8})"
)
_NO_TERM = re.compile(
    r"\b(?:articles?|sections?|text|passages?|paragraphs?|authors?|following|same|above|below|note|null|none|example|"
    r"examples|first|second|other|given|more|most|previous|next|i\.e|e\.g|etc|and|or|how|why|that|this)\b|[<>{}\[\]|\\=]|://",
    re.IGNORECASE,
)


def terms(sentences: Iterable[str], heading: str) -> tuple[str, ...]:
    """Return what the sentences speak of: names before plain words, each once; the heading comes after the names."""
    names: dict[str, None] = {}
    nouns: dict[str, None] = {}
    for match in _TERM.finditer(" ".join(sentences)):
        term = _first_group(match).strip(" .,:;()\"'")
        if 2 < len(term) <= 48 and term.count(" ") <= 4 and _NO_TERM.search(term) is None:
            (nouns if match[4] else names)[term] = None
    titled = (heading,) if heading and heading.count(" ") <= 4 and _NO_TERM.search(heading) is None else ()
    return tuple(dict.fromkeys((*names, *titled, *nouns)))
