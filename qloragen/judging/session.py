"""One process that judges the records of a run, in the run's folder `judge`; the run itself is only read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from ..assembly import judge_spec, own_parameters, salvage_of
from ..background import background, threaded
from ..batches import batches_of
from ..domain.article_block import lay_out
from ..domain.judging.families import kinship
from ..engine.batches.dispatch import BatchProgress
from ..engine.batches.engine import BatchEngine
from ..engine.client import Client
from ..engine.engine import Engine
from ..engine.pricing import origin
from ..engine.spec import ModelSpec
from ..engine.statistics import Pause
from ..equipment import equipped, open_articles
from ..errors import Interrupted, RunStopped, SettingsError, SetupError, StorageFailed
from ..logbook import Logbook, Now, open_logbook, utc_now
from ..logs import get_logger
from ..manifest import last_process
from ..offers import check_flex
from ..packs import load_pack
from ..pipeline.batch_book import JournalledBatches
from ..pipeline.plan import about_usd as in_words
from ..pipeline.salvage import Salvage
from ..pipeline.shared import Shared
from ..pipeline.tally import Tally
from ..settings import Settings
from ..store.committer import Committer
from ..store.handle import Run
from ..store.ledger import Bill
from ..store.names import JUDGEMENTS
from ..store.run import open_run, refuse_absent
from ..summary import going_on, summarise
from ..types import Format, InstructionType, Record
from .drawing import Task
from .flow import Bundle, JudgeFlow
from .judge import Case, Judge, case_of
from .material import Material, Survey, draft_of, reading_material
from .planning import Plan, Wish, planned
from .price import SAMPLED, about_usd
from .reading import judge_folder

log = get_logger()


@dataclass(slots=True)
class Judging:
    """The parts of an open run that judges. Whoever made it closes it, by the exits that it was made with."""

    folder: Path
    """Of the run whose records are judged."""
    settings: Settings
    judge: Judge
    plan: Plan
    """What was left to do when it was opened."""
    likely_usd: Decimal | None
    """What that is likely to cost; None: not known."""
    _material: Material
    _run: Run
    _committer: Committer
    _client: Client
    _engine: Engine
    _logbook: Logbook
    _salvage: Salvage
    _batches: BatchEngine | None
    _flow: JudgeFlow
    _begun: bool = False

    # ------------------------------------------------------------------------------------- for signals and progress

    @property
    def stopped(self) -> RunStopped | None:
        """Why no more work is taken, once that is so."""
        return self._flow.stopped

    @property
    def calls_in_flight(self) -> int:
        """Calls that have been sent and not answered yet."""
        return sum(model.in_flight for model in self._engine.statistics.values())

    @property
    def pauses(self) -> Mapping[str, Pause]:
        """Models that are not called at the moment, and why."""
        models = self._engine.statistics.items()
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

    def stop(self, reason: RunStopped) -> None:
        """Take no more work; calls in flight are finished and kept."""
        self._flow.stop(reason)
        self._committer.hurry()

    # --------------------------------------------------------------------------------------------------------- work

    def __str__(self) -> str:
        """Say what is to be done."""
        cost = f", {in_words(self.likely_usd)}" if self.plan.calls else ""
        skipped = [f"; left out: {count} for a {why}" for why, count in self.plan.strangers.items()]
        return f"{self.folder}, judged by {self.judge.model}: {self.plan}{cost}{''.join(skipped)}."

    async def process(self) -> None:
        """Judge what is left; returns when everything is done that can be done now, and acknowledged.

        Raises:
            RunStopped: It cannot go on; everything finished is kept.
        """
        if not self.plan.calls:
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
        if self._logbook.unheard_since is not None:
            await self._salvage.collect(self._client, self._logbook.unheard_since, self._run)
        if self._batches:
            await self._batches.attach()
        await self._logbook.write(self._now())
        self._begun = True

    async def _bundles(self) -> AsyncGenerator[Bundle, None]:
        for at, tasks in self.plan.left:
            bundle = await anyio.to_thread.run_sync(bundle_of, self._material, at, tasks)
            if bundle is None:
                log.warning("article_damaged", folder=str(self.folder), offset=at, records=len(tasks))
            else:
                yield bundle

    async def _acknowledged(self) -> None:
        try:
            await self._committer.durable()
        except StorageFailed as reason:
            self._flow.stop(reason)

    def _now(self) -> Now:
        return Now(
            circumstances=(),
            reading="",
            tally=self.tally,
            unheard=sum(model.maybe_paid for model in self._engine.statistics.values()),
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


@asynccontextmanager
async def judging(folder: Path, settings: Settings, wish: Wish, client: Client | None = None) -> AsyncIterator[Judging]:
    """Open what it takes to judge the records of the run in `folder`; nothing is called, and the run is only read.

    `client` takes the place of OpenAI's. Work that is under way when the block is left by an error is finished first.

    Raises:
        SetupError: There is nothing to judge, no model that may judge it, or the directory cannot be used.
        RunStopped: There is no API key, or the directory cannot be written.
    """
    async with AsyncExitStack() as exits:
        opened = await _opened(folder, settings, wish, client, exits)
        exits.push_async_callback(opened.end_logbook)
        await exits.enter_async_context(background(opened.keep_logbook))
        try:
            yield opened
        except Exception:
            opened.stop(Interrupted("Judging was left by an error; run it again to go on."))
            raise


async def _opened(
    folder: Path, settings: Settings, wish: Wish, client: Client | None, exits: AsyncExitStack
) -> Judging:
    judge = await anyio.to_thread.run_sync(judge_of, settings)
    refuse_absent(folder)
    material = await exits.enter_async_context(threaded(reading_material(folder, judge.pack)))
    survey = await anyio.to_thread.run_sync(material.survey, partial(_key, judge))
    _refuse_kin(settings, judge.model, survey)
    spec = await anyio.to_thread.run_sync(judge_spec, settings, judge.model)
    if settings.flex:
        check_flex([spec])
    most_loss_usd = None if settings.accept_changes else settings.confirm_above_usd
    place = judge_folder(folder)
    run = await exits.enter_async_context(threaded(open_run(place, most_loss_usd=most_loss_usd, sink=JUDGEMENTS)))
    for sentence in run.recovery.sentences:
        log.warning("run_recovered", folder=str(place), what=sentence)
    plan = await anyio.to_thread.run_sync(planned, material, survey, judge, wish, run.state.settled)
    likely_usd = await anyio.to_thread.run_sync(_likely_usd, material, judge, spec, plan, settings)
    committer, client, engine = await equipped(run, settings, [spec], client, settings.base_url, exits)
    logbook = await open_logbook(place, run, settings, judge.pack, {spec.name: origin(spec.price)})
    salvage = salvage_of(settings, logbook.run, [spec], engine)
    book = JournalledBatches(lambda: logbook.run, run, committer, salvage, utc_now)
    batches = await exits.enter_async_context(batches_of(settings, engine, client, book))
    flow = JudgeFlow(
        judge,
        batches or engine,
        run,
        committer,
        salvage=book if batches else salvage,
        open_articles=partial(open_articles, settings, engine, in_batches=batches is not None),
        now=utc_now,
    )
    return Judging(
        folder=folder,
        settings=settings,
        judge=judge,
        plan=plan,
        likely_usd=likely_usd,
        _material=material,
        _run=run,
        _committer=committer,
        _client=client,
        _engine=engine,
        _logbook=logbook,
        _salvage=salvage,
        _batches=batches,
        _flow=flow,
    )


def judge_of(settings: Settings) -> Judge:
    """Return the judge that is set.

    Raises:
        SettingsError: None is, or it is to run on this machine.
        PackError: The prompt pack has a mistake.
    """
    if settings.local:
        raise SettingsError(
            "The model on this machine is too small to judge: leave out local, and give another one's --base-url and"
            " --judge-model."
        )
    if settings.judge_model is None:
        raise SettingsError(
            "Say which model is to judge, with --judge-model (judge_model): one of another family than the one that"
            " made the records, with --base-url where another provider has it."
        )
    pack = load_pack(settings.pack, settings.pack_variables)
    parameters = own_parameters(settings, settings.judge_model)
    return Judge(pack, settings.judge_model, parameters, settings.max_request_cost_usd)


def _refuse_kin(settings: Settings, model: str, survey: Survey) -> None:
    if not survey.places:
        why = ", ".join(f"{count} for a {why}" for why, count in survey.strangers.items())
        raise SetupError(f"There is no record that could be judged (left out: {why or 'none'}).")
    for maker in survey.models:
        family = kinship(model, maker)
        if family is not None and not settings.judge_same_family:
            raise SettingsError(
                f"{model} is of the same family ({family}) as {maker}, which made records here, and would like what it"
                " might have written itself: choose a judge_model of another family, or give --same-family"
                " (judge_same_family) all the same."
            )


def _key(judge: Judge, markup: Format, record: Record, type: InstructionType) -> bytes:
    case = case_of(record.id, type, draft_of(record))
    return bytes.fromhex(judge.key(record.content_hash, markup, case))


def _case_at(material: Material, task: Task) -> Case:
    record, kind = material.record(task.place.record_at)
    return case_of(record.id, kind, draft_of(record))


def _likely_usd(material: Material, judge: Judge, spec: ModelSpec, plan: Plan, settings: Settings) -> Decimal | None:
    step = max(1, len(plan.left) // SAMPLED)
    read = (bundle_of(material, at, tasks) for at, tasks in plan.left[::step])
    bundles = [bundle for bundle in read if bundle is not None]
    return about_usd(judge, spec, bundles, plan.calls, batch=settings.batch)
