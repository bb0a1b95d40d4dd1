"""Opening what it takes to judge the records of a run: the records are looked at first, and nothing is called."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import anyio.to_thread

from ..assembly import judge_spec, own_parameters, salvage_of
from ..background import background, threaded
from ..batches import batches_of
from ..domain.judging.families import kinship
from ..engine.client import Client
from ..engine.pricing import origin
from ..engine.spec import ModelSpec
from ..equipment import Equipment, equipped, open_articles
from ..errors import Interrupted, SettingsError, SetupError
from ..logbook import Logbook, open_logbook, utc_now
from ..manifest import read_manifest
from ..observing import Observer
from ..offers import check_flex
from ..packs import load_pack
from ..pipeline.batch_book import JournalledBatches
from ..pipeline.chronicle import Chronicle, named
from ..pipeline.salvage import Salvage
from ..rereading import tell_recovery
from ..settings import Settings
from ..store.handle import Run
from ..store.names import JUDGEMENTS
from ..store.run import open_run, refuse_absent
from ..telemetry import observer_of
from ..types import Format, InstructionType, Record
from .flow import JudgeFlow
from .judge import Judge, case_of
from .material import Material, Survey, draft_of, reading_material
from .planning import Plan, Wish, planned
from .price import SAMPLED, about_usd
from .reading import judge_folder, refuse_judgements
from .session import Judging, Look, bundle_of


@asynccontextmanager
async def judging(
    folder: Path, settings: Settings, wish: Wish, client: Client | None = None, observer: Observer | None = None
) -> AsyncIterator[Judging]:
    """Open what it takes to judge the records of the run in `folder`; nothing is called, and the run is only read.

    `client` takes the place of OpenAI's; `observer` looks on, in the place of the one that the settings ask for. Work
    that is under way when the block is left by an error is finished first.

    Raises:
        SetupError: There is nothing to judge, no model that may judge it, or the directory cannot be used.
        RunStopped: There is no API key, or the directory cannot be written.
    """
    async with AsyncExitStack() as exits:
        opened = await _opened(folder, settings, wish, client, observer, exits)
        try:
            yield opened
        except Exception:
            opened.stop(Interrupted("Judging was left by an error; run it again to go on."))
            raise


async def _opened(
    folder: Path,
    settings: Settings,
    wish: Wish,
    client: Client | None,
    observer: Observer | None,
    exits: AsyncExitStack,
) -> Judging:
    if observer is None:
        observer = await anyio.to_thread.run_sync(observer_of, settings)
    judge = await anyio.to_thread.run_sync(judge_of, settings)
    refuse_absent(folder)
    refuse_judgements(folder)
    material = await exits.enter_async_context(threaded(reading_material(folder, judge.pack)))
    survey = await anyio.to_thread.run_sync(material.survey, partial(_key, judge))
    _refuse_kin(settings, judge.model, survey)
    spec = await anyio.to_thread.run_sync(judge_spec, settings, judge.model)
    if settings.flex:
        check_flex([spec])
    run = await _run_in(judge_folder(folder), settings, exits)
    plan = await anyio.to_thread.run_sync(planned, material, survey, judge, wish, run.state.settled)
    likely_usd = await anyio.to_thread.run_sync(_likely_usd, material, judge, spec, plan, settings)
    look = Look(folder, settings, judge, plan, likely_usd, material)
    logbook = await open_logbook(run.folder, run, settings, judge.pack, {spec.name: origin(spec.price)})
    chronicle = Chronicle(utc_now, logbook.run, observer)
    with chronicle.naming():
        equipment = await equipped(run, settings, [spec], client, settings.base_url, exits, observer=observer)
        salvage = salvage_of(settings, logbook.run, [spec], equipment.engine)
        opened = await _put_together(look, run, equipment, logbook, salvage, chronicle, exits)
        exits.push_async_callback(opened.end_logbook)
        await exits.enter_async_context(background(opened.keep_logbook))
        opened.lookout.show(observer)
        exits.push_async_callback(opened.lookout.end)
        await exits.enter_async_context(background(opened.lookout.keep))
    return opened


async def _put_together(
    look: Look,
    run: Run,
    equipment: Equipment,
    logbook: Logbook,
    salvage: Salvage,
    chronicle: Chronicle,
    exits: AsyncExitStack,
) -> Judging:
    settings = look.settings
    book = JournalledBatches(lambda: logbook.run, run, equipment.committer, salvage, chronicle)
    batches = await exits.enter_async_context(batches_of(settings, equipment.engine, equipment.client, book))
    flow = JudgeFlow(
        look.judge,
        batches or equipment.engine,
        run,
        equipment.committer,
        salvage=book if batches else salvage,
        open_articles=partial(open_articles, settings, equipment.engine, in_batches=batches is not None),
        chronicle=chronicle,
    )
    return Judging(look, run, equipment, logbook, salvage, batches, flow)


async def _run_in(folder: Path, settings: Settings, exits: AsyncExitStack) -> Run:
    most_loss_usd = None if settings.accept_changes else settings.confirm_above_usd
    run = await exits.enter_async_context(threaded(open_run(folder, most_loss_usd=most_loss_usd, sink=JUDGEMENTS)))
    manifest = await anyio.to_thread.run_sync(read_manifest, folder)
    with named(manifest.run if manifest else None):
        tell_recovery(run)
    return run


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


def _likely_usd(material: Material, judge: Judge, spec: ModelSpec, plan: Plan, settings: Settings) -> Decimal | None:
    step = max(1, plan.left.articles() // SAMPLED)
    read = (bundle_of(material, at, tasks) for at, tasks in islice(plan.left, 0, None, step))
    bundles = [bundle for bundle in read if bundle is not None]
    return about_usd(judge, spec, bundles, plan.calls, batch=settings.batch)
