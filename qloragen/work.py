"""A run that is open for work: its parts, put together from the settings, and what they tell one another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from . import local
from .assembly import job_of, locally, options_of, salvage_of, specs_of, weights_of
from .background import background, threaded
from .batches import batches_of
from .consent import Consent
from .delivery import Delivery, Patience, delivering
from .domain.classifiers import Classifier
from .engine.batches.engine import BatchEngine
from .engine.client import Client
from .engine.engine import Engine
from .engine.pricing import origin
from .engine.spec import ModelSpec
from .equipment import Equipment, equipped, open_articles
from .logbook import Logbook, Now, open_logbook, utc_now
from .observing import Observer
from .offers import check_offers
from .pipeline.batch_book import JournalledBatches
from .pipeline.chronicle import Chronicle, named
from .pipeline.flow import Flow
from .pipeline.job import Job
from .pipeline.salvage import Salvage
from .rereading import take_up
from .settings import Settings
from .sinks import Sink
from .sources import Options
from .store.committer import Committer
from .store.handle import Run
from .store.names import SINK
from .store.run import open_run
from .telemetry import observer_of
from .types import Article
from .watching.eta import terms_of
from .watching.lookout import Lookout, Scene


@dataclass(slots=True)
class Work:
    """The parts of one open run. Whoever made it closes it, by the exits that it was made with."""

    settings: Settings
    """With what only the opening could tell: the address of a local model."""
    job: Job
    options: Options
    """How sources are read."""
    run: Run
    resumed: bool
    """Whether there was work in the directory already when it was opened."""
    committer: Committer
    client: Client
    engine: Engine
    logbook: Logbook
    salvage: Salvage
    batches: BatchEngine | None
    flow: Flow
    consent: Consent
    delivery: Delivery
    """To sinks besides the run's own."""
    begun: anyio.Event = field(default_factory=anyio.Event)
    """Set once the first call may be made."""
    lookout: Lookout = field(init=False)
    """Sees all of it from outside."""
    _beginning: anyio.Lock = field(default_factory=anyio.Lock)

    def __post_init__(self) -> None:
        self.lookout = Lookout(
            Scene(
                self.run.folder,
                self.logbook.run,
                "records",
                self.flow.tally,
                self.engine,
                bill=self.run.state.ledger.total,
                batches=lambda: self.batches.progress if self.batches else (),
                missing_in_sinks=lambda: self.delivery.missing,
                stopped=lambda: self.flow.stopped,
                now=utc_now,
                terms=None if self.batches else terms_of(self.engine, {"generate": self.settings.generate_model}),
            )
        )

    async def begin(self) -> None:
        """Take up what the provider finished while nobody listened, and write down what is worked with; once.

        Raises:
            SetupError: A sink cannot be used as it is.
        """
        async with self._beginning:
            if self.begun.is_set():
                return
            with named(self.logbook.run):
                await self._begin()
            self.begun.set()
            self.lookout.begin()

    async def _begin(self) -> None:
        await self.delivery.begin()
        since = self.logbook.unheard_since
        if since is not None:
            await self.salvage.collect(self.client, since, self.run)
        if self.batches:
            await self.batches.attach()
        self.consent.begin()
        await self.logbook.begin(self.now())

    async def keep_logbook(self) -> None:
        """Keep `run.json` true, as soon as there is something to tell."""
        await self.begun.wait()
        await self.logbook.keep(self.now)

    async def end_logbook(self) -> None:
        """Write `run.json` for the last time, unless this work was refused or only looked at."""
        if self.begun.is_set():
            await self.logbook.end(self.now())

    def now(self) -> Now:
        """Return what `run.json` is to say at this moment."""
        return Now(
            circumstances=self.consent.circumstances,
            reading=self.job.classifier.reading,
            tally=self.flow.tally,
            unheard=sum(model.maybe_paid for model in self.engine.statistics.values()),
            untaken=self.salvage.untaken,
            stopped=str(self.flow.stopped) if self.flow.stopped else None,
        )


async def open_work(
    folder: Path,
    settings: Settings,
    client: Client | None,
    classifier: Classifier | None,
    sinks: Sequence[Sink],
    observer: Observer | None,
    exits: AsyncExitStack,
) -> Work:
    """Open a run directory, the connection and, where it is asked for, the local model; all of it ends with `exits`.

    `client` takes the place of OpenAI's, `classifier` that of the settings; `sinks` get the records besides the run's;
    `observer` looks on, in the place of the one that the settings ask for.

    Raises:
        SetupError: Settings, prompt pack or run directory cannot be used.
        RunStopped: There is no API key, or the run directory cannot be written.
    """
    if observer is None:
        observer = await anyio.to_thread.run_sync(observer_of, settings)
    base_url = settings.base_url
    if settings.local:
        server = await exits.enter_async_context(local.serve(weights_of(settings)))
        settings, base_url = locally(settings, server), server.base_url
    job = await anyio.to_thread.run_sync(job_of, settings, classifier)
    specs = await anyio.to_thread.run_sync(specs_of, settings, job.classifier.models)
    check_offers(settings, job, specs, client)
    options = options_of(settings, job, specs)
    most_loss_usd = None if settings.accept_changes else settings.confirm_above_usd
    run = await exits.enter_async_context(threaded(open_run(folder, most_loss_usd=most_loss_usd, sink=SINK)))
    resumed = await anyio.to_thread.run_sync(take_up, run, job)
    logbook = await open_logbook(folder, run, settings, job.pack, {spec.name: origin(spec.price) for spec in specs})
    opened = _Opened(settings, job, options, specs, run, resumed, logbook)
    chronicle = Chronicle(utc_now, logbook.run, observer)
    with chronicle.naming():
        equipment = await equipped(run, settings, specs, client, base_url, exits, observer=observer)
        work = await _put_together(opened, equipment, chronicle, sinks, exits)
        exits.push_async_callback(work.end_logbook)
        await exits.enter_async_context(background(work.keep_logbook))
        work.lookout.show(observer)
        exits.push_async_callback(work.lookout.end)
        await exits.enter_async_context(background(work.lookout.keep))
    return work


class _Opened(NamedTuple):
    """What is known of a run before anything works in it."""

    settings: Settings
    job: Job
    options: Options
    specs: Sequence[ModelSpec]
    run: Run
    resumed: bool
    logbook: Logbook


async def _put_together(
    opened: _Opened, equipment: Equipment, chronicle: Chronicle, sinks: Sequence[Sink], exits: AsyncExitStack
) -> Work:
    settings, job, options, specs, run, resumed, logbook = opened
    committer, client, engine = equipment
    salvage = salvage_of(settings, logbook.run, specs, engine)
    book = JournalledBatches(lambda: logbook.run, run, committer, salvage, chronicle)
    batches = await exits.enter_async_context(batches_of(settings, engine, client, book))
    taken = book if batches else salvage
    flow = Flow(
        job,
        batches or engine,
        run,
        committer,
        salvage=taken,
        open_articles=partial(open_articles, settings, engine, in_batches=batches is not None),
        chronicle=chronicle,
    )
    history = logbook.previous.circumstances if logbook.previous else ()
    consent = Consent(job, specs, run.state, history, given=settings.accept_changes, batch=settings.batch)
    options = replace(options, known=partial(_has_begun, run))
    patience = Patience(settings.max_outage_s, settings.grace_s)
    delivery = await exits.enter_async_context(delivering(run, sinks, committer, patience, flow.stop))
    return Work(
        settings,
        job,
        options,
        run,
        resumed,
        committer,
        client,
        engine,
        logbook,
        taken,
        batches,
        flow,
        consent,
        delivery,
    )


def _has_begun(run: Run, article: Article) -> bool:
    """Say whether the run holds work on an article's text."""
    return run.state.article_offset(article.content_hash, article.format) is not None
