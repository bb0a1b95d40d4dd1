"""One process that judges the records of a run, in the run's folder `judge`; the run itself is only read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import anyio
import anyio.to_thread

from ..domain.article_block import lay_out
from ..engine.batches.dispatch import BatchProgress
from ..engine.batches.engine import BatchEngine
from ..engine.statistics import Pause
from ..equipment import Equipment
from ..errors import RunStopped, StorageFailed
from ..logbook import Logbook, Now, utc_now
from ..logs import get_logger
from ..manifest import last_process
from ..pipeline.chronicle import named
from ..pipeline.plan import about_usd as in_words
from ..pipeline.salvage import Salvage
from ..pipeline.shared import Shared
from ..pipeline.tally import Tally
from ..settings import Settings
from ..store.handle import Run
from ..store.ledger import Bill
from ..summary import going_on, summarise
from ..view import View
from ..watching.eta import terms_of
from ..watching.lookout import Lookout, Scene
from ..watching.remaining import Expected
from .drawing import Task
from .flow import Bundle, JudgeFlow
from .judge import Case, Judge, case_of
from .material import Material, draft_of
from .planning import Plan

log = get_logger()


@dataclass(frozen=True, slots=True)
class Look:
    """What is to be done, as it was found when the records were looked at."""

    folder: Path
    """Of the run whose records are judged."""
    settings: Settings
    judge: Judge
    plan: Plan
    """What is left to do."""
    likely_usd: Decimal | None
    """What that is likely to cost; None: not known."""
    material: Material

    def __str__(self) -> str:
        cost = f", {in_words(self.likely_usd)}" if self.plan.calls else ""
        skipped = [f"; left out: {count} for a {why}" for why, count in self.plan.strangers.items()]
        return f"{self.folder}, judged by {self.judge.model}: {self.plan}{cost}{''.join(skipped)}."


@dataclass(slots=True)
class Judging:
    """The parts of an open run that judges. Whoever made it closes it, by the exits that it was made with."""

    look: Look
    """Taken when it was opened."""
    _run: Run
    _equipment: Equipment
    _logbook: Logbook
    _salvage: Salvage
    _batches: BatchEngine | None
    _flow: JudgeFlow
    lookout: Lookout = field(init=False)
    """Sees all of it from outside."""
    _begun: bool = False

    def __post_init__(self) -> None:
        self.lookout = Lookout(
            Scene(
                self._run.folder,
                self._logbook.run,
                "judgements",
                self._flow.tally,
                self._equipment.engine,
                bill=self._run.state.ledger.total,
                batches=lambda: self.batches,
                missing_in_sinks=dict,
                stopped=lambda: self._flow.stopped,
                now=utc_now,
                terms=None if self._batches else terms_of(self._equipment.engine, {}),
            )
        )
        plan = self.look.plan
        self.lookout.expected = Expected(plan.left.articles(), judgements=plan.calls)

    # ------------------------------------------------------------------------------------- for signals and progress

    @property
    def stopped(self) -> RunStopped | None:
        """Why no more work is taken, once that is so."""
        return self._flow.stopped

    @property
    def calls_in_flight(self) -> int:
        """Calls that have been sent and not answered yet."""
        return sum(model.in_flight for model in self._equipment.engine.statistics.values())

    @property
    def pauses(self) -> Mapping[str, Pause]:
        """Models that are not called at the moment, and why."""
        models = self._equipment.engine.statistics.items()
        return {name: counts.pause for name, counts in models if counts.pause is not None}

    @property
    def batches(self) -> tuple[BatchProgress, ...]:
        """Batches at the provider that have not been collected, oldest first."""
        return self._batches.progress if self._batches else ()

    @property
    def left_behind(self) -> str:
        """A sentence about what goes on at the provider when nobody works here; empty without batches."""
        summary = summarise(self._run.state, last_process(self.tally), self._logbook.prices)
        return going_on(summary.batches) if self._batches else ""

    @property
    def bill(self) -> Bill:
        """Everything that was paid for judging so far, earlier sessions included."""
        return self._run.state.ledger.total()

    @property
    def tally(self) -> Tally:
        """What this session has done; `records` are judgements."""
        return self._flow.tally

    def view(self) -> View:
        """Return what there is to see at this moment; see `Session.view`."""
        return self.lookout.view()

    def stop(self, reason: RunStopped) -> None:
        """Take no more work; calls in flight are finished and kept."""
        self._flow.stop(reason)
        self._equipment.committer.hurry()

    # --------------------------------------------------------------------------------------------------------- work

    async def process(self) -> None:
        """Judge what is left; returns when everything is done that can be done now, and acknowledged.

        Raises:
            RunStopped: It cannot go on; everything finished is kept.
        """
        if not self.look.plan.calls:
            return
        await self._begin()
        async with aclosing(self._bundles()) as bundles:
            source = Shared(bundles)
            await self._flow.process(source)
        await self._acknowledged()
        if source.error:
            raise source.error
        if self.stopped:
            raise self.stopped

    async def keep_logbook(self) -> None:
        """Keep `run.json` true."""
        await self._logbook.keep(self._now)

    async def end_logbook(self) -> None:
        """Write `run.json` for the last time, unless there was nothing to do."""
        if self._begun:
            await self._logbook.end(self._now())

    async def _begin(self) -> None:
        with named(self._logbook.run):
            if self._logbook.unheard_since is not None:
                await self._salvage.collect(self._equipment.client, self._logbook.unheard_since, self._run)
            if self._batches:
                await self._batches.attach()
            await self._logbook.begin(self._now())
        self._begun = True
        self.lookout.begin()

    async def _bundles(self) -> AsyncGenerator[Bundle, None]:
        for at, tasks in self.look.plan.left:
            bundle = await anyio.to_thread.run_sync(bundle_of, self.look.material, at, tasks)
            if bundle is None:
                log.error("article_damaged", folder=str(self.look.folder), offset=at, records=len(tasks))
            else:
                yield bundle

    async def _acknowledged(self) -> None:
        try:
            await self._equipment.committer.durable()
        except StorageFailed as reason:
            self._flow.stop(reason)

    def _now(self) -> Now:
        return Now(
            circumstances=(),
            reading="",
            tally=self.tally,
            unheard=sum(model.maybe_paid for model in self._equipment.engine.statistics.values()),
            untaken=self._salvage.untaken,
            stopped=str(self.stopped) if self.stopped else None,
        )


def bundle_of(material: Material, at: int, tasks: Sequence[Task]) -> Bundle | None:
    """Return what is to be judged about the article at an offset; None when that is damaged."""
    article = material.article(at)
    if article is None:
        return None
    block = lay_out(article)
    return Bundle(block, tuple(task.case or _case_at(material, task) for task in tasks))


def _case_at(material: Material, task: Task) -> Case:
    record, kind = material.record(task.place.record_at)
    return case_of(record.id, kind, draft_of(record))
