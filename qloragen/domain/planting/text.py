"""A text as those see it who change it: sentences, names, numbers, and what two texts have in common."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from random import Random

from ...types import Article
from ..paragraphs import split_paragraphs

# -------------------------------------------------------------------------------------------------- without markup

_CODE_BLOCK = re.compile(
    r"^[ \t]*```[^\n]*\n.*?(?:^[ \t]*```[ \t]*$|\Z)|<pre\b.*?(?:</pre>|\Z)|^-{4,}\n.*?(?:^-{4,}$|\Z)"
    r"|(?:^(?: {4}|\t)[^\n]*(?:\n|\Z))+",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(
    r"!?\[([^\[\]\n]{0,200})\]\([^()\n]*\)|(?:link|xref|https?):[^\s\[\]]{0,300}\[([^\[\]\n]*)\]|<<[^<>,\n]*,([^<>\n]*)>>"
)
_HEADING = re.compile(
    r"^(?:#{1,6}|={1,6})[ \t]+[^\n]*$|^[^\n]{3,90}\n[=~^\"\-]{3,}[ \t]*$|<h[1-6][^<>]*>.*?</h[1-6]>", re.MULTILINE
)
_TAGS = "a|abbr|b|blockquote|br|code|div|d[dlt]|em|h[1-6r]|i|img|kbd|li|ol|p|pre|section|span|strong|t[dhrt]|table|ul"
_MARKS = re.compile(
    rf"</?(?:{_TAGS})\b[^<>]{{0,300}}>|\*\*|(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)"
    r"|^[ \t]*(?:[|=+.\-~]{3,}|\[[^\]\n]*\]|\.\. [^\n]*|:[\w-]+:[^\n]*)[ \t]*$",
    re.MULTILINE,
)
_ITEM = re.compile(r"^[ \t]*(?:[*\-+•]{1,5}|\.{1,5}|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#39;", "'"), ("&nbsp;", " "), ("&amp;", "&"))


def code_in(text: str) -> str:
    """Return the blocks of code in `text`, as they are."""
    return "\n\n".join(match[0].strip("\n") for match in _CODE_BLOCK.finditer(text))


def without_code(text: str) -> str:
    """Return `text` with blank lines for its blocks of code."""
    return _CODE_BLOCK.sub("\n\n", text)


@lru_cache(maxsize=1_024)
def prose(text: str) -> tuple[str, ...]:
    """Return the sentences of `text`, without markup, headings and code."""
    text = _HEADING.sub("\n\n", without_code(text))
    text = _ITEM.sub("\n\n", _LINK.sub(lambda match: match[1] or match[2] or match[3] or "", text))
    text = _MARKS.sub(
        " ",
        re.sub(r"</?(?:p|li|td|tr|div|dd|dt)\b[^<>]*>", "\n\n", text.replace("<code>", "`").replace("</code>", "`")),
    )
    for entity, character in _ENTITIES:
        text = text.replace(entity, character)
    return tuple(
        sentence for block in re.split(r"\n[ \t]*\n", text) for sentence in sentences(block) if _is_prose(sentence)
    )


_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)(?<!\d\.)[\"')]?\s+(?=[A-Z`\"'(\d*])|(?<=[。！？])")


def sentences(text: str) -> Sequence[str]:
    """Return the sentences of a block of text, blanks made one."""
    return [sentence for part in _END.split(text) if (sentence := " ".join(part.split()))]


_FEWEST_WORDS, _LEAST_LETTERS = 4, 0.88
_NO_LETTER = re.compile(r"[^\w\s`]|[\d_]")


def _is_prose(sentence: str) -> bool:
    """Tell whether a sentence is one, and no row of a table, line of a log or piece of code."""
    shaped = sentence.count(" ") >= _FEWEST_WORDS and sentence[-1] in ".!?" and not sentence[0].islower()
    return shaped and len(_NO_LETTER.findall(sentence)) <= (1 - _LEAST_LETTERS) * len(sentence)


@lru_cache(maxsize=256)
def paragraphs(article: Article) -> tuple[str, ...]:
    """Return the pieces of the article that evidence can name."""
    return split_paragraphs(article.content, article.format)


# ------------------------------------------------------------------------------------------------------- in common

_LONG_WORD = re.compile(r"[^\W\d_]{5,}")


@lru_cache(maxsize=2_048)
def long_words(text: str) -> frozenset[str]:
    """Return the beginnings of the longer words, which tell subjects apart."""
    return frozenset(word[:6] for word in _LONG_WORD.findall(text.casefold()))


def in_common(text: str, with_text: str) -> float:
    """Return which share of the longer words of `text` comes up in the other one; 1 where it has none."""
    words = long_words(text)
    return len(words & long_words(with_text)) / len(words) if words else 1.0


# --------------------------------------------------------------------------------------------- names and numbers

_NAME = re.compile(
    r"`([\w.][\w.\-:/]{1,50})`"
    r"|(?<![\w.`/-])([A-Za-z][A-Za-z0-9]*(?:[_.-][A-Za-z0-9]+)*[_][A-Za-z0-9]+|[A-Z]+[a-z]+(?:[A-Z][a-z0-9]*)+|[A-Z]{3,8})(?![\w`])"
    r"|(?<=[a-z,] )([A-Z][a-z][\w-]+(?: [A-Z][\w-]+){0,2})"
)


def names(text: str) -> Sequence[str]:
    """Return what looks like a name or identifier, each once, in order."""
    found = (match[1] or match[2] or match[3] for match in _NAME.finditer(text))
    return list(dict.fromkeys(name for name in found if len(name) > 2 and not name.isdecimal()))


NUMBER = re.compile(r"(?<![\w.,:/\-#])\d{1,9}(?:[.,]\d{1,6}){0,3}(?![\w]*[_/\-])(?![.,:]?\d)")
"""A number that stands alone or before a unit; no part of a name, a path, a range or a time of day."""
STEP = re.compile(r"^[ \t]*\d{1,2}[.)][ \t]", re.MULTILINE)
"""The number of an item in a list."""


def numbers(text: str) -> Iterator[re.Match[str]]:
    """Yield the numbers of `text` that say something, not those that number a list."""
    steps = {match.start() + match[0].index(match[0].lstrip()) for match in STEP.finditer(text)}
    return (match for match in NUMBER.finditer(text) if match.start() not in steps)


_LITTLE = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "have",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "one",
        "or",
        "should",
        "so",
        "that",
        "the",
        "their",
        "them",
        "there",
        "they",
        "this",
        "to",
        "two",
        "use",
        "used",
        "using",
        "was",
        "we",
        "what",
        "when",
        "where",
        "which",
        "who",
        "why",
        "will",
        "with",
        "you",
        "your",
    ]
)


def subject(instruction: str, context: str) -> str:
    """Return the longest part of an instruction that its context has too: what it is about."""
    words, lowered = instruction.split(), context.casefold()
    best = ""
    for start in range(len(words)):
        for end in range(start + 1, min(start + 5, len(words)) + 1):
            part = " ".join(words[start:end]).strip("`.,:;?!\"'()")
            if _tells(words[start:end]) and len(part) > len(best) and part.casefold() in lowered:
                best = part
    return best or "the system"


def _tells(words: Sequence[str]) -> bool:
    first, last = words[0].strip("`,.:;?").casefold(), words[-1].strip("`,.:;?").casefold()
    inner = any(word[-1] in ",.:;?" for word in words[:-1])
    return not inner and first not in _LITTLE and last not in _LITTLE


def lowered(sentence: str) -> str:
    """Return a sentence as it goes on after a comma: its first letter small unless it is a name's."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].lower() + sentence[1:] if first[1:].islower() or first == "A" else sentence


def some(found: Sequence[str], random: Random, least: int, most: int) -> Sequence[str]:
    """Return some of the texts, in their order."""
    count = min(len(found), random.randint(least, most))
    return [found[at] for at in sorted(random.sample(range(len(found)), count))]
