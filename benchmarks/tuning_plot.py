"""The plot of `tuning.py`: time until all is done, use of limits, and refused calls, over what is swept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

COLOURS = ("#1f5fa8", "#d1711a", "#2f8f4e", "#a03a8c", "#7a6a1f", "#4a4a4a", "#b0343c", "#2a9aa8")
ENOUGH = 1.05
"""Of the shortest time of a line: what comes so near is as good."""
NAMES = {
    "max_concurrency": "calls in flight, per model",
    "tpm": "TPM",
    "rpm": "RPM",
    "open_articles": "articles open at a time",
}
LETTERS = {
    "C": "calls in flight bind",
    "R": "RPM binds",
    "T": "TPM binds",
    "L": "latency: nothing to send",
    "P": "pauses",
    "U": "the CPU",
}
_TICKS = {
    **{seconds / 3600: f"{seconds} s" for seconds in (1, 2, 5, 10, 20, 30)},
    **{minutes / 60: f"{minutes} min" for minutes in (1, 2, 3, 5, 10, 15, 20, 30, 45)},
    **{float(hours): f"{hours} h" for hours in (1, 1.5, 2, 3, 4, 6, 8, 12, 18)},
    **{24.0 * days: f"{days} d" for days in (1, 2, 3, 5, 7, 14, 30, 60, 120, 365)},
}
"""Hours to how they are written."""


class Point(Protocol):
    """What is drawn of one combination."""

    @property
    def values(self) -> Mapping[str, int]: ...
    @property
    def hours(self) -> float: ...
    @property
    def usd_per_1000_records(self) -> float | None: ...
    @property
    def rejected_percent(self) -> float: ...
    @property
    def used_percent(self) -> Mapping[str, float]: ...
    @property
    def letter(self) -> str: ...


class _Line(NamedTuple):
    label: str
    colour: str
    points: Sequence[Point]


def draw(place: Path, played: Sequence[Point], title: str) -> tuple[Path, Path]:
    """Draw what was played, and return where the PNG and the SVG are."""
    axis, *others = played[0].values
    panels = [*_split(played, others[1:])]
    figure = Figure(figsize=(1.2 + 7.8 * len(panels), 9.5), layout="constrained")
    grid = figure.subplots(
        3, len(panels), squeeze=False, sharex=True, sharey="row", gridspec_kw={"height_ratios": (3.4, 1.2, 1)}
    )
    for column, (name, points) in enumerate(panels):
        time, use, refused = (row[column] for row in grid)
        lines = _lines(points, axis, others[:1])
        _draw_time(time, axis, lines)
        time.set_title(name, fontsize=11)
        _draw_percent(use, axis, lines, lambda point: max(point.used_percent.values(), default=0.0))
        _draw_percent(refused, axis, lines, lambda point: point.rejected_percent)
        _along(refused, axis, sorted({point.values[axis] for point in played}))
    _scale(grid[0][0], [point.hours for point in played])
    grid[1][0].set_ylim(0, 105)
    grid[2][0].set_ylim(bottom=0, top=max(1.0, *(1.15 * point.rejected_percent for point in played)))
    for row, label in zip(
        grid, ("time until all is done", "tightest limit\nused, %", "429s,\n% of calls"), strict=True
    ):
        row[0].set_ylabel(label)
    figure.align_ylabels()
    figure.suptitle(title, fontsize=12)
    figure.legend(handles=_key(played), loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    png, svg = place.with_suffix(".png"), place.with_suffix(".svg")
    figure.savefig(png, dpi=120)
    with rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "tuning"}
    ):  # texts are texts, and the same plot is the same file
        figure.savefig(svg, metadata={"Date": None})
    return png, svg


def _split(played: Sequence[Point], knobs: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
    """Yield the points of each combination of values of `knobs`, with its name."""
    for values in dict.fromkeys(tuple(point.values[knob] for knob in knobs) for point in played):
        name = ", ".join(f"{NAMES.get(knob, knob)} {value:,}" for knob, value in zip(knobs, values, strict=True))
        yield name, [point for point in played if tuple(point.values[knob] for knob in knobs) == values]


def _lines(points: Sequence[Point], axis: str, by: Sequence[str]) -> list[_Line]:
    return [
        _Line(
            f"{name}{name and ': '}{_cost(of_line)}",
            COLOURS[number % len(COLOURS)],
            sorted(of_line, key=lambda point: point.values[axis]),
        )
        for number, (name, of_line) in enumerate(_split(points, by))
    ]


def _cost(points: Sequence[Point]) -> str:
    known = [point.usd_per_1000_records for point in points if point.usd_per_1000_records is not None]
    if not known:
        return "price unknown"
    low, high = f"{min(known):.2f}", f"{max(known):.2f}"
    return f"${low if low == high else f'{low} to {high}'} per 1,000 records"


def _draw_time(axes: Axes, axis: str, lines: Sequence[_Line]) -> None:
    for line in lines:
        places = [point.values[axis] for point in line.points]
        hours = [point.hours for point in line.points]
        axes.plot(places, hours, color=line.colour, linewidth=2, label=line.label, zorder=2)
        axes.plot(places, hours, "o", markersize=14, color=line.colour, mec="white", zorder=3)
        for place, hour, point in zip(places, hours, line.points, strict=True):
            axes.annotate(
                point.letter,
                (place, hour),
                ha="center",
                va="center_baseline",
                color="white",
                fontsize=8,
                fontweight="bold",
                zorder=4,
            )
        enough = next(at for at, hour in enumerate(hours) if hour <= ENOUGH * min(hours))
        if enough < len(hours) - 1:  # beyond the last value nobody has looked
            axes.plot(places[enough], hours[enough], "o", markersize=22, mfc="none", mec=line.colour, mew=2, zorder=5)
    axes.legend(loc="upper right", fontsize=9.5)
    axes.grid(color="#dddddd", linewidth=0.7)


def _draw_percent(axes: Axes, axis: str, lines: Sequence[_Line], value: Callable[[Point], float]) -> None:
    for line in lines:
        places = [point.values[axis] for point in line.points]
        axes.plot(places, [value(point) for point in line.points], "o-", color=line.colour, linewidth=1.6, markersize=4)
    axes.grid(color="#dddddd", linewidth=0.7)


def _scale(axes: Axes, hours: Sequence[float]) -> None:
    axes.set_yscale("log")
    axes.set_ylim(min(hours) / 1.4, max(hours) * 1.6)
    axes.yaxis.set_major_locator(FixedLocator([*_TICKS]))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda hour, _: _TICKS[min(_TICKS, key=lambda tick: abs(tick - hour))])
    )
    axes.yaxis.set_minor_locator(NullLocator())


def _along(axes: Axes, axis: str, values: Sequence[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(values, [f"{value:,}" for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(NAMES.get(axis, axis))


def _key(played: Sequence[Point]) -> list[Line2D]:
    """Return what explains letters and rings."""
    grey = "#666666"
    used = {point.letter for point in played}
    letters = [
        Line2D([], [], linestyle="none", marker=f"${letter}$", markersize=7, color=grey, label=meaning)
        for letter, meaning in LETTERS.items()
        if letter in used
    ]
    ring = Line2D([], [], linestyle="none", marker="o", markersize=11, mfc="none", mec=grey, mew=2)
    ring.set_label("enough: within 5 % of the shortest time of its line")
    return [*letters, ring]
