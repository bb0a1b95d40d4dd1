"""A run over the time that it worked: how fast it was, and where it stood still."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

from ..values import Point

_STILL = 20
"""So many times the usual time between two points is a pause..."""
_STILL_S = 120.0
"""...if it is longer than this."""


class Pause(NamedTuple):
    """Time that a run stood still."""

    at: float
    """Seconds of work before it."""
    length: float
    """In seconds."""


class Course(NamedTuple):
    """Points of a run with the time that it had worked at each."""

    points: tuple[Point, ...]
    worked: tuple[float, ...]
    """Seconds since the first point, without pauses; never falling."""
    pauses: tuple[Pause, ...]

    @property
    def length(self) -> float:
        """Seconds of work in all."""
        return self.worked[-1] if self.worked else 0.0


def course(points: Sequence[Point]) -> Course:
    """Return the course of a run; between two of its sessions no time passes."""
    ordered = tuple(sorted(points, key=lambda point: point.time))
    steps = [(after.time - before.time).total_seconds() for before, after in pairwise(ordered)]
    usual = median(list(filter(None, steps)) or [1.0])
    still = max(_STILL * usual, _STILL_S)
    kept = (usual if step > still else step for step in steps)
    worked = tuple(accumulate(kept, initial=0.0)) if ordered else ()
    pauses = tuple(Pause(at, step) for at, step in zip(worked, steps, strict=False) if step > still)
    return Course(ordered, worked, pauses)


def rates(course: Course, of: Callable[[Point], int], bins: int = 48) -> tuple[tuple[float, float], ...]:
    """Return how much of a running total was added each minute, over equal stretches of the time worked.

    Each stretch gives two corners, (seconds worked, per minute), so that a line through all of them is a staircase.
    """
    if course.length <= 0:
        return ()
    stretches = min(bins, max(len(course.points) - 1, 1))
    edges = [course.length * at / stretches for at in range(stretches + 1)]
    totals = [of(course.points[0]), *(_total(course, of, edge) for edge in edges[1:-1]), of(course.points[-1])]
    minutes = course.length / stretches / 60
    steps = zip(pairwise(edges), pairwise(totals), strict=True)
    return tuple((edge, (after - before) / minutes) for span, (before, after) in steps for edge in span)


def _total(course: Course, of: Callable[[Point], int], worked: float) -> float:
    """Return the running total after so many seconds of work, in a straight line between two points."""
    after = bisect_right(course.worked, worked)
    if after == len(course.worked):
        return of(course.points[-1])
    low, high = course.worked[after - 1], course.worked[after]
    start, end = of(course.points[after - 1]), of(course.points[after])
    return start + (end - start) * (worked - low) / (high - low)
