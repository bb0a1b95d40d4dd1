"""Whoever follows a journal, from any place and in any portions, has the records that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.store.feed import MOST_BYTES, MOST_CHANGES, START, Place, changes_between, current, is_there, portion
from qloragen.store.frame import framed
from qloragen.store.handle import Run
from qloragen.store.lines import rejection_line
from qloragen.store.names import JOURNAL
from qloragen.store.run import open_run
from qloragen.types import Record, Rejection

from .disks import Memory
from .values import NOON, a_cell, a_record, a_reply, key

NAMES = "abc"


class Copy:
    """Somebody's copy of the records of a run."""

    def __init__(self, run: Run) -> None:
        self.records: dict[str, Record] = {}
        self.place, self.seen = START, 0
        self.sizes: list[int] = []
        self._run = run

    def follow(self, end: int | None = None) -> None:
        """Take over what is said up to `end`; None: to the end of what is written."""
        end = self._run.filing.written if end is None else end
        while self.seen < end:
            found = portion(self._run.filing, self.seen, end, self.place)
            put, drop = current(found.changes, self._run.state, end)
            self.records |= {record.id: record for record in put}
            for gone in drop:
                self.records.pop(gone, None)
            self.sizes.append(len(found.changes))
            self.place, self.seen = found.place, found.end


def those_that_count(run: Run) -> dict[str, Record]:
    return {key: run.record(key) for key in run.state.keys("record")}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with open_run(tmp_path / "run") as run:
        yield run


def revise(run: Run, name: str) -> None:
    if run.state.record_offset(key(name)) is not None:
        run.add_record(a_record(name, output=f"Revised at {run.filing.end}."), revised=True)


DOING: dict[str, Callable[[Run, str], None]] = {
    "record": lambda run, name: run.add_record(a_record(name, output=f"Made at {run.filing.end}.")),
    "revise": revise,
    "reject": lambda run, name: run.add_rejection(Rejection(a_cell(name), "schema", "Wrong.")),
    "retry": lambda run, name: run.retry(key(name), NOON),
    "reply": lambda run, name: run.add_reply(a_reply(a_cell(name))),
}
LIVES = st.lists(st.tuples(st.sampled_from([*DOING, "follow"]), st.sampled_from(NAMES)), max_size=40)


@given(LIVES)
def test_a_copy_that_follows_at_any_moments_is_the_records_that_count(life):
    run = Run(Path("/run"), Memory(), None, most_loss_usd=None)
    copy = Copy(run)
    for act, name in life:
        if act == "follow":
            run.flush_journal()
            copy.follow()
        else:
            DOING[act](run, name)
    run.flush_journal()

    copy.follow()

    late = Copy(run)
    late.follow()
    assert copy.records == late.records == those_that_count(run)
    assert is_there(run.filing, copy.place)


@given(LIVES, st.data())
def test_a_copy_is_right_again_where_the_lines_that_were_not_safe_yet_are_lost(life, data):
    disk, folder = Memory(), Path("/run")
    run = Run(folder, disk, None, most_loss_usd=None)
    ends = []
    for act, name in life:
        if act != "follow":
            DOING[act](run, name)
            ends.append(run.filing.end)
    run.flush_journal()
    safe = data.draw(st.sampled_from(ends)) if ends else 0
    copy = Copy(run)
    copy.follow(safe)
    journal = disk.data(folder / JOURNAL)

    disk.put(folder / JOURNAL, journal[:safe])
    again = Run(folder, disk, None, most_loss_usd=None)
    again.add_reply(a_reply(a_cell("d")))
    again.flush_journal()
    copy_then = Copy(again)
    copy_then.records, copy_then.place, copy_then.seen = copy.records, copy.place, copy.seen
    copy_then.follow()

    known = those_that_count(again)
    # What was outdone by a line that is lost may be missing: only reading replies again outdoes, and it works alone.
    assert copy_then.records.items() <= known.items()
    if not {"revise", "reject"} & {act for act, _ in life}:
        assert copy_then.records == known


def test_much_comes_in_portions_that_fit_in_memory(run):
    for n in range(2 * MOST_CHANGES + 50):
        run.add_record(a_record(f"r{n}"))
    run.add_record(a_record("large", output="x" * (MOST_BYTES // 2)))
    run.add_record(a_record("larger", output="x" * MOST_BYTES))
    run.add_record(a_record("last"))
    run.flush_journal()
    copy = Copy(run)

    copy.follow()

    assert copy.sizes == [MOST_CHANGES, MOST_CHANGES, 52, 1]
    assert copy.records == those_that_count(run)


def test_a_record_that_is_taken_back_goes_also_when_a_new_one_is_not_safe_yet(run):
    run.add_record(a_record("a"))
    run.flush_journal()
    copy = Copy(run)
    copy.follow()
    run.add_rejection(Rejection(a_cell("a"), "schema", "Wrong."))
    run.retry(key("a"), NOON)
    run.flush_journal()
    safe = run.filing.written
    run.add_record(a_record("a", output="Anew."))
    run.flush_journal()

    copy.follow(safe)
    before = dict(copy.records)
    copy.follow()

    assert before == {}
    assert copy.records == those_that_count(run)


def test_a_rejection_of_what_had_no_record_takes_nothing_back(run):
    """Another run may have put a record of that id into the same table."""
    run.add_rejection(Rejection(a_cell("a"), "schema", "Wrong."))
    run.flush_journal()

    assert changes_between(run.filing, 0, run.filing.written) == 0


def test_a_record_that_an_earlier_version_took_back_is_not_handed_over(tmp_path):
    """Its rejections did not say that there had been a record."""
    with open_run(tmp_path / "run") as run:
        run.add_record(a_record("a"))
        run.add_record(a_record("b"))
        run.filing.put(rejection_line(Rejection(a_cell("a"), "schema", "Wrong."), {}))
    with open_run(tmp_path / "run", anew=True) as run:
        copy = Copy(run)

        copy.follow()

        assert copy.records == those_that_count(run)
        assert copy.records.keys() == {key("b")}


def test_a_place_is_known_again_in_its_own_journal_only(run, tmp_path):
    run.add_record(a_record("a"))
    run.add_record(a_record("b"))
    run.flush_journal()
    copy = Copy(run)
    copy.follow()
    with open_run(tmp_path / "other") as other:
        other.add_record(a_record("a"))
        other.add_record(a_record("c"))
        other.flush_journal()

        assert is_there(run.filing, copy.place)
        assert not is_there(other.filing, copy.place)
    assert not is_there(run.filing, copy.place._replace(line=copy.place.line + 1))
    assert not is_there(run.filing, Place(10**6, 10**6 - 100, "00000000"))
    assert is_there(run.filing, START)


def test_a_line_of_another_program_counts_as_read_and_is_passed_over(run):
    run.add_record(a_record("a"))
    run.filing.put(framed(key("b"), "record", {"answer": 42}))
    run.flush_journal()

    found = portion(run.filing, 0, run.filing.written, START)

    assert [change.id for change in found.changes] == [key("a")]
    assert found.lines == changes_between(run.filing, 0, run.filing.written) == 2
