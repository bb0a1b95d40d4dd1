"""The command that lets a model judge the records of a run: `judge`."""

from __future__ import annotations

import argparse
import sys

import orjson

from ..display.screen import Paper, Screen
from ..display.showing import display_of, said_on, shown
from ..errors import BudgetReached
from ..judging.command import Wanted, Work, assessed, processed, work_of
from ..judging.opening import judging
from ..judging.reading import judge_folder
from ..judging.result import Assessment
from ..judging.session import Judging, Look
from ..logs import configure, escape, get_logger
from ..loop import block_on
from ..signals import stop_on_signals
from ..telemetry import exporting
from .bounds import refuse_strangers
from .exits import SOME_FAILED, leave_at_once, told
from .parser import knobs_of

log = get_logger()


def judge(arguments: argparse.Namespace) -> int:
    """Judge records and print what came of it; what is said meanwhile goes to standard error."""
    wanted = Wanted(arguments.sample, arguments.limit)
    work = work_of(arguments.folder, wanted, None, knobs_of(arguments))
    settings = work.settings
    out = said_on(sys.stderr, settings)
    configure(settings.log_format, settings.log_level, out)
    refuse_strangers(arguments, settings, [settings.judge_model] if settings.judge_model else [])
    with exporting(settings):
        found = block_on(_judge, work, out)
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode() if arguments.json else found)
    if found.stopped:
        return told(found.stopped)
    return SOME_FAILED if found.rejected or found.failed else 0


async def _judge(work: Work, out: Screen | Paper) -> Assessment:
    async with stop_on_signals(work.settings.grace_s, leave_at_once) as stopping:
        async with judging(work.folder, work.settings, work.wish) as opened:
            _say(opened.look, out)
            stopping.finish_first(opened)
            stopped = await _processed(opened, out) if opened.look.plan.calls else None
        return await assessed(opened, stopped)
    raise AssertionError("unreachable")


def _say(look: Look, out: Screen | Paper) -> None:
    if look.settings.log_format == "json":
        log.info(
            "judge_planned",
            folder=str(look.folder),
            model=look.judge.model,
            records=len(look.plan.records),
            controls=len(look.plan.controls),
            calls=look.plan.calls,
            cost_usd=None if look.likely_usd is None else float(look.likely_usd),
            left_out=dict(look.plan.strangers),
        )
    else:
        out.write(f"{escape(str(look))}\n")
        out.flush()


async def _processed(opened: Judging, out: Screen | Paper) -> BudgetReached | None:
    async with shown(opened.view, display_of(out, opened.look.settings, str(judge_folder(opened.look.folder)))):
        return await processed(opened)
    raise AssertionError("unreachable")
