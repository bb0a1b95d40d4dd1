"""Rows of the quality table: a share of so many, against what is to be reached."""

from __future__ import annotations

from typing import NamedTuple

from ..shares import interval
from .figures import share
from .values import Goal


class Part(NamedTuple):
    """Some of so many."""

    hits: int | None
    """None: nothing to measure it by."""
    of: int
    whole: bool = True
    """Whether these are all there are, and not a sample."""

    @property
    def rest(self) -> Part:
        """The others."""
        return self._replace(hits=None if self.hits is None else self.of - self.hits)


def at_least(key: str, name: str, part: Part, goal: float, note: str = "") -> Goal:
    """Return a row that is passed where the share is no smaller than `goal`."""
    found = _share(part)
    said = f">= {percent(goal)}" if goal < 1 else percent(goal)
    return _row(key, name, part, said, note, passed=None if found is None else found >= goal)


def at_most(key: str, name: str, part: Part, goal: float, note: str = "") -> Goal:
    """Return a row that is passed where the share is no greater than `goal`."""
    found = _share(part)
    said = f"<= {percent(goal)}" if goal else percent(goal)
    return _row(key, name, part, said, note, passed=None if found is None else found <= goal)


def told(key: str, name: str, part: Part, note: str = "") -> Goal:
    """Return a row without a goal."""
    return _row(key, name, part, "", note, passed=None)


def percent(value: float) -> str:
    """Return a share for people: `98 %`, `0.5 %`."""
    return f"{100 * value:g} %"


def about(value: float) -> str:
    """Return a share in per cent: no digit says more than there is, and what is nearly all is not called all."""
    said = f"{100 * value:.1f} %"
    if said in {"100.0 %", "0.0 %"}:
        return said.replace(".0", "") if value in {0, 1} else ("> 99.9 %" if value > 0.5 else "< 0.1 %")
    return said


def _share(part: Part) -> float | None:
    return None if part.hits is None else share(part.hits, part.of)


def _row(key: str, name: str, part: Part, goal: str, note: str, *, passed: bool | None) -> Goal:
    low, high = (None, None) if part.whole or part.hits is None else interval(part.hits, part.of)
    return Goal(name, _share(part), "share", goal, passed, part.of, low, high, note, key)
