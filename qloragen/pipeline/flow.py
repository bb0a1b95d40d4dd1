"""Articles in, records out: the story of a run.

Rules:
1. So many workers as `open_articles` says take articles one at a time and finish each before the next: that bounds
   memory, and a stop leaves little half done.
2. Where it pays, the first generation of an article goes ahead alone. The others follow as soon as it is answered, and
   find the article in the prompt cache, and are told what it has asked; meanwhile other articles use the places.
3. What goes wrong with a cell ends the cell (see `settling`). What goes wrong with the run ends the taking of new work;
   calls in flight are finished and kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from ..errors import RunStopped
from ..logs import get_logger
from ..store.handle import Run
from ..types import Article, Cell, InstructionType, Invalid, Record, Reply, Skip
from .chronicle import Chronicle
from .job import Job, OpenArticle
from .making import Maker
from .prefix import Prefix
from .reading import Reader
from .rounds import Rounds
from .salvage import NoSalvage, Salvage
from .settling import Completer, Keeper, Settling
from .shared import Shared
from .tally import Tally
from .uniqueness import Siblings, Unique

_NO_SALVAGE = NoSalvage()

Deliver = Callable[[Record], Awaitable[None]]

log = get_logger()


async def drop(_: Record) -> None:
    """Hand a record to nobody: it is in the sink."""


class Flow:
    """Moves articles through classification and generation into a run directory."""

    def __init__(
        self,
        job: Job,
        engine: Completer,
        run: Run,
        keeper: Keeper,
        *,
        salvage: Salvage = _NO_SALVAGE,
        open_articles: Callable[[], int],
        chronicle: Chronicle,
    ) -> None:
        self.tally = Tally()
        self._job = job
        self._engine = engine
        self._run = run
        self._keeper = keeper
        self._rounds = Rounds[Article | Skip](open_articles, self.tally, chronicle, self._end)
        self._settling = Settling(engine, run, keeper, self.tally, stop=self.stop, salvage=salvage, chronicle=chronicle)
        self._reader = Reader(job)
        self._unique = Unique(run, job)
        self._maker = Maker(job, run, self._settling, self._reader, self._unique)

    async def process(self, source: Shared[Article | Skip], deliver: Deliver = drop, recall: Deliver = drop) -> None:
        """Work through `source` until it ends or the run stops; why it stopped is in `stopped`.

        `deliver` is awaited with every new record once it is acknowledged, `recall` with those that these articles
        had already; a slow one holds the run back.
        """

        async def take(item: Article | Skip) -> None:
            if isinstance(item, Article):
                await self._rounds.article(item, partial(self._article, item, source, deliver, recall))
            else:
                self.tally.skip(item)
                log.info("source_skipped", where=item.where, reason=item.reason.value, detail=item.detail)

        await self._rounds.through(source, take)

    @property
    def stopped(self) -> RunStopped | None:
        """Why no new work is taken, once that is so."""
        return self._rounds.stopped

    def stop(self, reason: RunStopped) -> None:
        """Take no new article and send no new call; calls in flight are finished and kept."""
        self._rounds.stop(reason)

    def _end(self, reason: RunStopped) -> None:
        self._engine.stop(reason)
        self._maker.loading.give_up(reason)

    async def _article(
        self, article: Article, source: Shared[Article | Skip], deliver: Deliver, recall: Deliver
    ) -> bool:
        """Finish an article, unless nobody wants its source any more; returns whether it is finished."""
        opened = OpenArticle(article)
        await self._reader.lay_out(opened)
        missing: list[InstructionType] = []
        there: list[str] = []
        for kind in await self._classify(opened):
            key = self._job.generation(article, kind).key
            standing = self._run.state.standing(key)
            if standing is None or not standing.settled:
                missing.append(kind)
            elif standing.kind == "record":
                there.append(key)
            else:
                self.tally.rejected_before += 1
        self.tally.work.found["generate"] += len(missing)
        await self._recall(there, recall)
        finished = not missing or await self._generate_all(opened, missing, source, deliver)
        if finished and self.stopped:
            raise self.stopped
        return finished

    async def _generate_all(
        self, opened: OpenArticle, types: list[InstructionType], source: Shared[Article | Skip], deliver: Deliver
    ) -> bool:
        """Make the records of these types; returns whether all were begun."""
        prefix = Prefix(shared=self._worth_sharing(opened, types))
        siblings = self._unique.siblings(opened.article)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._load)
            for kind in types:
                if source.closed and not self.stopped:
                    return False
                tasks.start_soon(self._generate, opened, kind, prefix, siblings, deliver)
                await prefix.decided()
        return True

    async def _load(self) -> None:
        """Begin to take in what there is before the first reply asks for it."""
        try:
            await self._maker.loading.done()
        except RunStopped as reason:
            self.stop(reason)

    def _worth_sharing(self, opened: OpenArticle, types: list[InstructionType]) -> bool:
        if len(types) < 2:
            return False
        return self._engine.worth_sharing(self._job.generation_request(opened, types[0], (), shared=True), len(types))

    async def _recall(self, keys: list[str], recall: Deliver) -> None:
        if recall is drop or not keys:
            return
        await self._keeper.durable()  # another stream may have made them a moment ago
        for key in keys:
            await recall(self._run.record(key))

    async def _classify(self, opened: OpenArticle) -> tuple[InstructionType, ...]:
        cell = self._job.classification(opened.article)
        async with self._settling.alone(cell.key):
            if self._run.state.rejection_of(cell.key) is not None:
                self.tally.rejected_before += 1
            elif not self._run.state.settled(cell.key):
                await self._settle_classification(cell, opened)
        return self._job.applicable(self._run.state.types_of(cell.key) or (), opened.article)

    async def _settle_classification(self, cell: Cell, opened: OpenArticle) -> None:
        self._run.add_article(opened.article)
        self.tally.work.found["classify"] += 1
        settled = await self._settling.settle(
            cell,
            lambda refused, _: self._job.classification_request(opened, refused),
            self._read_classification,
            self._job.classifier.most_asks,
        )
        if settled:
            self._run.add_types(cell, settled.answer, settled.refused)
        await self._keeper.kept()
        types = self._run.state.types_of(cell.key) or ()
        self.tally.work.typed.add(len(opened.article.content), len(self._job.applicable(types, opened.article)))

    async def _read_classification(self, replies: list[Reply]) -> tuple[int, ...] | Invalid:
        return self._job.read_classification(replies)

    async def _generate(
        self, opened: OpenArticle, type: InstructionType, prefix: Prefix, siblings: Siblings, deliver: Deliver
    ) -> None:
        cell = self._job.generation(opened.article, type)
        try:
            async with self._settling.alone(cell.key):
                if not self._run.state.settled(cell.key):
                    made = await self._maker.make(cell, opened, type, prefix, siblings)
                    self.tally.records += made  # read and written in one go: other workers count too
                    await self._keeper.kept()
            if deliver is not drop and self._run.state.record_offset(cell.key) is not None:
                await self._keeper.durable()
                await deliver(self._run.record(cell.key))
        except RunStopped as reason:
            # Siblings in flight are finished, not cancelled: they are paid for.
            self.stop(reason)
        finally:
            prefix.left()
