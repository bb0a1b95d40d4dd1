"""What the checks of an article's records have in common, found out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from typing import NamedTuple

from ...types import Article
from .numbers import Known
from .quantities import quantities
from .vocabulary import GERMAN, OTHER
from .words import Sentence, Words

_HEAD_CHARS, _TITLE_CHARS = 1_000, 150
"""Where the title stands, and how long it is at most."""
_OFTEN = 5
"""So often comes what an article is about."""
_SUBJECTS = 3
"""Names that an article is about beside those in its title, at most."""
_NAMES_SHARE = 0.5
"""Share of capitalised words inside of sentences from which capitals are no sign of a name."""
_WIDE_SHARE = 0.2
"""Share of runs of Chinese and the like among the words of an article that is written in it."""
_STRETCH_STEMS = 40
"""A paragraph's worth: what a sentence of a record is drawn from stands about as close together."""


class Naming(NamedTuple):
    """What an article writes as names."""

    subjects: frozenset[str]
    """Stems of the names that it is about: those in its title, and those that come most often."""
    names: frozenset[str]
    """Stems of all words that are capitalised inside of a sentence, or show otherwise that they are names."""
    capitals: bool
    """Words in it are capitalised for being names, and for nothing else."""
    wide: bool
    """It is written in a script without blanks."""


class _Read(NamedTuple):
    """An article in words; much less to keep than the words themselves."""

    stems: frozenset[str]
    naming: Naming
    stretches: Mapping[str, tuple[int, ...]]
    numbers: tuple[Known, ...]


class ArticleFacts:
    """An article as checks see it; each fact is found out when it is first asked for.

    All methods are pure, so that threads may share it.
    """

    def __init__(self, article: Article) -> None:
        self.content = article.content
        self.format = article.format

    @property
    def stems(self) -> frozenset[str]:
        """All stems of the article."""
        return self._read.stems

    @property
    def naming(self) -> Naming:
        """What it writes as names."""
        return self._read.naming

    @property
    def stretches(self) -> Mapping[str, tuple[int, ...]]:
        """By stem, the numbers of the stretches, of some sentences each, that it stands in; each overlaps the next."""
        return self._read.stretches

    @property
    def numbers(self) -> tuple[Known, ...]:
        """Its numbers, without their neighbours: those of a whole article are too many to compare with."""
        return self._read.numbers

    @cached_property
    def _read(self) -> _Read:
        """Found out at once, since taking the text apart is most of the work: 0.2 ms for each KB."""
        words = Words(self.content)
        names, capitals = _capitalised(words)
        often = frozenset(stem for stem, count in names.most_common(_SUBJECTS) if count >= _OFTEN)
        wide = sum(word.shape == "wide" for word in words.words) > _WIDE_SHARE * len(words.words)
        return _Read(
            words.stems,
            Naming(Words(_title(self.content)).stems | often, frozenset(names), capitals, wide),
            _stretches(words.sentences),
            tuple(Known(quantity, {}) for quantity in quantities(words)),
        )


def _title(content: str) -> str:
    """Return the first line that says something."""
    return next((line for line in content[:_HEAD_CHARS].splitlines() if any(map(str.isalpha, line))), "")[:_TITLE_CHARS]


def _capitalised(words: Words) -> tuple[Counter[str], bool]:
    """Return how often each stem is part of a name, and whether capitals are a sign of one."""
    counts: Counter[str] = Counter()
    inside = capital = 0
    begins = True
    for word in words.words:
        if word.shape == "code":
            counts.update(word.parts)
        elif not begins and word.stem:
            inside += 1
            if word.shape == "capital":
                capital += 1
                counts.update(word.parts)
        begins = word.shape in ("end", "line", "mark")
    said = Counter(word.text for word in words.words if not word.stem)
    german = sum(said[word] for word in GERMAN) > sum(said[word] for word in OTHER)
    return counts, not german and capital <= _NAMES_SHARE * inside


def _stretches(sentences: tuple[Sentence, ...]) -> Mapping[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, stems in enumerate(_joined(sentences)):
        places = (number - 1, number) if number else (0,)
        for stem in stems:
            known = found.get(stem, ())
            found[stem] = known + (places if not known or known[-1] < places[0] else places[1:])
    return found


def _joined(sentences: tuple[Sentence, ...]) -> Iterator[frozenset[str]]:
    """Yield the stems of sentences that follow one another, some dozens at a time."""
    current: set[str] = set()
    size = 0
    for sentence in sentences:
        current |= sentence.stems
        size += len(sentence.stems)
        if size >= _STRETCH_STEMS:
            yield frozenset(current)
            current, size = set(), 0
    if current:
        yield frozenset(current)


@lru_cache(maxsize=128)
def facts_of(article: Article) -> ArticleFacts:
    """Return the facts of an article, which are kept for a while: its records come one after another."""
    return ArticleFacts(article)
