"""How much work one process has found and done, and what its calls were like: what a forecast is made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ..types import Article, Cell, Completion, Stage


@dataclass(slots=True)
class Calls:
    """Replies of one model to one stage, with sums over them."""

    replies: int = 0
    first: int = 0
    """Those of them that were the first one to their cell in this process."""
    latency_s: float = 0.0
    latency_s2: float = 0.0
    tokens: int = 0
    """Prompt and completion."""
    chars: int = 0
    """Of the articles that they were about; and, with it, what a regression of tokens on characters needs."""
    chars2: int = 0
    chars_tokens: int = 0

    def add(self, completion: Completion, chars: int, *, first: bool) -> None:
        """Count a reply about an article of so many characters."""
        tokens = completion.usage.prompt_tokens + completion.usage.completion_tokens
        self.replies += 1
        self.first += first
        self.latency_s += completion.latency_s
        self.latency_s2 += completion.latency_s**2
        self.tokens += tokens
        self.chars += chars
        self.chars2 += chars * chars
        self.chars_tokens += chars * tokens


@dataclass(slots=True)
class Workload:
    """Counts of cells and calls of one process."""

    found: Counter[Stage] = field(default_factory=Counter)
    """Cells that had no result when their article was taken."""
    ended: Counter[Stage] = field(default_factory=Counter)
    """Those of them that have come to one, or were given up."""
    classified: int = 0
    """Articles that were classified by this process, so that their generations are known."""
    typed: int = 0
    """Generations that these have brought."""
    chars: int = 0
    """Of the articles that were taken."""
    calls: dict[tuple[Stage, str], Calls] = field(default_factory=dict)
    """By stage and model."""
    _open: dict[str, int] = field(default_factory=dict)
    """Articles that are worked on, and their characters."""

    def type(self, generations: int) -> None:
        """Count an article that was classified just now, and the generations that this has brought."""
        self.classified += 1
        self.typed += generations

    @contextmanager
    def about(self, article: Article) -> Iterator[None]:
        """Know the size of an article while it is worked on."""
        size = len(article.content)
        self.chars += size
        self._open[article.id] = size
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
