"""A report for people at a terminal."""

from __future__ import annotations

from collections.abc import Mapping

from . import excerpts, tables
from .layout import Paint, Tone, columns, section
from .values import Report

_COLOURS: Mapping[Tone, str] = {"heading": "1", "pass": "32", "fail": "31"}


def plain(text: str, _: Tone) -> str:
    """Leave a text as it is."""
    return text


def coloured(text: str, tone: Tone) -> str:
    """Return a text with the codes by which terminals colour it."""
    return f"\x1b[{_COLOURS[tone]}m{text}\x1b[0m"


def render(report: Report, paint: Paint = plain) -> str:
    """Return a report as lines of 100 columns at most, without a line end after it."""
    parts = (
        section(paint(report.folder, "heading"), columns([*report.about.items()], "<")),
        _section(paint, "Funnel", tables.funnel(report)),
        _section(paint, "Quality", tables.quality(report, paint)),
        _section(paint, "Types", tables.types(report)),
        _section(paint, f"Lengths in tokens ({report.tokenizer})", tables.lengths(report)),
        _section(paint, "Diversity", tables.diversity(report)),
        _section(paint, "Cost", tables.cost(report), tables.in_vain(report)),
        _section(paint, "Worst accepted: lowest of grounded and supported, and flags", excerpts.worst(report)),
        _section(paint, "Rejected", excerpts.rejected(report)),
    )
    return "\n\n".join(part for part in parts if part)


def _section(paint: Paint, heading: str, *parts: str) -> str:
    return section(paint(heading, "heading"), *parts)
