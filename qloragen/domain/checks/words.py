"""A text in words, as checks compare texts: once taken apart, it can be asked for its stems and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from .runs import runs_of, stems_of, words_of
from .tokens import Word


class Sentence:
    """What a sentence, or an item of a list, says."""

    __slots__ = ("__dict__", "keys", "words")

    def __init__(self, words: tuple[Word, ...]) -> None:
        self.words = words
        """Those that say something, numbers included."""
        self.keys = frozenset([word.key for word in words])
        """What its words are compared by."""

    @cached_property
    def stems(self) -> frozenset[str]:
        """All stems of its words, the parts of identifiers included."""
        return frozenset().union(*[word.parts for word in self.words])


class Words:
    """A text in words."""

    __slots__ = ("__dict__", "runs")

    def __init__(self, text: str) -> None:
        self.runs = runs_of(text)

    @cached_property
    def words(self) -> tuple[Word, ...]:
        """Its words, and what parts them, in order."""
        return words_of(self.runs)

    @cached_property
    def stems(self) -> frozenset[str]:
        """Every stem, the parts of identifiers included."""
        return stems_of(self.runs)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Each sentence or item of a list that says something."""
        return tuple(_sentences(self.words))


def share(stems: frozenset[str], known: frozenset[str]) -> float:
    """Return which share of `stems` is known; all of nothing is."""
    return len(stems & known) / len(stems) if stems else 1.0


def _sentences(words: Iterable[Word]) -> Iterator[Sentence]:
    current: list[Word] = []
    for word in words:
        if word.key:
            current.append(word)
        elif current and word.shape in ("end", "line"):
            yield Sentence(tuple(current))
            current = []
    if current:
        yield Sentence(tuple(current))
