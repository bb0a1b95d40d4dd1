"""Replies that were paid for, read again: nothing is made worse by replies that are missing or count no more."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import anyio.to_thread
import orjson
import pytest

import qloragen
from qloragen.assembly import job_of
from qloragen.pipeline.reparse import reparse
from qloragen.settings import load
from qloragen.simulator import KINDS
from qloragen.store.files import Disk
from qloragen.store.run import open_run
from qloragen.types import Rejection

from .simulated import Simulated
from .test_main_job import article, articles


def _sink(folder):
    return (folder / "records.jsonl").read_bytes()


def _reparse(folder):
    return anyio.to_thread.run_sync(qloragen.reparse, folder)


def _replies(folder, stage):
    """Return the numbers of the journal lines that hold replies of a stage, by cell."""
    found: dict[str, list[int]] = {}
    for number, raw in enumerate((folder / "journal.jsonl").read_bytes().splitlines()):
        line = orjson.loads(raw)
        if line["t"] == "reply" and line["stage"] == stage:
            found.setdefault(line["k"], []).append(number)
    return found


def _damage(folder, number):
    lines = (folder / "journal.jsonl").read_bytes().splitlines(keepends=True)
    lines[number] = lines[number].replace(b'"latency_s"', b'"LATENCY_s"')
    (folder / "journal.jsonl").write_bytes(b"".join(lines))


class Refusing:
    """Faults that refuse the first `most` replies of a kind."""

    def __init__(self, kind, fault, most=1):
        self._kind, self._fault, self._left = kind, fault, most

    def __call__(self, call):
        if call.kind != self._kind or not self._left:
            return None
        self._left -= 1
        return KINDS[self._fault]


@pytest.mark.parametrize("damaged", [0, 1])
async def test_a_record_is_left_alone_when_one_of_the_replies_that_it_took_is_damaged(tmp_path, damaged):
    faults = Refusing("generate", "wrong_schema_arguments")
    async with Simulated(classify=lambda _: "1", faults=faults) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    before = _sink(tmp_path / "run")
    (asked_twice,) = [numbers for numbers in _replies(tmp_path / "run", "generate").values() if len(numbers) == 2]
    _damage(tmp_path / "run", asked_twice[damaged])

    result = await _reparse(tmp_path / "run")

    assert (result.records, result.gained, result.lost, result.kept) == (2, 0, 0, 1)
    assert _sink(tmp_path / "run") == before


async def test_a_classification_is_left_alone_when_the_reply_that_could_be_read_is_damaged(tmp_path):
    said = iter(["I am not sure.", "1"])
    async with Simulated(classify=lambda _: next(said)) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    ((_, good),) = _replies(tmp_path / "run", "classify").values()
    _damage(tmp_path / "run", good)

    await _reparse(tmp_path / "run")

    summary = qloragen.summary(tmp_path / "run")
    assert (summary.classified, summary.rejections) == (1, {})


async def test_a_record_from_a_later_reply_gives_way_to_an_earlier_one_that_is_taken_now(tmp_path):
    """The first reply was refused by a check that is no more; all of them are there."""
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    before = _sink(tmp_path / "run")
    with open_run(tmp_path / "run") as run:
        for old in map(run.record, run.state.keys("record")):
            (first,) = (reply for reply in run.all_replies() if reply.cell.key == old.id)
            second = replace(first, time=first.time.replace(year=first.time.year + 1))
            run.add_reply(second)
            run.add_record(replace(old, time=second.time, usage=old.usage.plus(old.usage)), revised=True)

    result = await _reparse(tmp_path / "run")

    assert (result.records, result.lost, result.kept) == (2, 0, 0)
    assert sorted(_sink(tmp_path / "run").splitlines()) == sorted(before.splitlines())


async def test_replies_from_before_a_retry_are_not_read_and_not_counted(tmp_path):
    faults = Refusing("generate", "refusal", most=2)
    async with Simulated(classify=lambda _: "1", faults=faults) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        await anyio.to_thread.run_sync(qloragen.retry, tmp_path / "run")
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    before = _sink(tmp_path / "run")

    result = await _reparse(tmp_path / "run")

    assert (result.records, result.replies, result.kept) == (2, 3, 0)
    assert _sink(tmp_path / "run") == before


async def test_a_retry_that_nothing_has_answered_yet_stays_open(tmp_path):
    """Although the check that refused the replies before it is no more."""
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    with open_run(tmp_path / "run") as run:
        taken = run.state.keys("record")[0]
        cell = next(reply.cell for reply in run.all_replies() if reply.cell.key == taken)
        run.add_rejection(Rejection(cell, "too_strict", "An old rule."))
    await anyio.to_thread.run_sync(qloragen.retry, tmp_path / "run")

    result = await _reparse(tmp_path / "run")

    assert (result.records, result.gained) == (1, 0)


async def test_a_retry_opens_a_cell_also_where_its_rejection_is_damaged(tmp_path):
    async with Simulated(classify=lambda _: "It depends.") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    await anyio.to_thread.run_sync(qloragen.retry, tmp_path / "run")
    journal = tmp_path / "run/journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"t":"rejection"', b'"t":"rejectiOn"'))

    with open_run(tmp_path / "run") as run:
        (cell,) = {reply.cell.key for reply in run.all_replies()}
        assert run.state.replies_of(cell) == ()


class Watching(Disk):
    """Keeps the size of the largest write to the journal, and counts how often the sink was made anew."""

    def __init__(self):
        self.journal = -1
        self.largest = self.made_anew = 0

    def open(self, path):
        file = super().open(path)
        if path.name == "journal.jsonl":
            self.journal = file
        return file

    def write(self, file, data, offset):
        if file == self.journal:
            self.largest = max(self.largest, len(data))
        return super().write(file, data, offset)

    def replace(self, draft, path):
        self.made_anew += path.name == "records.jsonl"
        super().replace(draft, path)


async def test_what_changes_is_written_as_it_goes_and_not_held_till_the_end(tmp_path):
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate(articles(20), tmp_path / "run", base_url=server.base_url)
    before = _sink(tmp_path / "run")
    with open_run(tmp_path / "run") as run:
        for taken in run.state.keys("record"):
            run.add_record(replace(run.record(taken), title="Of an older version"), revised=True)
    disk = Watching()

    with open_run(tmp_path / "run", files=disk) as run:
        disk.largest = disk.made_anew = 0
        result = reparse(run, job_of(load()), most_queued_bytes=2_000)

    assert result.records == 40
    assert sorted(_sink(tmp_path / "run").splitlines()) == sorted(before.splitlines())
    longest = max(map(len, (tmp_path / "run/journal.jsonl").read_bytes().splitlines(keepends=True)))
    assert 0 < disk.largest <= 2_000 + longest
    assert disk.made_anew == 1


@pytest.mark.parametrize("place", ["argument", "environment", "file"])
async def test_checks_that_are_set_today_are_applied_wherever_they_are_set_and_the_others_stay(
    tmp_path, monkeypatch, place
):
    monkeypatch.chdir(tmp_path)
    spared: dict[str, Any] = {"max_output_bytes": 9, "actions": {"too_long": "flag"}}
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate([article(1)], "run", base_url=server.base_url, max_types=1, checks=spared)
    if place == "environment":
        monkeypatch.setenv("QLORAGEN_CHECKS", '{"min_output_bytes": 10000}')
    if place == "file":
        (tmp_path / "qloragen.toml").write_text("[checks]\nmin_output_bytes = 10_000\n")
    knobs = {"checks": {"min_output_bytes": 10_000}} if place == "argument" else {}

    result = await anyio.to_thread.run_sync(partial(qloragen.reparse, "run", **knobs))

    assert result.lost == 1
    found = qloragen.summary("run").rejections
    assert found == {"empty": 1}


async def test_checks_that_a_run_was_made_with_stay_when_it_is_read_again(tmp_path):
    spared: dict[str, Any] = {"max_output_bytes": 9, "actions": {"too_long": "flag"}}
    async with Simulated(classify=lambda _: "1") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_types=1, checks=spared)

    result = await _reparse(tmp_path / "run")

    assert (result.records, result.lost) == (1, 0)
