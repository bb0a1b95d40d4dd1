"""Articles of streams, some at a time, until a stream ends or the run stops, whatever is made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, TypeVar

import anyio

from ..errors import RunStopped
from ..types import Article
from .chronicle import Chronicle
from .crew import Crew
from .shared import Shared
from .tally import Tally

Item = TypeVar("Item")


class Rounds(Generic[Item]):
    """Workers of one run, each of which takes items one at a time and finishes each before the next."""

    def __init__(
        self, wanted: Callable[[], int], tally: Tally, chronicle: Chronicle, end: Callable[[RunStopped], None]
    ) -> None:
        """`wanted` says how many workers there should be, at any moment; `end` is told once why the run stops, and sees
        to it that no more calls are sent."""
        self.stopped: RunStopped | None = None
        """Why no new work is taken, once that is so."""
        self._wanted = wanted
        self._tally = tally
        self._chronicle = chronicle
        self._end = end
        self._sources: set[Shared[Item]] = set()

    async def through(self, source: Shared[Item], take: Callable[[Item], Awaitable[None]]) -> None:
        """Let workers `take` what is in `source`, until that ends or the run stops."""
        self._sources.add(source)
        if self.stopped:
            source.close()
        async with anyio.create_task_group() as workers:
            crew = Crew(workers, self._wanted)
            with self._chronicle.naming():
                crew.hire(partial(self._work, crew, source, take))
        self._sources.discard(source)

    async def article(self, article: Article, work: Callable[[], Awaitable[bool]]) -> None:
        """Count an article and do the `work` about it, which says whether that finishes the article.

        A `RunStopped` that is raised there stops the run.
        """
        self._tally.articles += 1
        try:
            with self._chronicle.article(article), self._tally.work.about(article):
                finished = await work()
                if finished:
                    self._chronicle.finished(article)
        except RunStopped as reason:
            self.stop(reason)
        else:
            self._tally.finished_articles += finished

    def stop(self, reason: RunStopped) -> None:
        """Take nothing new; what is under way is finished."""
        if self.stopped:
            return
        self.stopped = reason
        self._end(reason)
        for source in self._sources:
            source.close()
        self._chronicle.stopping(reason)

    async def _work(self, crew: Crew, source: Shared[Item], take: Callable[[Item], Awaitable[None]]) -> None:
        async for item in source:
            await take(item)
            if not crew.is_needed():
                return
        crew.dismiss()
