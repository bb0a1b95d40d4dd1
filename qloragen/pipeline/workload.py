"""How much work one process has found and done, and what its calls were like: what a forecast is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log

from ..types import Article, Cell, Completion, Stage


@dataclass(slots=True)
class Sizes:
    """Articles and how long their texts are, in characters."""

    articles: int = 0
    chars: int = 0
    log_chars: float = 0.0
    """Sum of the logarithms."""

    def add(self, chars: int) -> None:
        """Take in an article."""
        self.articles += 1
        self.chars += chars
        self.log_chars += log(max(chars, 1))

    def plus(self, other: Sizes) -> Sizes:
        """Return both together."""
        return Sizes(self.articles + other.articles, self.chars + other.chars, self.log_chars + other.log_chars)


@dataclass(slots=True)
class Types:
    """How many types apply to articles, and how that goes with the logarithm of their size."""

    sizes: Sizes = field(default_factory=Sizes)
    types: int = 0
    cell_chars: int = 0
    """Sum of the articles' characters over these types: what a record is made of for each."""
    _squares: float = 0.0
    _products: float = 0.0

    def add(self, chars: int, types: int) -> None:
        """Take in an article that was classified."""
        self.sizes.add(chars)
        self.types += types
        self.cell_chars += chars * types
        size = log(max(chars, 1))
        self._squares += size * size
        self._products += size * types

    def expected(self, log_chars: float | None) -> float:
        """Return how many types to expect of an article of that size; None: of one like those seen."""
        count = self.sizes.articles
        mean, usual = self.types / count, self.sizes.log_chars / count
        if log_chars is None:
            return mean
        variance, covariance = self._squares / count - usual * usual, self._products / count - usual * mean
        slope = (covariance * count + _POWER * mean * _CAUTION) / (variance * count + _CAUTION)
        return min(max(mean + slope * (log_chars - usual), mean / 2), 2 * mean)


_POWER = 0.3
"""Types are taken to grow with the size to this power, until articles of several sizes were seen: of 150 articles of a
corpus they do to 0.2, of 150 that were put together from its paragraphs to 0.4 (measured on 2026-11-29)."""
_CAUTION = 6.0
"""How much that assumption weighs: as six articles whose logarithms of the size are 1 from the mean."""


@dataclass(slots=True)
class Calls:
    """Replies of one model to one stage, with sums over them."""

    replies: int = 0
    first: int = 0
    """Those of them that were the first one to their cell in this process."""
    first_chars: int = 0
    """Of the articles that these were about."""
    latency_s: float = 0.0
    latency_s2: float = 0.0
    tokens: int = 0
    """Prompt and completion."""
    _chars: int = 0
    _chars2: int = 0
    _chars_tokens: int = 0

    def add(self, completion: Completion, chars: int, *, first: bool) -> None:
        """Count a reply about an article of so many characters."""
        tokens = completion.usage.prompt_tokens + completion.usage.completion_tokens
        self.replies += 1
        self.first += first
        self.first_chars += first * chars
        self.latency_s += completion.latency_s
        self.latency_s2 += completion.latency_s**2
        self.tokens += tokens
        self._chars += chars
        self._chars2 += chars * chars
        self._chars_tokens += chars * tokens

    @property
    def variance_s2(self) -> float:
        """Of the latencies."""
        return max(0.0, self.latency_s2 / self.replies - (self.latency_s / self.replies) ** 2)

    def tokens_at(self, chars: float | None) -> float:
        """Return how many tokens to expect of a call about an article of that size; None: of one like those seen."""
        count = self.replies
        mean, usual = self.tokens / count, self._chars / count
        variance = self._chars2 / count - usual * usual
        if chars is None or count < _FEW or variance < 1:
            return mean
        slope = (self._chars_tokens / count - usual * mean) / variance
        return max(1.0, mean + min(max(slope, 0.0), 1.0) * (chars - usual))


_FEW = 5
"""Replies that show no slope."""


@dataclass(slots=True)
class Workload:
    """Counts of cells and calls of one process."""

    found: Counter[Stage] = field(default_factory=Counter)
    """Cells that had no result when their article was taken."""
    ended: Counter[Stage] = field(default_factory=Counter)
    """Those of them that have come to one, or were given up."""
    typed: Types = field(default_factory=Types)
    """Of the articles that this process has classified: their generations are among those found."""
    taken: Sizes = field(default_factory=Sizes)
    """Of the articles that were taken from the source."""
    calls: dict[tuple[Stage, str], Calls] = field(default_factory=dict)
    """By stage and model."""
    _open: dict[str, int] = field(default_factory=dict)
    """Articles that are worked on, and their characters."""

    @contextmanager
    def about(self, article: Article) -> Iterator[None]:
        """Know the size of an article while it is worked on."""
        size = self._open[article.id] = len(article.content)
        self.taken.add(size)
        try:
            yield
        finally:
            self._open.pop(article.id, None)

    def hear(self, cell: Cell, completion: Completion, *, first: bool) -> None:
        """Count a reply to a cell, of the model that is named there."""
        key = cell.stage, cell.model
        if key not in self.calls:
            self.calls[key] = Calls()
        self.calls[key].add(completion, self._open.get(cell.article_id, 0), first=first)
