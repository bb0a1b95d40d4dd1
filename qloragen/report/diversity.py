"""How different the records of a run are from one another, in bounded memory but for 80 bytes a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from math import log

from ..pipeline.uniqueness.texts import normal
from ..sources.sketch import words
from .records import Made

_LEADING_WORDS = 2
_MOST_LEADING = 20_000
_SHOWN = 15
_BITS = 1 << 23
"""Of the bitmap in which different runs of words are counted: so many runs make it too full to be exact."""


def _number(text: str) -> int:
    """Return 60 bits that tell a text from others; they are the same in every process."""
    return int.from_bytes(blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "big") >> 4


class Different:
    """Counts how many texts there are that differ in more than case, punctuation and white space."""

    def __init__(self) -> None:
        self._seen: set[int] = set()
        self.all = 0

    def add(self, text: str) -> None:
        """Take in one more."""
        self.all += 1
        self._seen.add(_number(normal(words(text))))

    @property
    def unique(self) -> int:
        """How many are different from all before them."""
        return len(self._seen)


class Runs:
    """Counts different runs of so many words by a bitmap (linear counting: Whang, Vander-Zanden and Taylor, 1990)."""

    def __init__(self, words: int) -> None:
        self._words = words
        self._map = bytearray(_BITS // 8)
        self._all = 0

    def add(self, words: Sequence[int]) -> None:
        """Take in the words of a text, as numbers."""
        for run in zip(*(islice(words, start, None) for start in range(self._words)), strict=False):
            place = hash(run) % _BITS  # of numbers, so the same in every process
            self._map[place >> 3] |= 1 << (place & 7)
            self._all += 1

    @property
    def distinct(self) -> float:
        """Different runs, of all."""
        free = _BITS - int.from_bytes(self._map, "big").bit_count()
        if not self._all:
            return 0.0
        return min(1.0, _BITS * log(_BITS / max(1, free)) / self._all)


class Wording:
    """Which words and runs of words the fields of some records have."""

    def __init__(self) -> None:
        self._fields = {name: (Runs(1), Runs(2), Runs(3)) for name in ("instruction", "input", "output")}
        self._numbers: dict[str, int] = {}

    def add(self, made: Made) -> None:
        """Take in a record."""
        for name, text in zip(self._fields, (made.instruction, made.input, made.output), strict=True):
            numbers = [self._number(word) for word in words(text)]
            for runs in self._fields[name]:
                runs.add(numbers)

    def distinct(self) -> Mapping[str, tuple[float, float, float]]:
        """Return by field which share of words, pairs and triples is different."""
        return {
            name: (ones.distinct, twos.distinct, threes.distinct) for name, (ones, twos, threes) in self._fields.items()
        }

    def _number(self, word: str) -> int:
        if (number := self._numbers.get(word)) is None:
            if len(self._numbers) >= _MOST_LEADING:
                self._numbers.clear()
            number = self._numbers[word] = _number(word)
        return number


class Leading:
    """How instructions begin."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, instruction: str) -> None:
        """Take in one; rare beginnings are forgotten where there are very many."""
        self._counts[normal(words(instruction)[:_LEADING_WORDS])] += 1
        if len(self._counts) > _MOST_LEADING:
            self._counts = Counter({words: count for words, count in self._counts.items() if count > 1})

    def most(self) -> tuple[tuple[str, int], ...]:
        """Return the most frequent beginnings, with how often."""
        return tuple(_ordered(self._counts.items())[:_SHOWN])


def _ordered(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return sorted(counts, key=lambda part: (-part[1], part[0]))
