"""From a source to its rehearsal: it is read once, and then played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio.from_thread
import anyio.to_thread

from ..assembly import job_of, options_of, specs_of
from ..background import threaded
from ..bounds import spent_of
from ..engine.pricing import origin
from ..engine.spec import ModelSpec
from ..errors import Interrupted, SetupError
from ..loop import block_on
from ..pipeline.job import Job
from ..session import Source
from ..settings import Settings, load
from ..signals import stop_on_signals, wait_on
from ..simulator import Simulation
from ..sources import Options
from ..store.names import JOURNAL
from ..store.run import reading_run
from ..store.state import State
from ..types import Article
from .advising import advice_on
from .assuming import assumptions, notes_on
from .binding import bindings_of
from .cpu import cpu_of
from .fitting import fit
from .left import is_finished, with_what_is_left
from .memory import memory_of
from .playing import played
from .profile import Profile, read_profile
from .provider import Said, simulation_of
from .reading import Found, read_through, surveyed
from .result import Rehearsal
from .sampling import error_of
from .timeline import NOBODY, Onlooker
from .values import Rehearsing

WHOLE = 500
"""Up to so many articles are all played by the real pipeline, unless another number is given."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rehearsed, and how."""

    out: str | Path | None = None
    limit: int | None = None
    articles: int | None = None
    whole: int = WHOLE
    provider: Simulation | str | Path | None = None
    said: Said = field(default_factory=Said)
    advice: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rehearsal that can be played, and what its report says besides."""

    plan: Rehearsing
    found: Found
    profile: Profile | None
    prices: dict[str, str]
    advice: bool


def rehearse(
    source: Source,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    articles: int | None = None,
    whole: int = WHOLE,
    provider: Simulation | str | Path | None = None,
    advice: bool = True,
    **knobs: object,
) -> Rehearsal:
    """Say what `generate` will be like for `source`, before it is paid for: the real pipeline, engine and limits work
    in virtual time against a model of the provider. No call is made; it blocks until that is done.

    Args:
        source: A path (file, folder, glob), paths, or any iterable of articles, as for `generate`.
        out: A run directory. Where there is a run, the articles that are finished there are left out, and limits count
            what it has spent.
        limit: Take at most so many articles.
        articles: As if there were so many like these.
        whole: Up to so many are all played by the real pipeline; of more, so many, drawn evenly, and all of them by
            what these were like.
        provider: What the provider is like: the directory of an earlier run, a file with its profile, or a simulation
            that says all of it (see `qloragen.simulator`). When left out, its limits are those that the run keeps, and
            its times are assumed.
        advice: Whether to find out, by more rehearsals, what would make the run faster or cheaper.
        knobs: Settings by name, as in `qloragen settings`.

    Raises:
        SetupError: Settings, pack, source, provider or run directory cannot be used, or there is no article in the
            source.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        wish = Wish(out, limit, articles, whole, provider, advice=advice)
        return block_on(rehearsed, source, wish, load(**knobs), NOBODY, wait_on)
    raise SetupError(
        "rehearse() blocks, and an event loop is running here: use `await qloragen.arehearse(...)` instead."
    )


async def arehearse(
    source: Source,
    *,
    out: str | Path | None = None,
    limit: int | None = None,
    articles: int | None = None,
    whole: int = WHOLE,
    provider: Simulation | str | Path | None = None,
    advice: bool = True,
    **knobs: object,
) -> Rehearsal:
    """Do what `rehearse` does, for callers with an event loop of their own: it is played in a thread, which ends soon
    after this is cancelled."""
    wish = Wish(out, limit, articles, whole, provider, advice=advice)
    return await _rehearsed(source, wish, load(**knobs), NOBODY)


async def rehearsed(
    source: Source, wish: Wish, settings: Settings, onlooker: Onlooker, insist: Callable[[Interrupted], None]
) -> Rehearsal:
    """Rehearse, until SIGINT or SIGTERM; `insist` is called by the second one.

    Raises:
        SetupError: As for `rehearse`.
        Interrupted: A signal has ended it.
    """
    async with stop_on_signals(settings.grace_s, insist):
        return await _rehearsed(source, wish, settings, onlooker)
    raise AssertionError("unreachable")


async def _rehearsed(source: Source, wish: Wish, settings: Settings, onlooker: Onlooker) -> Rehearsal:
    onlooker.stage("reading the source")
    ready = await prepared(source, wish, settings)
    return await anyio.to_thread.run_sync(_performed_in_thread, ready, onlooker)


async def prepared(source: Source, wish: Wish, settings: Settings) -> Prepared:
    """Read the source, and draw from it what the real pipeline is to play.

    Raises:
        SetupError: As for `rehearse`.
    """
    _check(wish)
    settings = fit(settings)
    job = await anyio.to_thread.run_sync(job_of, settings)
    specs = await anyio.to_thread.run_sync(specs_of, settings)
    profile, simulation = await anyio.to_thread.run_sync(_provider, wish, specs)
    most = min(wish.whole, wish.articles or wish.whole)
    async with _state(wish.out) as state:
        options = options_of(settings, job, specs)
        if state is None:
            found = await surveyed(source, options, wish.limit, most)
        else:
            found = await _left(source, wish.limit, most, options, job, state)
            settings = with_what_is_left(settings, spent_of(state.ledger))
    _check_found(found)
    plan = Rehearsing(settings, simulation, found.articles, wish.articles or found.total)
    return Prepared(plan, found, profile, {spec.name: origin(spec.price) for spec in specs}, wish.advice)


def performed(ready: Prepared, onlooker: Onlooker = NOBODY) -> Rehearsal:
    """Play a rehearsal, and return what came of it; it needs a thread in which no event loop runs. What `onlooker`
    raises ends the playing.

    Raises:
        SetupError: Settings or pack cannot be used.
    """
    plan, found = ready.plan, ready.found
    observed, shapes = played(plan.articles, plan.total, plan.settings, plan.simulation, onlooker=onlooker)
    cpu = cpu_of(observed)
    return Rehearsal(
        observed=observed,
        total=plan.total,
        played=len(plan.articles),
        skips=found.skips,
        finished=found.finished,
        bindings=bindings_of(observed, cpu),
        cpu=cpu,
        memory=memory_of(observed, plan.total),
        seed=plan.simulation.seed,
        assumptions=(
            *(ready.profile.about() if ready.profile else ()),
            *assumptions(plan.simulation, observed, batch=plan.settings.batch),
        ),
        error=error_of(shapes) if shapes else 0.0,
        notes=tuple(notes_on(found, plan, observed)),
        advice=advice_on(plan, observed, onlooker) if ready.advice else (),
        prices=ready.prices,
    )


class _LeftError(Exception):
    """Nobody waits for the rehearsal any more."""


@dataclass(frozen=True, slots=True)
class _Host:
    """The task that a thread of anyio works for, and who looks on there."""

    onlooker: Onlooker

    def stage(self, what: str) -> None:
        """See `Onlooker`."""
        self.onlooker.stage(what)

    def watch(self, played_s: float, calls: int) -> None:
        """End the playing when the task is cancelled, by an error that passes through the loop of the playing."""
        try:
            anyio.from_thread.check_cancelled()
        except asyncio.CancelledError as cancelled:
            raise _LeftError from cancelled
        self.onlooker.watch(played_s, calls)


def _performed_in_thread(ready: Prepared, onlooker: Onlooker) -> Rehearsal:
    try:
        return performed(ready, _Host(onlooker))
    except* _LeftError:
        anyio.from_thread.check_cancelled()
    raise AssertionError("unreachable")


def _check(wish: Wish) -> None:
    for name, value in (("limit", wish.limit), ("articles", wish.articles), ("whole", wish.whole)):
        if value is not None and value < 1:
            raise SetupError(f"{name} is {value}; it must be 1 or more.")


def _provider(wish: Wish, specs: tuple[ModelSpec, ...]) -> tuple[Profile | None, Simulation]:
    match wish.provider:
        case Simulation():
            return None, wish.provider
        case None:
            return None, simulation_of(specs, wish.said, None)
        case place:
            profile = read_profile(Path(place))
            return profile, simulation_of(specs, wish.said, profile)


def _check_found(found: Found) -> None:
    if found.total:
        return
    if found.finished:
        raise SetupError("All articles of the source are finished in the run directory: nothing to rehearse.")
    why = ", ".join(f"{count} {reason}" for reason, count in found.skips.items())
    raise SetupError(f"There is no article in the source{f' ({why})' if why else ''}: nothing to rehearse.")


@asynccontextmanager
async def _state(out: str | Path | None) -> AsyncIterator[State | None]:
    """Yield what the run in a directory has come to; None where there is none."""
    if out is None or not (Path(out) / JOURNAL).exists():
        yield None
        return
    async with threaded(reading_run(Path(out))) as state:
        yield state


async def _left(source: Source, limit: int | None, most: int, options: Options, job: Job, state: State) -> Found:
    """Read what a run has not finished, as it would: nothing is left out that it has begun."""

    def begun(article: Article) -> bool:
        return state.article_offset(article.content_hash, article.format) is not None

    options = replace(options, known=begun)
    return await read_through(source, options, limit, most, lambda article: is_finished(state, job, article))
