"""Every log call of the source is in the table of the README, and nothing else is."""

from __future__ import annotations

import logging
import re

import pytest

from qloragen.pipeline.plan import Plan

from .log_table import CONTEXT, calls, loggers, table

ROWS = table()
SAID = list(calls())


def test_every_log_call_has_its_row_with_its_level_and_these_fields():
    for said in SAID:
        row = ROWS.get((said.event, said.level))
        assert row, f"{said.where}: the README's table of events has no row for {said.event} at level {said.level}"
        if row.fields is not None and not said.spread:
            assert said.fields == row.fields, f"{said.where}: {said.event} has other fields in the README"
        assert row.fields is None or said.fields <= row.fields, f"{said.where}: {said.event} has more fields"


def test_every_row_is_an_event_that_there_is():
    assert ROWS.keys() == {(said.event, said.level) for said in SAID}


def test_no_event_names_by_itself_what_the_context_says_but_for_the_run():
    assert [said.where for said in SAID if said.fields & (CONTEXT - {"run"})] == []


def test_events_and_fields_are_words_with_underscores():
    words = {said.event for said in SAID}.union(*(row.fields or () for row in ROWS.values()))

    assert [word for word in words if not re.fullmatch(r"[a-z]+(_[a-z]+)*", word)] == []


def test_no_field_has_a_name_that_hosts_see_as_another_one():
    fields = {field for row in ROWS.values() for field in row.fields or ()}

    assert (
        fields & (vars(logging.makeLogRecord({})).keys() | {"message", "asctime", "event", "level", "timestamp"})
        == set()
    )


def test_every_module_calls_its_logger_log_so_that_no_event_is_overlooked():
    assert set(loggers()) == {"log = get_logger()"}


@pytest.mark.parametrize(("event", "own"), [("run_changed", {"folder"}), ("run_resumed", set())])
def test_the_fields_of_a_plan_are_in_the_table(event, own):
    plan = Plan(0, 0, 0, 0, None, 0, None)

    (row,) = [row for (name, _), row in ROWS.items() if name == event]

    assert row.fields == plan.fields().keys() | own
