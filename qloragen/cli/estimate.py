"""The command `estimate`: what would be paid, before it is."""

from __future__ import annotations

import argparse

import orjson

from ..estimation import estimate as estimate_of
from .parser import knobs_of


def estimate(arguments: argparse.Namespace) -> int:
    """Show an estimate; with `--sample`, pay for a few articles first."""
    found = estimate_of(
        arguments.source,
        out=arguments.out,
        limit=arguments.limit,
        sample=arguments.sample,
        compare_models=arguments.compare_models,
        client=None,
        **knobs_of(arguments),
    )
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode() if arguments.json else found)
    return 0
