"""The command that compares two ways to classify: `calibrate`."""

from __future__ import annotations

import argparse

import orjson

from ..calibrating import calibrate
from ..logs import configure
from ..settings import load
from .bounds import refuse_strangers
from .exits import remark
from .parser import knobs_of


def calibrated(arguments: argparse.Namespace) -> int:
    """Classify a sample both ways and print how far they agree; log lines go to standard error."""
    knobs = knobs_of(arguments)
    settings = load(**knobs)
    configure(settings.log_format, settings.log_level, None)
    refuse_strangers(arguments, settings)
    remark(
        f"Classifying {arguments.sample} articles at most, with {settings.classify_model} and {settings.decide_model}."
    )
    found = calibrate(
        arguments.source, arguments.out, sample=arguments.sample, seed=arguments.seed, client=None, **knobs
    )
    print(orjson.dumps(found.as_dict(), option=orjson.OPT_INDENT_2).decode() if arguments.json else found)
    return 0
