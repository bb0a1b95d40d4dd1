"""Bars as SVG: one of several parts, and rows of ranges over one axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

from .elements import Html, element
from .plots import BOTTOM, Mark, below, drawing, percent


class Part(NamedTuple):
    """A part of a bar."""

    name: str
    look: str
    share: float
    """Of the room that the bar has."""


def bar(said: str, parts: Sequence[Part]) -> Html:
    """Return one bar of parts side by side, from the left; the parts take at most all of the room together."""
    starts = [sum(part.share for part in parts[:at]) for at in range(len(parts))]
    shown = (
        element(
            "rect",
            element("title", part.name),
            x=percent(start),
            width=percent(part.share),
            height="100%",
            class_=part.look,
        )
        for start, part in zip(starts, parts, strict=True)
        if part.share > 0
    )
    return element("svg", *shown, class_="bar", role="img", width="100%", height=14, aria_label=said)


class Range(NamedTuple):
    """A row of a plot of ranges; places are from 0 to 1."""

    name: str
    said: str
    low: float
    middle: float
    high: float


def ranges_plot(title: str, description: str, rows: Sequence[Range], marks: Sequence[Mark]) -> Html:
    """Return for each row a bar from low to high with its middle marked, all over one axis."""
    step, top = 46, 8
    height = top + step * len(rows) + BOTTOM
    grid = (
        element("line", x1=percent(mark.at), x2=percent(mark.at), y1=top, y2=height - BOTTOM, class_="grid")
        for mark in marks
    )
    shown = (shape for row, at in zip(rows, count(), strict=False) for shape in _range(row, top + step * at))
    return drawing(title, description, height, [*grid, *shown, *(below(mark, height - 6) for mark in marks)])


def _range(row: Range, y: float) -> tuple[Html, ...]:
    width = max(row.high - row.low, 0.004)
    return (
        element("text", row.name, x="0", y=y + 14, class_="name"),
        element("text", row.said, x="100%", y=y + 14, text_anchor="end", class_="mark"),
        element("rect", x=percent(row.low), width=percent(width), y=y + 22, height=12, rx=6, class_="range"),
        element("circle", cx=percent(row.middle), cy=y + 28, r=6, class_="middle"),
    )
