"""Judging in one call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import anyio.to_thread

from ..engine.client import Client
from ..errors import BudgetReached, RunStopped
from ..loop import block_on
from ..manifest import read_manifest
from ..observing import Observer
from ..settings import Settings, load
from ..signals import stop_on_signals
from .opening import judging
from .planning import Wish
from .reading import Heard, assess, heard_of, without_judgement
from .result import Assessment
from .session import Judging

_KNOBS_OF_THE_RUN = ("pack", "pack_variables")
"""The settings of the run whose records are judged that decide by which types they are judged."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a call of `judge` is to do."""

    folder: Path
    settings: Settings
    wish: Wish
    client: Client | None
    observer: Observer | None = None


def judge(
    folder: str | Path,
    *,
    sample: float | None = None,
    limit: int | None = None,
    client: Client | None = None,
    observer: Observer | None = None,
    **knobs: object,
) -> Assessment:
    """Let a model of another family judge the records of the run in `folder`, and block until that is done.

    Its judgements, with everything paid for them, go to `folder`/judge, a run directory of its own; the records are
    only read. The same call again makes no request for what is judged, and continues what is not.

    Args:
        folder: The run directory.
        sample: Judge so many of its records, or below 1 such a share, drawn by their ids; None: all.
        limit: Judge of these at most so many.
        client: Takes the place of OpenAI's client.
        observer: Looks on, in the place of the one that `telemetry` sets up; see `qloragen.observing`.
        knobs: Settings by name: `judge_model` above all, `base_url`, `max_cost_usd`...

    Raises:
        SetupError: There is nothing to judge, no model that may judge it, or a setting cannot be used.
        RunStopped: It cannot go on; everything finished is kept. Reaching a limit of money, tokens or calls is no
            error: see `Assessment.stopped`.
    """
    work = work_of(Path(folder), Wanted(sample, limit), client, knobs)
    return block_on(_judge_here, replace(work, observer=observer))


async def ajudge(
    folder: str | Path,
    *,
    sample: float | None = None,
    limit: int | None = None,
    client: Client | None = None,
    observer: Observer | None = None,
    **knobs: object,
) -> Assessment:
    """Do what `judge` does, for callers with an event loop of their own; signals are left to them."""
    work = work_of(Path(folder), Wanted(sample, limit), client, knobs)
    async with judging(work.folder, work.settings, work.wish, work.client, observer) as opened:
        stopped = await processed(opened)
    return await assessed(opened, stopped)


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is to be judged; see `judge`."""

    sample: float | None
    limit: int | None


def work_of(folder: Path, wanted: Wanted, client: Client | None, knobs: Mapping[str, object]) -> Work:
    """Return what a call of `judge` is to do: by the pack of the run where no other one is given.

    Raises:
        SettingsError: A knob has a value that it cannot have, or there is no such sample.
    """
    manifest = read_manifest(folder)
    of_run = {name: manifest.settings.get(name) for name in _KNOBS_OF_THE_RUN} if manifest else {}
    settings = load(**{**of_run, **knobs})
    return Work(folder, settings, Wish(wanted.sample, wanted.limit, settings.judge_controls), client)


async def processed(opened: Judging) -> BudgetReached | None:
    """Judge what is left; returns the limit that ended it, if one did.

    Raises:
        RunStopped: It cannot go on for another reason.
    """
    try:
        await opened.process()
    except BudgetReached as reason:
        return reason
    return None


async def assessed(opened: Judging, stopped: RunStopped | None) -> Assessment:
    """Return what the judge has said by now; to be called when its directory is closed.

    Raises:
        SetupError: A file cannot be read, or is damaged.
    """
    return (await anyio.to_thread.run_sync(_assess, opened)).ended_by(stopped)


def _assess(opened: Judging) -> Assessment:
    look, judge = opened.look, opened.look.judge
    heard = heard_of(look.folder, judge=judge.id)
    said_nothing = Heard(judge.id, judge.model, tuple(judge.pack.judge.questions))
    found = assess(look.folder, heard or said_nothing, look.settings.judge_min_recall)
    without = without_judgement(look.folder, look.plan.keys())
    return replace(found, rejected=dict(without["rejection"].most_common()), failed=without["failure"].total())


async def _judge_here(work: Work) -> Assessment:
    async with stop_on_signals(work.settings.grace_s) as stopping:
        async with judging(work.folder, work.settings, work.wish, work.client, work.observer) as opened:
            stopping.finish_first(opened)
            stopped = await processed(opened)
        return await assessed(opened, stopped)
    raise AssertionError("unreachable")
