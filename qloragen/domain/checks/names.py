"""Names that are not what the text says: identifiers, products and people that are absent from it, or change places."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

from .alike import Swap
from .facts import ArticleFacts
from .tokens import Word, word_of
from .vocabulary import MONTHS
from .words import Words

_HARMLESS = frozenset(
    re.findall(
        r"\w+",
        "api apis app ascii cli cpu crud dns faq html http https id ide io ip iso it json lan no ok os pc ram rest ssl "
        "tcp tls ui url uri utc xml yaml yes true false null",
    )
)
"""Names that anybody uses for what a text says in other words."""
_BEGINS = frozenset(("end", "line", "wrap", "mark"))
"""Shapes of what stands before the beginning of a sentence."""
_NAMING = frozenset(("code", "capital"))
"""Shapes of what may be a name."""
_ACRONYM_CHARS = 3
_ALIKE_CHARS = 4


class Background:
    """What names may come from: a text, and what goes without saying."""

    def __init__(
        self,
        text: str,
        stems: frozenset[str],
        variables: frozenset[str],
        subjects: Callable[[], frozenset[str]],
        facts: ArticleFacts,
    ) -> None:
        self.stems = stems
        """Stems of the text."""
        self.variables = variables
        """Stems of what the pack is about."""
        self.subjects = subjects
        """Stems of what the article is about."""
        self.facts = facts
        self._text = text

    @cached_property
    def text(self) -> str:
        """The text in lower case."""
        return self._text.casefold()

    @cached_property
    def initials(self) -> str:
        """The first letters of all words, in lower case and in order."""
        return "".join(_INITIAL.findall(self._text)).casefold()


_INITIAL = re.compile(r"(?<![^\W_])[^\W\d_]")


def unknown_name(words: Words, known: Background) -> str | None:
    """Return the first name in a text that is not known."""
    for word in named(words):
        # The article itself is looked at last, for that takes longest.
        if not is_known(word, known) and (word.shape == "code" or known.facts.naming.capitals):
            return word.text
    return None


_QUOTED = re.compile(r"`(?<!``)([^\W\d_]{2,})`(?!`)")


def unknown_quoted(text: str, known: Background) -> str | None:
    """Return the first single word between backticks that is not known."""
    words = map(word_of, _QUOTED.findall(text))
    return next((word.text for word in words if word.stem and not is_known(word, known)), None)


_SHORT_FORM = re.compile(r"[^\W\d_](?:\.[^\W\d_])+")
"""Abbreviations of little words, which no one takes for names: a.m, i.e, z.B."""


def named(words: Words) -> Iterator[Word]:
    """Yield what may be names in a text: what shows that it is one, and words such as Kafka.

    At the beginning of a sentence, and in headings such as "Key Points:", capitals say nothing.
    """
    listed = words.words
    for at, word in enumerate(listed):
        shape = word.shape
        if shape not in _NAMING or word.value or word.unit or _SHORT_FORM.fullmatch(word.text):
            continue
        if shape == "code" or not (_begins(listed, at) or (_in_heading(listed, at) and _ends_heading(listed, at))):
            yield word


def _begins(words: Sequence[Word], at: int) -> bool:
    """Tell whether a sentence begins there."""
    return not at or words[at - 1].shape in _BEGINS


def _in_heading(words: Sequence[Word], at: int) -> bool:
    """Tell whether there are only capitalised words since a sentence has begun."""
    while at and words[at - 1].shape == "capital":
        at -= 1
    return _begins(words, at)


def _ends_heading(words: Sequence[Word], at: int) -> bool:
    """Tell whether nothing but capitalised words and a colon, or the end of the line, follow."""
    following = next((word for word in words[at:] if word.shape != "capital"), None)
    return following is None or following.shape in ("mark", "line", "wrap")


def is_known(word: Word, known: Background) -> bool:
    """Tell whether a name is there, in one form or another."""
    stems = known.stems
    if (
        word.stem in stems
        or word.stem in known.variables
        or word.text.casefold() in _HARMLESS
        or word.stem in _HARMLESS
    ):
        return True
    if any(character.isdecimal() for character in word.text):
        return _stands_together(word.text, known.text)
    if len(word.parts) > 1 and all(part in stems or part in _HARMLESS for part in word.parts[1:]):
        return True
    whole = word.text.casefold()
    if len(whole) >= _ALIKE_CHARS and whole in known.text:
        return True
    if len(whole) >= _ACRONYM_CHARS and word.text.isupper() and whole in known.initials:
        return True
    subjects = known.subjects()
    return word.stem in subjects or (len(word.parts) > 1 and subjects.issuperset(word.parts[1:]))


_JOINT = r"[\W_]{0,2}"
_PIECES = re.compile(r"[^\W\d_]+|\d+")


def _stands_together(name: str, text: str) -> bool:
    """Tell whether the letters and digits of a name stand side by side: SHA-1, SHA 1 and sha1 are the same."""
    pieces = _PIECES.findall(name.casefold())
    if pieces[0] == "p" and len(pieces) == 2:
        pieces = pieces[1:]  # p99 is the 99th percentile
    if len(pieces) == 1 and not pieces[0].isdecimal():
        return pieces[0] in text
    return re.search(rf"(?<![^\W_]){_JOINT.join(map(re.escape, pieces))}(?!\d)", text) is not None


# ------------------------------------------------------------------------------------------------------------ swaps


def swapped_name(swaps: Iterable[Swap], known: Background) -> tuple[str, str] | None:
    """Return a name that stands in place of another one, and that one.

    A word that neither the text nor the article has is taken for a name if it stands in place of one.
    """
    for swap in swaps:
        # A capital says nothing there, and what the article writes as names need not be found out.
        if swap.first and not any(word.shape == "code" for word in swap.here):
            continue
        there = [word for word in swap.there if _is_name(word, known, first=swap.first)]
        here = [word for word in swap.here if _replaces_name(word, swap, known)] if there else []
        if here and not any(_same(one, other) for one in here for other in there):
            return here[0].text, there[0].text
    return None


def _replaces_name(word: Word, swap: Swap, known: Background) -> bool:
    if swap.first:
        return word.shape == "code" and _is_name(word, known, first=True)
    if _is_name(word, known, first=False):
        return True
    return len(swap.here) == len(swap.there) == 1 and _is_new(word, known)


def _is_new(word: Word, known: Background) -> bool:
    """Tell whether a word, which is no name by itself, is in neither text nor article."""
    return word.shape == "word" and known.stems.isdisjoint(word.parts) and word.stem not in known.facts.stems


def _is_name(word: Word, known: Background, *, first: bool) -> bool:
    if word.shape == "code":
        return not word.unit and not word.value
    return (
        word.shape == "capital"
        and (not word.value or word.text.casefold() in MONTHS)
        and (not first or word.stem in known.facts.naming.names)
    )


def _same(one: Word, other: Word) -> bool:
    """Tell whether one name is part of the other, or its initials."""
    short, long = sorted((one, other), key=lambda word: len(word.text))
    letters = _letters(short)
    return letters in _letters(long) or letters == "".join(part[0] for part in long.parts[1:])


def _letters(word: Word) -> str:
    return "".join(filter(str.isalnum, word.text.casefold()))
