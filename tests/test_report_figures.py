"""The figures of a report against what they are by definition."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.report.choice import Sample
from qloragen.report.diversity import Different, Leading, Runs
from qloragen.report.fields import fields_of
from qloragen.report.figures import evenness, quantile
from qloragen.report.gains import Gain
from qloragen.report.html.courses import over_time
from qloragen.report.layout import WIDTH, columns
from qloragen.report.rows import Part, at_least, at_most
from qloragen.report.timeline import MOST_POINTS, Timeline
from qloragen.report.values import Point

from .values import NOON, key


@given(st.lists(st.integers(0, 50), min_size=1), st.floats(0, 1))
def test_a_quantile_is_the_value_at_its_rank(values, share):
    found = quantile(Counter(values), share)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) <= max(share * len(values), 0) + 1e-9


def test_nothing_has_no_quantile_and_no_evenness():
    assert quantile({}, 0.5) is None
    assert evenness([], 14) is None


def test_evenness_is_one_where_all_kinds_are_equally_frequent_and_zero_of_a_single_one():
    assert evenness([3, 3, 3], 3) == pytest.approx(1)
    assert evenness([9, 0, 0], 3) == pytest.approx(0)
    assert 0 < (evenness([8, 1], 2) or 0) < 1


def test_rows_are_passed_failed_or_unknown_and_samples_have_an_interval():
    assert at_least("k", "name", Part(98, 100), 0.98).passed
    assert at_least("k", "name", Part(97, 100), 0.98).passed is False
    assert at_most("k", "name", Part(1, 100), 0).passed is False
    assert at_most("k", "name", Part(None, 100), 0).passed is None
    assert at_most("k", "name", Part(0, 0), 0).passed is None
    assert at_most("k", "name", Part(0, 100), 0).high is None
    assert at_most("k", "name", Part(0, 100, whole=False), 0).high == pytest.approx(0.037, abs=1e-3)


def test_a_sample_is_about_as_large_as_it_is_to_be_and_always_the_same():
    keys = [key(str(number)) for number in range(20_000)]

    taken = [one for one in keys if Sample(1_000, len(keys)).takes(one)]

    assert 850 < len(taken) < 1_150
    assert taken == [one for one in keys if Sample(1_000, len(keys)).takes(one)]
    assert all(Sample(20_000, len(keys)).takes(one) for one in keys)


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), max_size=20), st.integers(1, 3))
def test_different_runs_of_words_are_counted_nearly_exactly(texts, size):
    runs = Runs(size)
    for words in texts:
        runs.add(words)

    all_runs = [tuple(words[at : at + size]) for words in texts for at in range(len(words) - size + 1)]
    expected = len(set(all_runs)) / len(all_runs) if all_runs else 0
    assert runs.distinct == pytest.approx(expected, rel=0.01)


def test_words_are_taken_apart_as_where_duplicates_are_looked_for_without_blanks_too():
    leading, different = Leading(), Different()
    for text in ("如何配置缓存？", "如何配置缓存"):
        leading.add(text)
        different.add(text)

    assert leading.most() == (("如 何", 2),)
    assert different.unique == 1


def test_texts_are_told_apart():
    different = Different()
    for text in ("a", "b", "a"):
        different.add(text)

    assert (different.unique, different.all) == (2, 3)


def test_the_most_frequent_beginnings_are_found_among_very_many():
    leading = Leading()
    for number in range(30_000):
        leading.add(f"word{number} alone")
        if number % 10 == 0:
            leading.add("How does it work?")

    assert leading.most()[0][0] == "how does"


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 3), st.booleans()), max_size=300))
def test_a_timeline_has_few_points_that_only_rise_and_end_at_the_sums(lines):
    timeline, calls = Timeline(), 0
    for second, count, is_dated in lines:
        time = (NOON + timedelta(seconds=second)).isoformat() if is_dated else None
        timeline.add(time, Gain(calls=count, cost_usd=Decimal(count)))
        calls += count

    points = timeline.points()

    assert len(points) <= MOST_POINTS
    assert [point.time for point in points] == sorted({point.time for point in points})
    assert [point.calls for point in points] == sorted(point.calls for point in points)
    if points:
        assert (points[-1].calls, points[-1].cost_usd) == (calls, Decimal(calls))


def test_a_timeline_begins_before_its_first_call_and_ends_after_its_last():
    timeline = Timeline()
    timeline.add("2026-11-23T12:00:00.5Z", Gain(calls=1))
    timeline.add("2026-11-23T12:01:00Z", Gain(calls=1))

    first, *_, last = timeline.points()

    assert (first.calls, last.calls) == (0, 2)
    assert first.time == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert last.time > datetime(2026, 11, 23, 12, 1, tzinfo=UTC)


def test_a_clock_that_is_wrong_and_a_time_that_is_none_lose_nothing():
    timeline = Timeline()
    times = ["9999-12-31T23:59:59.9Z", "2026-11-23T12:00:00Z", "yesterday", "0001-01-01T00:00:00Z", None]
    for time in times:
        timeline.add(time, Gain(calls=1))

    points = timeline.points()

    assert points[-1].calls == len(times)
    assert [point.time for point in points] == sorted(point.time for point in points)


def test_cells_of_a_table_are_short_and_command_no_terminal():
    shown = columns([("\x1b[31m" + "m" * 3_000, "1", "")], "<>")

    assert "\x1b" not in shown
    assert len(shown) <= WIDTH


def test_numbers_that_are_none_are_json_all_the_same():
    point = Point(NOON, 1, 1, 1, 10**30, Decimal("1e308"))

    assert orjson.loads(orjson.dumps(fields_of(point)))["tokens"] == pytest.approx(1e30)
    assert "Spend" in over_time([replace(point, time=NOON - timedelta(1)), point])


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=10), st.text(max_size=300)), max_size=5))
def test_rows_never_leave_the_width_of_a_terminal(rows):
    clean = [
        tuple(hashlib.sha256(cell.encode("utf-8", "replace")).hexdigest()[:10] for cell in row[:2]) for row in rows
    ]

    shown = columns([(*cells, row[2]) for cells, row in zip(clean, rows, strict=True)], "<>")

    assert all(len(line) <= WIDTH for line in shown.splitlines())
