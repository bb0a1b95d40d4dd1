"""A text in words, as checks compare texts: once taken apart, it can be asked for its stems and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import NamedTuple

from .tokens import Word, tokens, word_of


class Sentence(NamedTuple):
    """What a sentence, or an item of a list, says."""

    words: tuple[Word, ...]
    """Those that say something, numbers included."""
    stems: frozenset[str]


class Words:
    """A text in words."""

    __slots__ = ("__dict__", "words")

    def __init__(self, text: str) -> None:
        self.words: tuple[Word, ...] = tuple(map(word_of, tokens(text)))

    @cached_property
    def stems(self) -> frozenset[str]:
        """Every stem, the parts of identifiers included."""
        return frozenset().union(*[word.parts for word in self.words if word.parts])

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Each sentence or item of a list that says something."""
        return tuple(_sentences(self.words))


def share(stems: frozenset[str], *known: frozenset[str]) -> float:
    """Return which share of `stems` is known; all of nothing is."""
    return len(stems & known[0].union(*known[1:])) / len(stems) if stems else 1.0


def _sentences(words: Iterable[Word]) -> Iterator[Sentence]:
    current: list[Word] = []
    for word in words:
        if word.parts or word.value:
            current.append(word)
        elif current and word.shape in ("end", "line"):
            yield _sentence(current)
            current = []
    if current:
        yield _sentence(current)


def _sentence(words: Iterable[Word]) -> Sentence:
    said = tuple(words)
    return Sentence(said, frozenset().union(*[word.parts for word in said]))
