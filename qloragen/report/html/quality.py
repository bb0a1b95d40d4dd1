"""The quality table: each measure against its goal, passed or not in words and signs."""

from __future__ import annotations

from ..values import Goal
from .elements import Html, element, together
from .figures import NONE, count, measured
from .tables import Column, muted, section, table


def quality(goals: tuple[Goal, ...]) -> Html:
    """Return the quality table."""
    columns = (
        Column("Measure"),
        Column("Value", "n"),
        Column("Goal"),
        Column("Result"),
        Column("Out of", "n", "How many records, or whatever else, it was measured on"),
    )
    return section("Quality", table("Quality against its goals", columns, map(_row, goals)))


def _row(goal: Goal) -> tuple[str, ...]:
    return (
        together([goal.name, *([element("div", goal.note, class_="muted")] if goal.note else [])]),
        _value(goal),
        goal.goal.replace(">=", "≥").replace("<=", "≤") or muted(NONE),
        _verdict(goal),
        count(goal.of),
    )


def _value(goal: Goal) -> Html:
    value = element("strong", measured(goal.value, goal.unit))
    if goal.low is None or goal.high is None:
        return value
    between = f"{measured(goal.low, goal.unit)} to {measured(goal.high, goal.unit)}"
    return together([value, element("div", between, class_="muted", title="95 % interval")])


def _verdict(goal: Goal) -> Html:
    """Return whether the goal is reached, by word, sign and colour."""
    if goal.passed is None:
        return muted("not measured" if goal.value is None else "told only")
    good = goal.passed
    return element("span", "✓ passed" if good else "✗ missed", class_=f"verdict {'good' if good else 'bad'}")
