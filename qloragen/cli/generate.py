"""The commands that work in a run directory: `generate` and `reparse`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..logs import configure, get_logger
from ..loop import block_on
from ..oneshot import reparse as reparse_run
from ..progress import Line, Progress, shown
from ..session import Session
from ..settings import load
from ..signals import stop_on_signals
from .bounds import refuse_strangers
from .exits import SOME_FAILED, leave_at_once
from .parser import knobs_of
from .planned import planned

log = get_logger()

LISTED_SKIPS = 20
WORTH_A_LOOK = ("malformed", "id_conflict")
"""Skips that mean that a row is missing which somebody meant to be there."""


def generate(arguments: argparse.Namespace) -> int:
    """Run the main job; everything for people goes to standard error, so that standard output stays free for data."""
    settings = load(**knobs_of(arguments))
    refuse_strangers(arguments, settings)
    line = Line(sys.stderr) if sys.stderr.isatty() else None
    configure(settings.log_format, settings.log_level, line)
    session = Session(arguments.out, settings=settings)
    return block_on(_generate, session, arguments.source, arguments.limit, line)


def reparse(arguments: argparse.Namespace) -> int:
    """Read every paid reply of a run again."""
    print(reparse_run(arguments.folder, **knobs_of(arguments)))
    return 0


async def _generate(session: Session, source: list[Path], limit: int | None, line: Line | None) -> int:
    async with stop_on_signals(session.settings.grace_s, leave_at_once) as stopping, session:
        progress = Progress(session, await planned(session, source, limit, line or sys.stderr))
        stopping.finish_first(session, lambda: session.owed)
        try:
            await _process(session, source, limit, progress, line)
        finally:
            _report_at_end(session, line)
        return _verdict(session)
    raise AssertionError("unreachable")


async def _process(
    session: Session, source: list[Path], limit: int | None, progress: Progress, line: Line | None
) -> None:
    async with shown(progress, line) as tasks:
        if progress.total_articles is None:
            # Counting must not hold the first call back, so a new run does both at once.
            tasks.start_soon(progress.count, session, source, limit)
        await session.process(source, limit=limit)


def _verdict(session: Session) -> int:
    """Judge what this process was asked for; what earlier ones left undone elsewhere is in the summary."""
    bad_rows = any(session.tally.skips.get(reason) for reason in WORTH_A_LOOK)
    return SOME_FAILED if bad_rows or session.tally.missing else 0


def _report_at_end(session: Session, line: Line | None) -> None:
    if session.settings.log_format == "json":
        log.info("run_summary", **session.summary.as_dict())
    else:
        _say(_report(session), line)


def _report(session: Session) -> str:
    skips = session.tally.listed_skips
    shown_skips = [f"  {skip.where}: {skip.reason.value}{skip.detail and ' - '}{skip.detail}" for skip in skips]
    more = sum(session.tally.skips.values()) - LISTED_SKIPS
    lines = ["skipped:", *shown_skips[:LISTED_SKIPS]] if skips else []
    lines += [f"  and {more} more; --log-level info lists all"] if more > 0 else []
    return "\n".join([*lines, "", str(session.summary)])


def _say(text: str, line: Line | None) -> None:
    (line or sys.stderr).write(f"{text}\n")
