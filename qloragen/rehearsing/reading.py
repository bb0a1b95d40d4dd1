"""The source of a rehearsal: counted, and a sample drawn evenly from it.

Reading an article takes a millisecond or two, so a source of many is read in full only where nothing less will do. Of
files only what is drawn is cleaned; the others are counted as they stand there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from sys import maxsize
from typing import Generic, NamedTuple, TypeVar

import anyio.to_thread

from ..pipeline.shared import limited
from ..session import Source
from ..sources import Options, read, read_items
from ..sources.raw import candidates, uncleaned
from ..sources.values import Candidate
from ..types import Article, Skip

FULL = 10_000
"""Up to so many articles are read in full."""
_ENOUGH = 1_000
"""Of a larger source at least so many are read, to say how many of the others are articles."""


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
    estimated: bool = False
    """Whether `total` is an estimate, since most of it was only counted; `skips` are those of what was read then."""


async def surveyed(source: Source, options: Options, limit: int | None, most: int) -> Found:
    """Look through a source for a run that begins: keep `most` of its articles.

    Raises:
        SourceError: The source cannot be read.
    """
    paths = paths_of(source)
    if paths is not None and (limit is None or limit > FULL):
        raw = await anyio.to_thread.run_sync(_counted, paths, options, limit, most, abandon_on_cancel=True)
        if raw.seen > FULL:
            return await _estimated(raw, options, most)
    return await read_through(source, options, limit, most, lambda _: False)


async def read_through(
    source: Source, options: Options, limit: int | None, most: int, is_done: Callable[[Article], bool]
) -> Found:
    """Read a source in full; keep `most` of the articles that are not done.

    Raises:
        SourceError: The source cannot be read.
    """
    async with aclosing(read(source, options)) as items:
        return await _found_in(limited(items, limit), most, is_done)


def paths_of(source: Source) -> Sequence[Path] | None:
    """Return the paths that a source is of; None where it is a collection of articles."""
    if isinstance(source, str | Path):
        return [Path(source)]
    if isinstance(source, list | tuple):
        paths = [item for item in source if isinstance(item, Path)]
        return paths if paths and len(paths) == len(source) else None
    return None


Item = TypeVar("Item")


class Evenly(Generic[Item]):
    """A sample of a stream of unknown length, from everywhere in it, in flat memory.

    The stream is cut into blocks that grow with it, and one item of each is drawn by chance: whatever repeats itself in
    it, as every tenth line may be a menu, is in the sample as often as in the stream. The same stream gives the same.
    """

    def __init__(self, most: int) -> None:
        self.seen = 0
        self._most = most
        self._random = Random(_SEED)  # noqa: S311 - a sample, not a secret
        self._block = 1
        self._in_block: list[Item] = []
        """What is drawn from the block that is not full yet."""
        self._seen_in_block = 0
        self._kept: list[Item] = []

    def add(self, item: Item) -> None:
        """Take note of an item."""
        self.seen += 1
        self._seen_in_block += 1
        if self._random.random() * self._seen_in_block < 1:
            self._in_block = [item]
        if self._seen_in_block == self._block:
            self._kept += self._in_block
            self._seen_in_block = 0
            if len(self._kept) == 4 * self._most:
                self._kept = _one_of_each(self._kept, 2 * self._most, self._random)
                self._block *= 2

    def drawn(self) -> tuple[Item, ...]:
        """Return at most as many as were wished, all if there are no more, in order."""
        part = self._random.random() < self._seen_in_block / self._block
        kept = [*self._kept, *(self._in_block if part else ())]
        return tuple(kept if len(kept) <= self._most else _one_of_each(kept, self._most, self._random))


_SEED = 0


def _one_of_each(items: Sequence[Item], count: int, random: Random) -> list[Item]:
    """Return one item of each of so many parts, which are as large as one another."""
    ends = [at * len(items) // count for at in range(count + 1)]
    return [items[random.randrange(*edges)] for edges in pairwise(ends)]


class _Raw(NamedTuple):
    sample: Sequence[Article]
    """Not cleaned."""
    seen: int
    """How many there are of them, up to the limit."""
    more: bool
    """Whether there are others behind the limit."""


def _counted(paths: Sequence[Path], options: Options, limit: int | None, most: int) -> _Raw:
    """Count what may be articles, and draw enough of it to make `most` articles."""
    sample = Evenly[Candidate](max(2 * most, _ENOUGH))
    found = candidates(paths, options)
    for candidate in islice(found, None if limit is None else min(limit, maxsize)):
        sample.add(candidate)
    return _Raw([uncleaned(candidate) for candidate in sample.drawn()], sample.seen, next(found, None) is not None)


async def _estimated(raw: _Raw, options: Options, most: int) -> Found:
    """Return what a source comes to if all of it is like what was drawn."""
    async with aclosing(read_items(raw.sample, options)) as items:
        of_sample = await _found_in(items, FULL, lambda _: False)
    share = of_sample.total / len(raw.sample)
    sample = Evenly[Article](most)
    for article in of_sample.articles:
        sample.add(article)
    total = raw.seen if raw.more else round(raw.seen * share)
    return Found(sample.drawn(), total, of_sample.skips, estimated=not raw.more)


async def _found_in(items: AsyncIterator[Article | Skip], most: int, is_done: Callable[[Article], bool]) -> Found:
    sample, skips, finished = Evenly[Article](most), Counter[str](), 0
    async for item in items:
        if isinstance(item, Skip):
            skips[item.reason.value] += 1
        elif is_done(item):
            finished += 1
        else:
            sample.add(item)
    return Found(sample.drawn(), sample.seen, dict(skips), finished)
