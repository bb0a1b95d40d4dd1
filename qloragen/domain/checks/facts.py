"""What the checks of an article's records have in common, found out once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

from ...types import Article
from .numbers import ArticleNumbers
from .prose import Spoken, count, is_english, prose_of, spoken
from .runs import Run, runs_of, sentences_of, words_of
from .tokens import Word
from .vocabulary import GERMAN, OTHER
from .words import Words

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
_READ_CHARS, _FIRST_CHARS = 4_000, 400
"""What is read for the language, and what of its plain words: it tells as much as all of them."""
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


class ArticleFacts:
    """An article as checks see it; each fact is found out when it is first asked for.

    All methods are pure, so that threads may share it.
    """

    def __init__(self, article: Article) -> None:
        self.content = article.content
        self.format = article.format

    @cached_property
    def stems(self) -> frozenset[str]:
        """All stems of the article."""
        return frozenset().union(*self.stretches)

    @cached_property
    def spoken(self) -> Spoken:
        """What it is written in, by its beginning."""
        prose = prose_of(self.content[:_READ_CHARS])
        return Spoken(count(prose), "en", 1.0) if is_english(prose[:_FIRST_CHARS]) else spoken(prose)

    @cached_property
    def naming(self) -> Naming:
        """What it writes as names."""
        names, capitals = _capitalised(self._words)
        often = frozenset(stem for stem, count in names.most_common(_SUBJECTS) if count >= _OFTEN)
        return Naming(Words(_title(self.content)).stems | often, frozenset(names), capitals)

    @cached_property
    def wide(self) -> bool:
        """It is written in a script without blanks."""
        if self.content.isascii():
            return False
        return sum(word.shape == "wide" for word in self._words) > _WIDE_SHARE * len(self._words)

    @cached_property
    def stretches(self) -> Sequence[frozenset[str]]:
        """The stems of its stretches, of some sentences each."""
        return tuple(_joined(sentences_of(self._runs)))

    @cached_property
    def numbers(self) -> ArticleNumbers:
        """Its numbers, without their neighbours: those of a whole article are too many to compare with."""
        return ArticleNumbers(self._words)

    @cached_property
    def _words(self) -> tuple[Word, ...]:
        return words_of(self._runs)

    @cached_property
    def _runs(self) -> tuple[Run, ...]:
        """Taking the text apart is most of the work, 0.03 ms for each KB; each run is kept once for all articles."""
        return runs_of(self.content)


def _title(content: str) -> str:
    """Return the first line that says something."""
    return next((line for line in content[:_HEAD_CHARS].splitlines() if any(map(str.isalpha, line))), "")[:_TITLE_CHARS]


def _capitalised(words: Sequence[Word]) -> tuple[Counter[str], bool]:
    """Return how often each stem is part of a name, and whether capitals are a sign of one."""
    stems: list[str] = []
    inside = capital = 0
    begins = True
    for word in words:
        if word.shape == "code":
            stems += word.parts
        elif not begins and word.stem:
            inside += 1
            if word.shape == "capital":
                capital += 1
                stems += word.parts
        begins = word.shape in ("end", "line", "mark")
    said = Counter(word.text for word in words if not word.stem)
    german = sum(said[word] for word in GERMAN) > sum(said[word] for word in OTHER)
    return Counter(stems), not german and capital <= _NAMES_SHARE * inside


def _joined(sentences: Iterable[frozenset[str]]) -> Iterator[frozenset[str]]:
    """Yield the stems of sentences that follow one another, some dozens at a time."""
    current: set[str] = set()
    size = 0
    for stems in sentences:
        current |= stems
        size += len(stems)
        if size >= _STRETCH_STEMS:
            yield frozenset(current)
            current, size = set(), 0
    if current:
        yield frozenset(current)


@lru_cache(maxsize=128)
def facts_of(article: Article) -> ArticleFacts:
    """Return the facts of an article, which are kept for a while: its records come one after another."""
    return ArticleFacts(article)
