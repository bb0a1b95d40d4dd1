"""What a rehearsal needs before it is played: settings, articles, and what the provider is like."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio.to_thread

from ..assembly import job_of, options_of, specs_of
from ..background import threaded
from ..bounds import spent_of
from ..engine.pricing import origin
from ..engine.spec import ModelSpec
from ..errors import SetupError
from ..manifest import read_manifest
from ..pipeline.circumstances import Outdated, circumstances_of
from ..pipeline.job import Job
from ..session import Source
from ..settings import Settings
from ..simulator import Simulation
from ..sources import Options
from ..store.names import JOURNAL
from ..store.run import reading_run
from ..store.state import State
from ..types import Article
from .fitting import fit
from .hosting import in_thread
from .left import is_finished, with_what_is_left
from .pilot import own_of
from .profile import Profile, read_profile
from .provider import Said, simulation_of
from .reading import Found, read_through, surveyed
from .timeline import Onlooker
from .values import Rehearsing

WHOLE = 500
"""Up to so many articles are all played by the real pipeline, unless another number is given."""
_MOST = 100_000_000
"""Of more articles their order alone would fill the memory."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be rehearsed, and how."""

    out: str | Path | None = None
    limit: int | None = None
    articles: int | None = None
    whole: int = WHOLE
    provider: Simulation | Profile | str | Path | None = None
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
    lessened: bool
    """Whether the plan's spending limits are what an earlier session has left of them."""
    changed: tuple[str, ...]
    """What is not as it was when an earlier session did its work, in words; that work counts as not done."""


async def prepared(source: Source, wish: Wish, settings: Settings, onlooker: Onlooker) -> Prepared:
    """Read the source, and draw from it what the real pipeline is to play.

    Raises:
        SetupError: As for `rehearse`.
    """
    _check(wish)
    settings = given = fit(settings)
    job = await anyio.to_thread.run_sync(job_of, settings)
    specs = await anyio.to_thread.run_sync(specs_of, settings)
    profile, simulation = await anyio.to_thread.run_sync(_provider, wish, specs, abandon_on_cancel=True)
    most = min(wish.whole, wish.articles or wish.whole)
    changed: tuple[str, ...] = ()
    async with _state(wish.out) as state:
        options = options_of(settings, job, specs)
        if state is None:
            found = await surveyed(source, options, wish.limit, most)
        else:
            found = await _left(source, wish.limit, most, options, job, state)
            changed = await anyio.to_thread.run_sync(_changed, wish.out, job)
            settings = with_what_is_left(settings, spent_of(state.ledger))
    _check_found(found)
    if profile is not None:
        own = await in_thread(lambda host: own_of(found.articles, settings, host), onlooker)
        simulation = simulation_of(specs, wish.said, profile, own)
    plan = Rehearsing(settings, simulation, found.articles, wish.articles or found.total)
    prices = {spec.name: origin(spec.price) for spec in specs}
    return Prepared(plan, found, profile, prices, wish.advice, lessened=settings != given, changed=changed)


def _check(wish: Wish) -> None:
    for name, value in (("limit", wish.limit), ("articles", wish.articles), ("whole", wish.whole)):
        if value is not None and value < 1:
            raise SetupError(f"{name} is {value}; it must be 1 or more.")
    if wish.articles is not None and wish.articles > _MOST:
        raise SetupError(f"articles is {wish.articles}; it must be {_MOST:,} or less, which take some two days.")
    if wish.out is not None and Path(wish.out).is_file():
        raise SetupError(f"{wish.out} is a file; give a directory for the run with --out.")


def _provider(wish: Wish, specs: tuple[ModelSpec, ...]) -> tuple[Profile | None, Simulation]:
    match wish.provider:
        case Simulation():
            return None, wish.provider
        case None:
            return None, simulation_of(specs, wish.said, None)
        case Profile() as profile:
            return profile, simulation_of(specs, wish.said, profile)
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


def _changed(out: str | Path | None, job: Job) -> tuple[str, ...]:
    manifest = read_manifest(Path(out)) if out is not None else None
    history = manifest.circumstances if manifest else ()
    return tuple(dict.fromkeys(Outdated(circumstances_of(job), history).unheard_of.values()))


async def _left(source: Source, limit: int | None, most: int, options: Options, job: Job, state: State) -> Found:
    """Read what a run has not finished, as it would: nothing is left out that it has begun."""

    def begun(article: Article) -> bool:
        return state.article_offset(article.content_hash, article.format) is not None

    options = replace(options, known=begun)
    return await read_through(source, options, limit, most, lambda article: is_finished(state, job, article))
