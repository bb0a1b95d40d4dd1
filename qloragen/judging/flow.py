"""Records in, judgements out: article by article, so that the calls about one share its text in the prompt cache.

What goes wrong with a cell ends the cell (see `pipeline.settling`); what goes wrong with the run ends the taking of new
articles, and calls in flight are finished and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import anyio

from ..domain.article_block import ArticleBlock
from ..errors import RunStopped
from ..judgement import Verdict
from ..pipeline.chronicle import Chronicle
from ..pipeline.prefix import Prefix
from ..pipeline.rounds import Rounds
from ..pipeline.salvage import Salvage
from ..pipeline.settling import Completer, Keeper, Settling
from ..pipeline.shared import Shared
from ..pipeline.tally import Tally
from ..store.handle import Run
from ..types import Invalid, Reply, Request
from .judge import Case, Judge

MAX_ASKS = 2
"""A judgement that cannot be read is asked for once more, with what was wrong."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is to be judged about one article."""

    block: ArticleBlock
    cases: tuple[Case, ...]


class JudgeFlow:
    """Moves records through judging into a run directory of judgements."""

    def __init__(
        self,
        judge: Judge,
        engine: Completer,
        run: Run,
        keeper: Keeper,
        *,
        salvage: Salvage,
        open_articles: Callable[[], int],
        chronicle: Chronicle,
    ) -> None:
        self.tally = Tally()
        """`records` are judgements made."""
        self._judge = judge
        self._engine = engine
        self._run = run
        self._keeper = keeper
        self._rounds = Rounds[Bundle](open_articles, self.tally, chronicle, engine.stop)
        self._settling = Settling(engine, run, keeper, self.tally, stop=self.stop, salvage=salvage, chronicle=chronicle)

    async def process(self, source: Shared[Bundle]) -> None:
        """Work through `source` until it ends or the run stops; why it stopped is in `stopped`."""
        await self._rounds.through(source, self._take)

    @property
    def stopped(self) -> RunStopped | None:
        """Why no new work is taken, once that is so."""
        return self._rounds.stopped

    def stop(self, reason: RunStopped) -> None:
        """Take no new article and send no new call; calls in flight are finished and kept."""
        self._rounds.stop(reason)

    async def _take(self, bundle: Bundle) -> None:
        await self._rounds.article(bundle.block.article, partial(self._bundle, bundle))

    async def _bundle(self, bundle: Bundle) -> bool:
        """Judge the records of an article; returns that it is finished."""
        prefix = Prefix(shared=self._worth_sharing(bundle))
        async with anyio.create_task_group() as siblings:
            for case in bundle.cases:
                siblings.start_soon(self._case, bundle.block, case, prefix)
                await prefix.decided()
        if self.stopped:
            raise self.stopped
        return True

    def _worth_sharing(self, bundle: Bundle) -> bool:
        if len(bundle.cases) < 2:
            return False
        first = self._judge.request(bundle.block, bundle.cases[0], (), shared=True)
        return self._engine.worth_sharing(first, len(bundle.cases))

    async def _case(self, block: ArticleBlock, case: Case, prefix: Prefix) -> None:
        try:
            await self._make(block, case, prefix)
        except RunStopped as reason:
            # Siblings in flight are finished, not cancelled: they are paid for.
            self.stop(reason)
        finally:
            prefix.left()

    async def _make(self, block: ArticleBlock, case: Case, prefix: Prefix) -> None:
        cell = self._judge.cell(block.article, case)

        def build(_: list[Reply], complaints: list[Invalid]) -> Request:
            prefix.asks()
            request = self._judge.request(block, case, complaints, shared=prefix.shared)
            return replace(request, follows=prefix.written)

        async def read(replies: list[Reply]) -> Mapping[str, Verdict] | Invalid:
            prefix.answered()
            return self._judge.read(block.article, case, replies[-1])

        async with self._settling.alone(cell.key):
            if self._run.state.settled(cell.key):
                return
            settled = await self._settling.settle(cell, build, read, MAX_ASKS)
            if settled:
                judgement = self._judge.judgement(cell, case, settled.answer, settled.replies)
                self._run.add_judgement(judgement, settled.refused)
                self.tally.records += 1
            await self._keeper.kept()
