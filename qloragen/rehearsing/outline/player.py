"""Articles through the engine as the pipeline takes them, without what the pipeline makes of replies.

The order is that of `pipeline.flow`: so many articles at a time, each classified first; one record's call ahead of the
others where that pays; and a call again where its reply could not be used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from operator import add
from random import Random

from ...engine.engine import Engine
from ...errors import RequestFailed, RunStopped
from ...pipeline.crew import Crew
from ...pipeline.prefix import Prefix
from ...types import Completion, LostCall, Request, Usage
from .known import Known, Playing, playing
from .replies import OBJECT, TEXT

_TURNS = 3
"""Turns of the loop that it takes to read an article: so the first ones do not come in one and the same moment, before
any reply says what the limits are."""
_ZERO = Decimal(0)
_WELL = frozenset({"stop", "tool_calls"})


@dataclass(frozen=True, slots=True)
class CellPart:
    """What there is to play of a cell; see `CellShape`."""

    calls: tuple[Known, ...]
    rejected: str | None
    most_asks: int
    """So often is it asked for in all, where replies cannot be used."""
    again: float
    """How likely the reply to another ask can be used, where the one before was spoiled on its way."""


@dataclass(slots=True)
class ArticlePart:
    """What there is to play of an article; see `ArticleShape`."""

    classification: CellPart
    records: tuple[CellPart, ...]
    shared: bool
    copies: int = 0
    """How often it has been played."""


class Player:
    """Plays articles, and counts what comes of them."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.finished = self.records = self.rejections = self.failures = 0
        self.stopped: RunStopped | None = None
        self._usage: dict[str, list[int]] = {}
        """By model, the fields of `Usage`."""
        self.costs_usd: dict[str, Decimal | None] = {}
        """By model; None once the cost of a call is unknown."""
        self._engine = engine
        self._random = Random(seed)  # noqa: S311 - a rehearsal keeps no secrets
        self._source = asyncio.Lock()

    @property
    def cost_usd(self) -> Decimal | None:
        """What all calls have cost; None once the cost of one is unknown."""
        costs = [cost for cost in self.costs_usd.values() if cost is not None]
        return sum(costs, _ZERO) if len(costs) == len(self.costs_usd) else None

    @property
    def usage(self) -> dict[str, Usage]:
        """What was billed, by model."""
        return {model: Usage(*sums) for model, sums in self._usage.items()}

    async def work(self, crew: Crew, articles: Iterator[ArticlePart]) -> None:
        """Play one article after the other, as long as there are any and the crew needs this worker."""
        while (article := await self._taken(articles)) is not None:
            copy = article.copies
            article.copies += 1
            try:
                await self._article(copy, article)
            except RunStopped as reason:
                self._stop(reason)
            else:
                self.finished += 1
            if not crew.is_needed():
                return
        crew.dismiss()

    async def _taken(self, articles: Iterator[ArticlePart]) -> ArticlePart | None:
        """Return the next article, unless there is none or the run has stopped; one worker takes after the other."""
        async with self._source:
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            return None if self.stopped else next(articles, None)

    async def _article(self, copy: int, article: ArticlePart) -> None:
        if not await self._cell(copy, article.classification, None):
            return
        prefix = Prefix(shared=article.shared)
        # Tasks of asyncio: those of anyio would cost as much again as all that a call does here.
        async with asyncio.TaskGroup() as tasks:
            for cell in article.records:
                tasks.create_task(self._record(copy, cell, prefix))
                if prefix.shared and not prefix.written:
                    await prefix.decided()
        if self.stopped:
            raise self.stopped

    async def _record(self, copy: int, cell: CellPart, prefix: Prefix) -> None:
        try:
            made = await self._cell(copy, cell, prefix)
            self.records += made  # read and written in one go: others count too
        except RunStopped as reason:
            self._stop(reason)
        finally:
            prefix.left()

    async def _cell(self, copy: int, cell: CellPart, prefix: Prefix | None) -> bool:
        """Ask until a reply can be used; returns whether one could."""
        if not cell.calls:
            self.failures += 1
            return False
        try:
            used = await self._asked(copy, cell, prefix)
        except RequestFailed as error:
            self._failed(error)
            return False
        self.rejections += not used
        return used

    async def _asked(self, copy: int, cell: CellPart, prefix: Prefix | None) -> bool:
        last, spoiled = len(cell.calls) - 1, False
        for ask in range(cell.most_asks):
            known = cell.calls[min(ask, last)]
            request = known.ask.request
            if prefix:
                prefix.asks()
                request = known.following if prefix.written else request
            playing.set(Playing(known, copy, ask))
            completion = await self._engine.complete(request, lost=self._lost)
            self._pay(request.model, completion.usage, completion.cost_usd)
            if prefix:
                prefix.answered()
            if not is_good(request, completion):
                spoiled = True
                if is_final(request, completion):
                    return False
            elif spoiled and self._random.random() < cell.again:
                return True
            elif ask >= last and not spoiled:
                return cell.rejected is None
        return False

    def _stop(self, reason: RunStopped) -> None:
        if self.stopped is None:
            self.stopped = reason
            self._engine.stop(reason)

    def _failed(self, error: RequestFailed) -> None:
        """Count a cell that got no reply, as `pipeline.settling` does."""
        if error.final or error.own:
            self.rejections += 1
        else:
            self.failures += 1
        if isinstance(error.__cause__, RunStopped):
            self._stop(error.__cause__)

    def _lost(self, call: LostCall) -> None:
        if call.usage is not None:
            self._pay(call.model, call.usage, call.cost_usd)

    def _pay(self, model: str, usage: Usage, cost_usd: Decimal | None) -> None:
        sums = self._usage.get(model)
        self._usage[model] = list(usage) if sums is None else list(map(add, sums, usage))
        spent = self.costs_usd.get(model, _ZERO)
        self.costs_usd[model] = None if cost_usd is None or spent is None else spent + cost_usd


def is_good(request: Request, completion: Completion) -> bool:
    """Tell whether a reply says what it should, whatever the pipeline would make of that."""
    if request.predicates:
        return (completion.arguments or "[]") != "[]" and '"refusal"' not in (completion.arguments or "")
    said = completion.text == TEXT if request.function is None else completion.arguments == OBJECT
    return said and completion.finish_reason in _WELL and completion.refusal is None


def is_final(request: Request, completion: Completion) -> bool:
    """Tell whether the pipeline would not ask again for what a fault has spoiled."""
    refused = completion.refusal is not None and request.function is not None
    return refused or completion.finish_reason == "content_filter"
