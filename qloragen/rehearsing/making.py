"""From a source to its rehearsal: prepared, and then played in a thread of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..errors import Interrupted, SetupError
from ..loop import block_on
from ..session import Source
from ..settings import Settings, load
from ..signals import stop_on_signals, wait_on
from ..simulator import Simulation
from .advising import advice_on
from .assuming import assumptions, notes_on
from .binding import bindings_of
from .cpu import cpu_of
from .hosting import in_thread
from .memory import memory_of
from .playing import played
from .preparing import WHOLE, Prepared, Wish, prepared
from .result import Rehearsal
from .sampling import error_of
from .timeline import NOBODY, Onlooker


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
    """Rehearse, until a signal to stop; `insist` is called by the second one.

    Raises:
        SetupError: As for `rehearse`.
        Interrupted: A signal has ended it.
    """
    try:
        async with stop_on_signals(settings.grace_s, insist):
            return await _rehearsed(source, wish, settings, onlooker)
    except Interrupted as reason:
        raise Interrupted("The rehearsal was stopped; nothing was paid for.", signal=reason.signal) from None
    raise AssertionError("unreachable")


async def _rehearsed(source: Source, wish: Wish, settings: Settings, onlooker: Onlooker) -> Rehearsal:
    onlooker.stage("reading the source")
    ready = await prepared(source, wish, settings, onlooker)
    return await in_thread(partial(_performed, ready), onlooker)


def _performed(ready: Prepared, onlooker: Onlooker) -> Rehearsal:
    """Play a rehearsal, and return what came of it; it needs a thread in which no event loop runs. What `onlooker`
    raises ends the playing.

    Raises:
        SetupError: Settings or pack cannot be used.
    """
    plan, found = ready.plan, ready.found
    observed, shapes = played(plan.articles, plan.total, plan.settings, plan.simulation, onlooker=onlooker)
    cpu = cpu_of(observed, plan.settings.transport)
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
            *(ready.profile.about(observed.models) if ready.profile else ()),
            *assumptions(plan.simulation, observed, plan.settings),
        ),
        error=error_of(shapes) if shapes else 0.0,
        notes=tuple(notes_on(ready, observed)),
        advice=advice_on(plan, observed, onlooker) if ready.advice else (),
        prices=ready.prices,
    )
