"""A run over time, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from .gains import Gain
from .values import Point

MOST_POINTS = 200
_MOST_BINS = 2_048
_FIRST_S, _LAST_S = (
    int(datetime(*time, tzinfo=UTC).timestamp()) for time in ((1, 1, 1, 0, 0, 0), (9999, 12, 31, 23, 59, 59))
)
"""All that a calendar has."""


class Timeline:
    """Sums by spans of time, which become wider as the run becomes longer; times without any gain take no memory."""

    def __init__(self) -> None:
        self._width_s = 1
        self._bins: dict[int, Gain] = {}
        self._last = ""
        self._bin: int | None = None
        self._early = Gain()
        """What came before the first line with a time."""

    def add(self, time: str | None, gain: Gain) -> None:
        """Add what a line says that has this `time`, as journals spell it; None, or what is no time: that
        of the line before."""
        if time is not None and time != self._last and (second := _second(time)) is not None:
            self._last = time
            self._bin = second // self._width_s
        if self._bin is None:
            self._early.add(gain)
            return
        self._bins.setdefault(self._bin, Gain()).add(gain)
        if len(self._bins) > _MOST_BINS:
            self._widen()

    def points(self) -> tuple[Point, ...]:
        """Return the sums up to the end of each span, `MOST_POINTS` at most, with one at zero before the first."""
        while len(self._bins) >= MOST_POINTS:
            self._widen()
        return tuple(self._points())

    def _points(self) -> Iterator[Point]:
        sums = self._early
        for place, gain in sorted(self._bins.items()):
            if sums is self._early:
                yield self._point(place, sums)
                sums = replace(sums)
            sums.add(gain)
            yield self._point(place + 1, sums)

    def _point(self, place: int, sums: Gain) -> Point:
        return Point(self._time(place), sums.calls, sums.records, sums.rejected, sums.tokens, sums.cost_usd)

    def _time(self, place: int) -> datetime:
        return datetime.fromtimestamp(min(max(place * self._width_s, _FIRST_S), _LAST_S), UTC)

    def _widen(self) -> None:
        bins, self._bins = self._bins, {}
        self._width_s *= 2
        self._bin = None if self._bin is None else self._bin // 2
        for place, gain in bins.items():
            self._bins.setdefault(place // 2, Gain()).add(gain)


def _second(time: str) -> int | None:
    try:
        return int(datetime.fromisoformat(time).timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
