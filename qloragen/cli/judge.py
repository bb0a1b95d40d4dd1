"""The command that lets a model judge the records of a run: `judge`."""

from __future__ import annotations

import argparse
import sys

import orjson

from ..judging.command import Wanted, Work, assessed, processed, work_of
from ..judging.opening import judging
from ..judging.result import Assessment
from ..logs import configure, escape
from ..loop import block_on
from ..progress import Line, Progress, shown
from ..signals import stop_on_signals
from .bounds import refuse_strangers
from .exits import BUDGET, SOME_FAILED, leave_at_once
from .parser import knobs_of


def judge(arguments: argparse.Namespace) -> int:
    """Judge records and print what came of it; what is said meanwhile goes to standard error."""
    wanted = Wanted(arguments.sample, arguments.limit)
    work = work_of(arguments.folder, wanted, None, knobs_of(arguments))
    settings = work.settings
    line = Line(sys.stderr) if sys.stderr.isatty() else None
    configure(settings.log_format, settings.log_level, line)
    refuse_strangers(arguments, settings, [settings.judge_model] if settings.judge_model else [])
    found = block_on(_judge, work, line)
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode() if arguments.json else found)
    if found.stopped:
        print(f"qloragen: {found.stopped}", file=sys.stderr)
        return BUDGET
    return SOME_FAILED if found.rejected or found.failed else 0


async def _judge(work: Work, line: Line | None) -> Assessment:
    async with stop_on_signals(work.settings.grace_s, leave_at_once) as stopping:
        async with judging(work.folder, work.settings, work.wish) as opened:
            (line or sys.stderr).write(f"{escape(str(opened.look))}\n")
            stopping.finish_first(opened)
            progress = Progress(opened, opened.look.plan.left.articles(), makes="judgements")
            async with shown(progress, line if opened.look.plan.calls else None):
                stopped = await processed(opened)
        return await assessed(opened, stopped)
    raise AssertionError("unreachable")
