"""What articles go through, with stand-ins for the engine and the disk."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from qloragen import Session
from qloragen.assembly import job_of
from qloragen.errors import RequestFailed
from qloragen.logbook import utc_now
from qloragen.pipeline.chronicle import Chronicle
from qloragen.pipeline.flow import Flow
from qloragen.pipeline.shared import Shared
from qloragen.settings import load
from qloragen.store.run import open_run, read_records
from qloragen.testing import ScriptedClient, refusal, reply
from qloragen.types import Article, Usage

from .test_main_job import article
from .values import NOON, a_record, a_reply


class Silent:
    """An engine that nothing is to be asked of."""

    async def complete(self, request, keep=None, lost=None):
        raise AssertionError

    def worth_sharing(self, request, calls):
        raise AssertionError

    def stop(self, reason):
        raise AssertionError


class Flushing:
    """Writes when someone waits for it, and not before."""

    def __init__(self, run):
        self._run = run

    async def kept(self):
        raise AssertionError

    async def durable(self):
        self._run.flush()

    def soon(self):
        raise AssertionError


async def _source(*articles):
    for one in articles:
        yield one


async def test_a_record_that_is_there_already_is_acknowledged_before_it_is_handed_out(tmp_path):
    job, one = job_of(load()), Article("a", article(1)["content"])
    seen = []
    with open_run(tmp_path / "run") as run:

        async def recall(record):
            seen.append((record.id, run.filing.synced == run.filing.end))

        run.add_types(job.classification(one), (1,))
        for kind in job.applicable((1,), one):
            cell = job.generation(one, kind)
            run.add_record(a_record(id=cell.key, type=kind.number, type_slug=kind.slug))
        flow = Flow(job, Silent(), run, Flushing(run), open_articles=lambda: 1, chronicle=Chronicle(utc_now))
        await flow.process(Shared(_source(one)), recall=recall)

    assert len(seen) == 2
    assert all(acknowledged for _, acknowledged in seen)


def _no_records(body):
    return refusal(400) if "tools" in body or "response_format" in body else reply("1")


async def test_however_often_a_cell_fails_in_one_session_it_counts_as_one_run(tmp_path):
    client = ScriptedClient(_no_records, latency_s=0)
    counts = []
    for times in (3, 3, 1):
        async with Session(tmp_path / "run", client=client, max_attempts=1) as session:
            for _ in range(times):
                await session.process([article(1)])
            counts.append((session.summary.failures, session.summary.rejections))

    assert counts == [({"bad_request": 2}, {}), ({"bad_request": 2}, {}), ({}, {"bad_request": 2})]


async def test_a_cell_that_fails_in_one_session_over_and_over_is_written_down_once(tmp_path):
    client = ScriptedClient(_no_records, latency_s=0)

    async with Session(tmp_path / "run", client=client, max_attempts=1) as session:
        for _ in range(3):
            await session.process([article(1)])

    kinds = [orjson.loads(line)["t"] for line in (tmp_path / "run/journal.jsonl").read_bytes().splitlines()]
    assert kinds.count("failure") == session.tally.failures == 2


@pytest.mark.parametrize("stage", ["classify", "generate"])
async def test_a_reply_in_the_journal_that_cannot_be_read_counts_as_absent_and_is_reported(tmp_path, stage, caplog):
    """Whole, but of another program: with a way to ask for structure that this one does not know."""
    job, one = job_of(load()), Article("a", article(1)["content"])
    with open_run(tmp_path / "run") as run:
        cell = job.classification(one) if stage == "classify" else job.generation(one, job.applicable((1,), one)[0])
        other: Any = "other"
        run.add_reply(replace(a_reply(cell), structure=other))
    client = ScriptedClient(_good, latency_s=0)

    async with Session(tmp_path / "run", client=client, accept_changes=True) as session:
        await session.process([article(1)])

    assert len(client.calls) == 3
    assert session.summary.records == 2
    assert "reply_unreadable" in caplog.text


async def test_a_record_is_made_of_the_replies_up_to_the_first_that_is_good(tmp_path):
    """Two may be there where a call was made again after it had been lost, and was found after all."""
    job, one = job_of(load()), Article("a", article(1)["content"])
    cell = job.generation(one, job.applicable((1,), one)[0])
    body = _good({"tools": []}).body.decode()
    first = replace(a_reply(cell, body=body), usage=Usage(700, 0, 0, 50, 0))
    with open_run(tmp_path / "run") as run:
        run.add_reply(first)
        run.add_reply(replace(first, time=first.time + timedelta(days=1)))

    async with Session(tmp_path / "run", client=ScriptedClient(_good, latency_s=0), accept_changes=True) as session:
        await session.process([article(1)])

    record = next(record for record in read_records(tmp_path / "run") if record.id == cell.key)
    assert (record.usage, record.time) == (first.usage, first.time)


def _good(body):
    if "tools" not in body and "response_format" not in body:
        return reply("1")
    return reply(
        arguments='{"instruction": "How do replicas keep in step?", "evidence": [1], "output": "By hinted handoff."}'
    )


class Failing:
    """An engine that nobody gets an answer from, and nothing shows whose fault it is."""

    async def complete(self, request, keep=None, lost=None):
        raise RequestFailed("Nothing came.", reason="server_error", final=False)

    def worth_sharing(self, request, calls):
        raise AssertionError

    def stop(self, reason):
        raise AssertionError


class Kept:
    async def kept(self):
        pass

    durable = kept

    def soon(self):
        pass


async def test_a_failure_without_a_sign_of_whose_fault_it_is_counts_after_an_hour_and_then_each_time(tmp_path):
    job, one = job_of(load()), Article("a", article(1)["content"])
    key, seen = job.classification(one).key, []

    for hours in (0, 0.5, 0.9, 2, 2.1, 2.2):
        moment = NOON + timedelta(hours=hours)
        with open_run(tmp_path / "run") as run:
            flow = Flow(job, Failing(), run, Kept(), open_articles=lambda: 1, chronicle=Chronicle(lambda: moment))  # noqa: B023
            await flow.process(Shared(_source(one)))
            seen.append((run.state.failures_of(key, "server_error"), run.state.rejection_of(key)))

    assert seen == [(0, None), (0, None), (0, None), (1, None), (2, None), (0, "server_error")]
