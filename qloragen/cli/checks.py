"""`qloragen checks`: every check, what it means, what is done about it, and its thresholds."""

from __future__ import annotations

import argparse

import orjson

from ..catalogue import Listed, listed
from ..settings import load
from .parser import knobs_of


def checks(arguments: argparse.Namespace) -> int:
    """List every check as it stands."""
    found = listed(load(**knobs_of(arguments)).checks)
    if arguments.json:
        print(orjson.dumps([check._asdict() for check in found], option=orjson.OPT_INDENT_2).decode())
        return 0
    width = max(len(check.code) for check in found)
    for check in found:
        print(f"{check.code:<{width}}  {check.action:<6}  {check.meaning}{_set(check)}")
        for name, value in check.thresholds.items():
            print(f"{'':<{width}}          {name} = {value}")
    return 0


def _set(check: Listed) -> str:
    return "" if check.action == check.usual else f" (by itself: {check.usual})"
