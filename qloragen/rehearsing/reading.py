"""The source of a rehearsal: read once, counted, and a sample drawn evenly from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from ..types import Article, Skip


@dataclass(frozen=True, slots=True)
class Found:
    """What there is in a source."""

    articles: tuple[Article, ...]
    """All of them, or as many as were wished, drawn evenly; in the order of the source."""
    total: int
    """How many there are."""
    skips: Mapping[str, int]
    """Reason to number of pieces that are no article."""
    finished: int = 0
    """Articles that are done already, and are in no other number."""


async def found_in(items: AsyncIterator[Article | Skip], most: int, is_done: Callable[[Article], bool]) -> Found:
    """Read all items; keep `most` of the articles that are not done."""
    sample, skips, finished = Evenly(most), Counter[str](), 0
    async for item in items:
        if isinstance(item, Skip):
            skips[item.reason.value] += 1
        elif is_done(item):
            finished += 1
        else:
            sample.add(item)
    return Found(sample.drawn(), sample.seen, dict(skips), finished)


class Evenly:
    """A sample of a stream of unknown length, from everywhere in it, in flat memory: every n-th, with a growing n."""

    def __init__(self, most: int) -> None:
        self.seen = 0
        self._most = most
        self._step = 1
        self._kept: list[Article] = []

    def add(self, article: Article) -> None:
        """Take note of an article."""
        if self.seen % self._step == 0:
            self._kept.append(article)
            if len(self._kept) > 4 * self._most:
                self._kept = self._kept[::2]
                self._step *= 2
        self.seen += 1

    def drawn(self) -> tuple[Article, ...]:
        """Return at most as many as were wished, all if there are no more, in order."""
        count = len(self._kept)
        if count <= self._most:
            return tuple(self._kept)
        return tuple(self._kept[(2 * at + 1) * count // (2 * self._most)] for at in range(self._most))
