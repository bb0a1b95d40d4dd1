"""From a source to its estimate: one reading of it, and no call, unless a sample is to be paid for."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from ..assembly import job_of, options_of, specs_of
from ..background import threaded
from ..bounds import spent_of
from ..engine.client import Client
from ..engine.pricing import origin
from ..engine.spec import ModelSpec
from ..engine.tokens import Estimator
from ..errors import SetupError
from ..loop import block_on
from ..pipeline.job import Job, OpenArticle
from ..pipeline.shared import limited
from ..session import Session, Source
from ..settings import Settings, load
from ..signals import stop_on_signals
from ..sources import Options, read
from ..store.names import JOURNAL
from ..store.run import reading_run
from ..store.state import State
from ..types import Article, Skip
from .expected import Expected, expected
from .modes import Mode, modes
from .outlook import Outlook
from .result import Estimate
from .rows import Prepared, latency_words, notes, rows_of
from .sample import drawn, learned
from .sizes import Sizes

SEED = 0
"""Of the draw of a sample: the same source gives the same sample."""


def estimate(
    source: Source,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    sample: int | None = None,
    compare_models: Sequence[str] = (),
    client: Client | None = None,
    **knobs: object,
) -> Estimate:
    """Say what `generate` would need for `source`, before it is paid for: calls, tokens, cost and time, also in other
    modes than the one that is set; blocks until the source is read. No call is made without `sample`.

    Args:
        source: A path (file, folder, glob), paths, or any iterable of articles, as for `generate`.
        out: A run directory. Where there is a run, only what is still missing counts, and the replies that are there
            tell what to expect.
        limit: Take at most so many articles.
        sample: Pay for so many articles first, drawn from all of the source, and expect of the others what comes of
            them. They are the beginning of the run in `out`: nothing of it is paid for twice.
        compare_models: Models to show in the place of those that are set.
        client: Takes the place of OpenAI's client for the sample.
        knobs: Settings by name, as in `qloragen settings`. Nothing is known beforehand of a classifier of your own.

    Raises:
        SetupError: Settings, pack, source or run directory cannot be used, or there is no article in the source.
        RunStopped: The sample cannot go on; everything finished is kept.
    """
    return block_on(_estimate, source, _Wish(out, limit, sample, compare_models, client), knobs)


async def aestimate(
    source: Source,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    sample: int | None = None,
    compare_models: Sequence[str] = (),
    client: Client | None = None,
    **knobs: object,
) -> Estimate:
    """Do what `estimate` does, for callers with an event loop of their own; signals are left to them."""
    wish = _Wish(out, limit, sample, compare_models, client)
    settings = _checked(source, wish, load(**knobs))
    if wish.sample is not None:
        async with _session(wish, settings) as session:
            await _pay(source, wish, settings, session)
    return await _made(source, wish, settings)


@dataclass(frozen=True, slots=True)
class _Wish:
    out: str | Path | None
    limit: int | None
    sample: int | None
    compare_models: Sequence[str]
    client: Client | None

    @property
    def folder(self) -> Path | None:
        return None if self.out is None else Path(self.out)


async def _estimate(source: Source, wish: _Wish, knobs: dict[str, object]) -> Estimate:
    settings = _checked(source, wish, load(**knobs))
    if wish.sample is not None:
        async with stop_on_signals(settings.grace_s) as stopping, _session(wish, settings) as session:
            stopping.finish_first(session)
            await _pay(source, wish, settings, session)
    return await _made(source, wish, settings)


def _checked(source: Source, wish: _Wish, settings: Settings) -> Settings:
    if settings.local:
        raise SetupError("A model on this machine costs nothing, so there is nothing to estimate: leave out local.")
    if wish.sample is None:
        return settings
    if wish.sample < 1:
        raise SetupError(f"A sample must have 1 article or more, not {wish.sample}.")
    if wish.out is None:
        raise SetupError("A sample is paid for, so it needs a run directory to be kept in: give one (--out DIR).")
    if not isinstance(source, str | Path | Collection):
        raise SetupError("A sample needs a source that can be read twice: a path, or a collection of articles.")
    return settings


# ------------------------------------------------------------------------------------------------------- the sample


def _session(wish: _Wish, settings: Settings) -> Session:
    """Return the session that pays for a sample: asked at once, since batches may take a day."""
    assert wish.out is not None
    return Session(wish.out, client=wish.client, settings=settings.model_copy(update={"batch": False}))


async def _pay(source: Source, wish: _Wish, settings: Settings, session: Session) -> None:
    assert wish.sample is not None
    job, specs = await _parts(settings)
    options = options_of(settings, job, specs)
    async with aclosing(read(source, options)) as items:
        articles = await drawn(limited(items, wish.limit), wish.sample, SEED, options)
    if articles:
        await session.process(articles)


# ------------------------------------------------------------------------------------------------------ the reading


async def _made(source: Source, wish: _Wish, settings: Settings) -> Estimate:
    if wish.folder is None or not (wish.folder / JOURNAL).exists():
        return await _read_through(source, wish, settings, None)
    async with threaded(reading_run(wish.folder)) as state:
        return await _read_through(source, wish, settings, state)
    raise AssertionError("unreachable")


async def _read_through(source: Source, wish: _Wish, settings: Settings, state: State | None) -> Estimate:
    job, specs = await _parts(settings)
    tokens = Estimator()
    sampled = None
    if wish.folder is not None and state is not None:
        sampled = await anyio.to_thread.run_sync(learned, wish.folder, state, job, specs, tokens)
    known = expected(job.pack, sampled, settings.max_types)
    prepared = [
        await anyio.to_thread.run_sync(_prepare, mode, known, state) for mode in modes(settings, wish.compare_models)
    ]
    skips: Counter[str] = Counter()
    async with aclosing(read(source, _options(settings, job, specs, state))) as items:
        articles = await _count(limited(items, wish.limit), [one.outlook for one in prepared], tokens, skips)
    if not articles:
        found = ", ".join(f"{count} {reason}" for reason, count in skips.items())
        raise SetupError(f"There is no article in the source{f' ({found})' if found else ''}: nothing to estimate.")
    models = {spec.name: spec.price for one in prepared for spec in one.specs}
    paid_usd = state.ledger.total().total_usd if state else None
    return Estimate(
        articles=articles,
        skips=dict(skips),
        modes=rows_of(prepared, known.latency_s),
        basis=known.basis,
        latency=latency_words(prepared[0], known.latency_s),
        prices={model: origin(price) for model, price in models.items()},
        unknown_prices=tuple(model for model, price in models.items() if price is None),
        notes=(*notes(prepared[0], spent_of(state.ledger) if state else {}), *_of_sample(wish)),
        paid_usd=paid_usd,
    )


def _options(settings: Settings, job: Job, specs: Sequence[ModelSpec], state: State | None) -> Options:
    """Return how a session in the run's directory would read the source: no article is left out that it has begun."""
    options = options_of(settings, job, specs)
    if state is None:
        return options
    return replace(
        options, known=lambda article: state.article_offset(article.content_hash, article.format) is not None
    )


def _of_sample(wish: _Wish) -> tuple[str, ...]:
    if wish.sample is None:
        return ()
    return (f"The sample is the beginning of the run in {wish.out}: what goes on there pays for none of it again.",)


async def _count(
    items: AsyncIterator[Article | Skip], outlooks: Sequence[Outlook], tokens: Estimator, skips: Counter[str]
) -> int:
    articles = 0
    async for item in items:
        if isinstance(item, Skip):
            skips[item.reason.value] += 1
            continue
        articles += 1
        opened = OpenArticle(item)
        sizes = Sizes(opened, tokens)
        for outlook in outlooks:
            outlook.add(opened, sizes)
    return articles


async def _parts(settings: Settings) -> tuple[Job, tuple[ModelSpec, ...]]:
    return await anyio.to_thread.run_sync(job_of, settings), await anyio.to_thread.run_sync(specs_of, settings)


def _prepare(mode: Mode, known: Expected, state: State | None) -> Prepared:
    job, specs = job_of(mode.settings), specs_of(mode.settings)
    return Prepared(mode, specs, Outlook(job, specs, known, state, batch=mode.settings.batch))
