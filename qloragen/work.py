"""A run that is open for work: its parts, put together from the settings, and what they tell one another."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

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
from .equipment import equipped, open_articles
from .logbook import Logbook, Now, open_logbook, utc_now
from .observing import Observer
from .offers import check_offers
from .pipeline.batch_book import JournalledBatches
from .pipeline.chronicle import Chronicle
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
from .types import Article


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
    _beginning: anyio.Lock = field(default_factory=anyio.Lock)

    async def begin(self) -> None:
        """Take up what the provider finished while nobody listened, and write down what is worked with; once.

        Raises:
            SetupError: A sink cannot be used as it is.
        """
        async with self._beginning:
            if self.begun.is_set():
                return
            await self.delivery.begin()
            since = self.logbook.unheard_since
            if since is not None:
                await self.salvage.collect(self.client, since, self.run)
            if self.batches:
                await self.batches.attach()
            self.consent.begin()
            await self.logbook.write(self.now())
            self.begun.set()

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
    `observer` looks on.

    Raises:
        SetupError: Settings, prompt pack or run directory cannot be used.
        RunStopped: There is no API key, or the run directory cannot be written.
    """
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
    committer, client, engine = await equipped(run, settings, specs, client, base_url, exits)
    origins = {spec.name: origin(spec.price) for spec in specs}
    logbook = await open_logbook(folder, run, settings, job.pack, origins)
    salvage = salvage_of(settings, logbook.run, specs, engine)
    book = JournalledBatches(lambda: logbook.run, run, committer, salvage, utc_now)
    batches = await exits.enter_async_context(batches_of(settings, engine, client, book))
    taken = book if batches else salvage
    flow = Flow(
        job,
        batches or engine,
        run,
        committer,
        salvage=taken,
        open_articles=partial(open_articles, settings, engine, in_batches=batches is not None),
        chronicle=Chronicle(utc_now, logbook.run, observer),
    )
    history = logbook.previous.circumstances if logbook.previous else ()
    consent = Consent(job, specs, run.state, history, given=settings.accept_changes, batch=settings.batch)
    options = replace(options, known=partial(_has_begun, run))
    patience = Patience(settings.max_outage_s, settings.grace_s)
    delivery = await exits.enter_async_context(delivering(run, sinks, committer, patience, flow.stop))
    work = Work(
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
    exits.push_async_callback(work.end_logbook)
    await exits.enter_async_context(background(work.keep_logbook))
    return work


def _has_begun(run: Run, article: Article) -> bool:
    """Say whether the run holds work on an article's text."""
    return run.state.article_offset(article.content_hash, article.format) is not None
