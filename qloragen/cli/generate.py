"""The commands that work in a run directory: `generate` and `reparse`."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..display.screen import Paper, Screen
from ..display.showing import display_of, said_on, shown
from ..errors import RunStopped, SourceError
from ..logs import configure, get_logger
from ..loop import block_on
from ..oneshot import reparse as reparse_run
from ..session import Session
from ..settings import load
from ..signals import stop_on_signals
from ..telemetry import exporting
from .bounds import refuse_strangers
from .exits import SOME_FAILED, leave_at_once
from .parser import knobs_of
from .planned import planned

log = get_logger()

LISTED_SKIPS = 20
WORTH_A_LOOK = ("malformed", "id_conflict")
"""Skips that mean that a row is missing which somebody meant to be there."""


@dataclass(frozen=True, slots=True)
class _Job:
    """What is to be worked through, and where what is said goes."""

    source: list[Path]
    limit: int | None
    folder: Path
    """The run directory, as it was typed."""
    out: Screen | Paper


def generate(arguments: argparse.Namespace) -> int:
    """Run the main job; everything for people goes to standard error, so that standard output stays free for data."""
    settings = load(**knobs_of(arguments))
    refuse_strangers(arguments, settings)
    out = said_on(sys.stderr, settings)
    configure(settings.log_format, settings.log_level, out)
    session = Session(arguments.out, settings=settings)
    with exporting(settings):
        return block_on(_generate, session, _Job(arguments.source, arguments.limit, arguments.out, out))


def reparse(arguments: argparse.Namespace) -> int:
    """Read every paid reply of a run again."""
    print(reparse_run(arguments.folder, **knobs_of(arguments)))
    return 0


async def _generate(session: Session, job: _Job) -> int:
    async with stop_on_signals(session.settings.grace_s, leave_at_once) as stopping, session:
        plan = await planned(session, job.source, job.limit, job.out)
        stopping.finish_first(session, lambda: session.owed)
        try:
            await _process(session, job, counted=plan is not None)
        finally:
            _report_at_end(session, job.out)
        return _verdict(session)
    raise AssertionError("unreachable")


async def _process(session: Session, job: _Job, *, counted: bool) -> None:
    async with shown(session.view, display_of(job.out, session.settings, str(job.folder))) as tasks:
        if not counted:
            # Counting must not hold the first call back, so a new run does both at once.
            tasks.start_soon(_count, session, job)
        await session.process(job.source, limit=job.limit)


async def _count(session: Session, job: _Job) -> None:
    """Find out how much there is to do; a source that cannot be read, and a stop, are left to who processes it."""
    with suppress(SourceError, RunStopped):
        await session.count(job.source, limit=job.limit)


def _verdict(session: Session) -> int:
    """Judge what this process was asked for; what earlier ones left undone elsewhere is in the summary."""
    bad_rows = any(session.tally.skips.get(reason) for reason in WORTH_A_LOOK)
    return SOME_FAILED if bad_rows or session.tally.missing else 0


def _report_at_end(session: Session, out: Screen | Paper) -> None:
    if session.settings.log_format == "json":
        log.info("run_summary", **session.summary.as_dict())
    else:
        out.write(f"{_report(session)}\n")
        out.flush()


def _report(session: Session) -> str:
    skips = session.tally.listed_skips
    shown_skips = [f"  {skip.where}: {skip.reason.value}{skip.detail and ' - '}{skip.detail}" for skip in skips]
    more = sum(session.tally.skips.values()) - LISTED_SKIPS
    lines = ["skipped:", *shown_skips[:LISTED_SKIPS]] if skips else []
    lines += [f"  and {more} more; --log-level info lists all"] if more > 0 else []
    return "\n".join([*lines, "", str(session.summary)])
