"""What must hold of every report, whatever has happened to its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

import qloragen
from qloragen.report.layout import WIDTH
from qloragen.report.text import render
from qloragen.report.values import Report, Step
from qloragen.store.run import read_run
from qloragen.store.state import State


def steps_of(report: Report) -> Mapping[str, Step]:
    """Return the steps of the funnel by name."""
    return {step.name: step for step in report.funnel}


def goals_of(report: Report) -> Mapping[str, float | None]:
    """Return the values of the quality table by key."""
    return {goal.key: goal.value for goal in report.quality}


def at_one_moment(folder: Path) -> tuple[Report, State]:
    """Return the report and the state of a run, read while nothing was written: a thread of its process may write."""
    while True:
        before = sizes(folder)
        found = qloragen.quality_report(folder), read_run(folder)
        if sizes(folder) == before:
            return found


def sizes(folder: Path) -> Sequence[int]:
    """Return the sizes of a run's logs, which only ever grow, in bytes."""
    return [path.stat().st_size for path in sorted(folder.glob("*.jsonl"))]


def sound_report(folder: Path) -> Report:
    """Return the report of a run, after making sure that its sums agree with one another and with `qloragen status`."""
    report, state = at_one_moment(folder)
    steps, bill, totals = steps_of(report), state.ledger.total(), state.totals

    for step in report.funnel:
        assert step.count == step.onward + sum(step.lost.values())
        assert min([step.onward, *step.lost.values()]) >= 0
        assert sum(step.notes.values()) in {0, step.onward}
    assert steps["articles"].onward == steps["classified"].count
    assert steps["pairs"].onward == steps["accepted"].count
    assert steps["calls"].onward == steps["parsed"].count
    assert steps["records"].count == totals.records
    assert steps["records"].onward == steps["accepted"].onward == report.diversity.records
    assert sum(row.accepted for row in report.types) == steps["accepted"].onward
    assert sum(row.rejected for row in report.types) <= totals.rejections.total()
    assert sum(row.calls for row in report.spent) == bill.calls
    assert sum(row.calls for row in report.in_vain) == sum(paid.calls for paid in totals.waste.values())
    if report.timeline:
        last = report.timeline[-1]
        assert (last.calls, last.records, last.cost_usd) == (bill.calls, totals.records, bill.cost_usd)
        assert last.tokens == bill.usage.prompt_tokens + bill.usage.completion_tokens
        assert len(report.timeline) <= 200
    assert orjson.loads(orjson.dumps(report.as_dict())) == report.as_dict()
    assert max(map(len, render(report).splitlines())) <= WIDTH
    return report
