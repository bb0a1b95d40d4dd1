"""How a run went over time: its speed, and what it had spent."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise

from ..values import Point
from .elements import Html, element
from .figures import count, number, span, usd
from .plots import Axes, Line, Mark, lines_plot
from .scales import decimals, round_marks, time_marks
from .tables import figure, section
from .timing import Course, course, rates

_MOST_USD = Decimal(10**15)
"""Nobody has more; prices that are no prices must not make a plot impossible."""


def over_time(points: Sequence[Point]) -> Html:
    """Return throughput and spend over the time that the run worked; pauses are cut out, and told."""
    run = course(points)
    if run.length <= 0:
        return section("Over time", said="There is too little to draw: the run has one moment only.")
    paused = sum(pause.length for pause in run.pauses)
    said = f"{span(run.length)} of work" + (f", and {span(paused)} of pauses that are left out." if paused else ".")
    return section("Over time", element("div", _throughput(run), _spend(run), class_="figures"), said=said)


def _throughput(run: Course) -> Html:
    accepted, rejected = rates(run, lambda point: point.records), rates(run, lambda point: point.rejected)
    marks = round_marks(max(rate for _, rate in (*accepted, *rejected)))
    lines = [
        Line("accepted", "good", _scaled(accepted, run.length, marks[-1])),
        Line("rejected", "bad", _scaled(rejected, run.length, marks[-1])),
    ]
    last = run.points[-1]
    mean = 60 * last.records / run.length
    said = f"{count(last.records)} records in {span(run.length)} of work: {number(mean)} a minute on average"
    drawn = lines_plot("Records per minute", said, lines, Axes(_times(run), _levels(marks, " a minute"), _cuts(run)))
    return figure(drawn, "Records per minute", [("accepted", "good"), ("rejected", "bad")])


def _spend(run: Course) -> Html:
    spent = [
        (worked, float(min(point.cost_usd, _MOST_USD))) for worked, point in zip(run.worked, run.points, strict=True)
    ]
    marks = round_marks(spent[-1][1])
    lines = [Line("spent", "plain", _scaled(spent, run.length, marks[-1]))]
    said = f"{usd(run.points[-1].cost_usd)} for {count(run.points[-1].calls)} calls in {span(run.length)} of work"
    drawn = lines_plot("Spend", said, lines, Axes(_times(run), _levels(marks, "", "$"), _cuts(run)))
    return figure(drawn, f"Spend, {usd(run.points[-1].cost_usd)} in all", [("US dollars, running total", "plain")])


def _scaled(corners: Sequence[tuple[float, float]], width: float, height: float) -> list[tuple[float, float]]:
    return [(x / width, y / height) for x, y in corners]


def _times(run: Course) -> list[Mark]:
    return [Mark(at / run.length, span(at) if at else "0") for at in time_marks(run.length)]


def _levels(marks: Sequence[float], unit: str, sign: str = "") -> list[Mark]:
    """Return the marks of the upright axis, the highest of them with its unit."""
    places = decimals(marks) if not sign else max(decimals(marks), 2)
    return [Mark(at / marks[-1], f"{sign}{at:,.{places}f}{unit if at == marks[-1] else ''}") for at in marks]


def _cuts(run: Course, apart: float = 0.2) -> list[Mark]:
    """Return the pauses; those close behind another one are drawn but not named."""
    places = [pause.at / run.length for pause in run.pauses]
    close = [False, *(after - before < apart for before, after in pairwise(places))]
    named = zip(places, run.pauses, close, strict=False)
    return [Mark(at, "" if hidden else f"{span(pause.length)} pause") for at, pause, hidden in named]
