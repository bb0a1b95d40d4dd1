"""Plots as SVG of any width: places in per cent, letters in their own size, lines in a stretched inner drawing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .elements import Html, element, together

_TOP, BOTTOM = 20, 24
"""Room in pixels above the plot for its highest mark, and below it for the marks of the other axis."""


class Mark(NamedTuple):
    """A value on an axis."""

    at: float
    """From 0 to 1."""
    said: str


class Line(NamedTuple):
    """What one line, or the area below it, shows."""

    name: str
    look: str
    """CSS class of the colour: `good`, `bad` or `plain`."""
    points: Sequence[tuple[float, float]]
    """From 0 to 1 both ways."""


def drawing(title: str, description: str, height: int, parts: Sequence[str]) -> Html:
    """Return a drawing as wide as there is room, with its name and what it says for those who do not see it."""
    said = (element("title", title), element("desc", description))
    return element(
        "svg",
        *said,
        *parts,
        class_="plot",
        role="img",
        width="100%",
        height=height,
        aria_label=f"{title}. {description}",
    )


class Axes(NamedTuple):
    """What is written along the axes of a plot."""

    x: Sequence[Mark]
    y: Sequence[Mark]
    cuts: Sequence[Mark] = ()
    """Places of the x axis that something is said of."""


def lines_plot(title: str, description: str, lines: Sequence[Line], axes: Axes) -> Html:
    """Return lines with the area below each."""
    height = 190
    room = height - _TOP - BOTTOM
    inner = element(
        "svg",
        *(shape for line in lines for shape in _line(line)),
        y=_TOP, width="100%", height=room, viewBox="0 0 1000 1000", preserveAspectRatio="none",
    )  # fmt: skip
    heights = [_TOP + room * (1 - mark.at) for mark in axes.y]
    grid = map(_level, axes.y, heights)
    marks = map(_beside, axes.y, heights)
    axis = (below(mark, height - 6) for mark in axes.x)
    stops = (_cut(mark, _TOP, _TOP + room) for mark in axes.cuts)
    return drawing(title, description, height, [*grid, inner, *marks, *stops, *axis])


def _line(line: Line) -> tuple[Html, Html]:
    corners = [(round(1000 * x, 1), round(1000 * (1 - y), 1)) for x, y in line.points]
    path = " ".join(f"{x:g},{y:g}" for x, y in corners)
    under = f"{corners[0][0]:g},1000 {path} {corners[-1][0]:g},1000" if corners else ""
    return (
        element("polygon", points=under, class_=f"area {line.look}"),
        element("polyline", points=path, class_=f"line {line.look}", vector_effect="non-scaling-stroke"),
    )


def _level(mark: Mark, y: float) -> Html:
    return element("line", x1="0", x2="100%", y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid" if mark.at else "base")


def _beside(mark: Mark, y: float) -> Html:
    return element("text", mark.said if mark.at else "", x="0", y=f"{y - 5:.1f}", class_="mark")


def below(mark: Mark, y: float) -> Html:
    anchor = "start" if mark.at < 0.04 else "end" if mark.at > 0.94 else "middle"
    return element("text", mark.said, x=percent(mark.at), y=f"{y:.1f}", text_anchor=anchor, class_="mark")


def _cut(mark: Mark, top: float, bottom: float) -> Html:
    side = {"text_anchor": "end", "dx": "-4"} if mark.at > 0.5 else {"text_anchor": "start", "dx": "4"}
    return together(
        [
            element("line", x1=percent(mark.at), x2=percent(mark.at), y1=top, y2=bottom, class_="cut"),
            element("text", mark.said, x=percent(mark.at), y=top + 10, class_="mark", **side),
        ]
    )


def percent(place: float) -> str:
    """Return a place from 0 to 1 as SVG takes it."""
    return f"{100 * place:.2f}%"
