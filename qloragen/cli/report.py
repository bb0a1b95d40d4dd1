"""The command `report`: what a run's records are like."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace

import orjson

from ..report.gather import Gathered, gathered
from ..report.html import write_html
from ..report.text import coloured, plain, render
from .exits import SOME_FAILED


def report(arguments: argparse.Namespace) -> int:
    """Show the report of a run, and write its page where one is wanted."""
    with gathered(arguments.folder, arguments.tokenizer) as found:
        if arguments.html:
            # First, so that it is there whatever becomes of a pipe that text goes to.
            _write_page(found, arguments)
        if arguments.json:
            print(orjson.dumps(found.report.as_dict(), option=orjson.OPT_INDENT_2).decode())
        else:
            print(render(found.report, coloured if _takes_colours() else plain))
        return SOME_FAILED if arguments.strict and found.report.failed else 0


def _write_page(found: Gathered, arguments: argparse.Namespace) -> None:
    chosen = found.browsing(arguments.most)
    page = replace(found.report, browser=chosen.said)
    write_html(page, found.records(chosen), found.articles, arguments.html)
    print(f"page written to {arguments.html}: {chosen.said}", file=sys.stderr)


def _takes_colours() -> bool:
    """Whether standard output is a terminal whose user has nothing against colours (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
