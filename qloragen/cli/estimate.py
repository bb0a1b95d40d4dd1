"""The command `estimate`: what would be paid, before it is."""

from __future__ import annotations

import argparse

import orjson

from ..estimation import estimate as estimate_of
from ..logs import configure
from ..settings import load
from ..words import counted
from .bounds import refuse_strangers
from .exits import remark
from .parser import knobs_of


def estimate(arguments: argparse.Namespace) -> int:
    """Show an estimate; with `--sample`, pay for a few articles first. Log lines go to standard error."""
    knobs = knobs_of(arguments)
    settings = load(**knobs)
    configure(settings.log_format, settings.log_level, None)
    refuse_strangers(arguments, settings, arguments.compare_models)
    if arguments.sample and arguments.out:
        remark(f"Paying for a sample of {counted(arguments.sample, 'article')}.")
    found = estimate_of(
        arguments.source,
        out=arguments.out,
        limit=arguments.limit,
        sample=arguments.sample,
        compare_models=arguments.compare_models,
        client=None,
        **knobs,
    )
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode() if arguments.json else found)
    return 0
