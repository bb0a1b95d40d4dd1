"""Replies that are read in another way: what they have cost is useful or in vain by how they are read today."""

from __future__ import annotations

from dataclasses import dataclass

import anyio.to_thread
import orjson
import pytest

import qloragen
from qloragen.assembly import job_of
from qloragen.pipeline.job import Job
from qloragen.pipeline.reparse import reparse
from qloragen.settings import load
from qloragen.simulator import KINDS
from qloragen.store.frame import framed
from qloragen.store.money import NO_TYPES, SURPLUS, Paid, total_paid
from qloragen.store.names import JOURNAL, SINK
from qloragen.store.run import open_run, read_run
from qloragen.types import Draft, Invalid

from .simulated import Simulated
from .test_main_job import article, articles
from .test_reparse import Refusing


@dataclass(frozen=True, slots=True)
class Strict(Job):
    """A job that no generation is good enough for."""

    def read_generation(self, opened, type, reply):
        return Invalid("too_strict", "Nothing is good enough.")


@dataclass(frozen=True, slots=True)
class Lax(Job):
    """A job that takes the first reply, whatever it is."""

    def read_generation(self, opened, type, reply):
        return Job.read_generation(self, opened, type, reply) if reply.finish_reason != "length" else _DRAFT


_DRAFT = Draft("What is it?", "It is.", "It is what it is.")


def job(kind: type[Job]) -> Job:
    usual = job_of(load())
    return kind(**{name: getattr(usual, name) for name, field in usual.__dataclass_fields__.items() if field.init})


def books(folder):
    """Return what became of the money, after making sure that it adds up."""
    state = read_run(folder)
    totals, bill = state.totals, state.ledger.total()
    assert totals.paid == Paid(bill.calls, bill.cost_usd, bill.unpriced_calls)
    assert qloragen.verify(folder).problems == []
    return totals.useful, totals.pending, totals.waste


async def read_by(kind, folder):
    def again():
        with open_run(folder) as run:
            return reparse(run, job(kind))

    return await anyio.to_thread.run_sync(again)


@pytest.fixture
async def folder(tmp_path):
    """Records, one of which took a second reply, and a cell whose replies were all refused."""
    faults = Refusing("generate", "wrong_schema_arguments", most=5)
    async with Simulated(classify=lambda _: "1, 2, 6", faults=faults) as server:
        await qloragen.agenerate(articles(3), tmp_path / "run", base_url=server.base_url, max_concurrency=1)
    return tmp_path / "run"


async def test_nothing_changes_when_all_is_read_as_it_was(folder):
    before = books(folder)

    await read_by(Job, folder)

    assert books(folder) == before
    assert list(before[2]) == ["schema"]
    assert before[2]["schema"].calls == 5


async def test_records_that_are_lost_cost_in_vain_and_are_useful_again_when_they_are_found(folder):
    before = books(folder)

    lost = (await read_by(Strict, folder)).lost
    strict = books(folder)
    gained = (await read_by(Job, folder)).gained

    assert 0 < lost == gained
    classified = Paid(3, *strict[0][1:])
    assert strict[0] == classified
    assert strict[2] == {"too_strict": total_paid(before[2].values()).plus(before[0]).minus(classified)}
    assert books(folder) == before


def forget_what_was_refused(folder):
    """Take out of the journal what its lines say of refused replies."""
    journal = folder / JOURNAL
    told = map(orjson.loads, journal.read_bytes().splitlines())
    others = {"k", "t", "c", "refused"}
    lines = [
        framed(line["k"], line["t"], {name: value for name, value in line.items() if name not in others})
        for line in told
    ]
    journal.write_bytes(b"".join(line + b"\n" for line in lines))


async def test_what_was_refused_is_found_out_where_the_lines_do_not_say_so(tmp_path):
    said = iter([KINDS["refusal"], None, None, KINDS["refusal"], None, *[KINDS["refusal"]] * 2])
    async with Simulated(classify=lambda _: "1", faults=lambda _: next(said, None)) as server:
        await qloragen.agenerate(articles(4), tmp_path / "run", base_url=server.base_url, max_concurrency=1)
    before, records = books(tmp_path / "run"), sorted((tmp_path / "run" / SINK).read_bytes().splitlines())
    forget_what_was_refused(tmp_path / "run")
    forgotten = books(tmp_path / "run")

    await read_by(Job, tmp_path / "run")

    assert forgotten[2] != before[2]
    assert books(tmp_path / "run") == before
    assert sorted((tmp_path / "run" / SINK).read_bytes().splitlines()) == records
    size = (tmp_path / "run" / JOURNAL).stat().st_size
    await read_by(Job, tmp_path / "run")
    assert (tmp_path / "run" / JOURNAL).stat().st_size == size, "once it is said nothing more need be"


async def test_replies_after_one_that_is_taken_now_came_too_late(tmp_path):
    faults = Refusing("generate", "length")
    async with Simulated(classify=lambda _: "1", faults=faults) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_concurrency=1)
    before = books(tmp_path / "run")

    await read_by(Lax, tmp_path / "run")

    useful, pending, waste = books(tmp_path / "run")
    assert list(before[2]) == ["truncated"]
    assert (list(waste), waste[SURPLUS].calls) == ([SURPLUS], 1)
    assert useful.plus(waste[SURPLUS]) == before[0].plus(before[2]["truncated"])
    assert pending.calls == 0


async def test_an_article_that_nothing_applies_to_any_more_was_classified_in_vain(tmp_path):
    async with Simulated(classify=lambda _: "0") as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)

    useful, _, waste = books(tmp_path / "run")

    assert (useful.calls, list(waste), waste[NO_TYPES].calls) == (0, [NO_TYPES], 1)


async def test_what_a_retry_leaves_behind_stays_in_vain_whatever_is_read_later(tmp_path):
    faults = Refusing("generate", "refusal", most=2)
    async with Simulated(classify=lambda _: "1", faults=faults) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
        await anyio.to_thread.run_sync(qloragen.retry, tmp_path / "run")
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url)
    before = books(tmp_path / "run")

    await read_by(Strict, tmp_path / "run")
    strict = books(tmp_path / "run")
    await read_by(Job, tmp_path / "run")

    assert (list(before[2]), before[2]["refusal"].calls) == (["refusal"], 2)
    assert strict[2]["refusal"] == before[2]["refusal"]
    assert books(tmp_path / "run") == before


async def test_of_a_cell_that_is_given_up_each_reply_is_in_vain_for_its_own_reason(tmp_path):
    said = iter([KINDS["wrong_schema_arguments"], KINDS["refusal"], KINDS["length"], KINDS["content_policy"]])
    async with Simulated(
        classify=lambda _: "1", faults=lambda call: next(said, None) if call.kind == "generate" else None
    ) as server:
        run = tmp_path / "run"
        await qloragen.agenerate([article(1)], run, base_url=server.base_url, max_concurrency=1, record_asks=3)

    useful, pending, waste = books(tmp_path / "run")

    assert qloragen.summary(tmp_path / "run").rejections == {"refusal": 1, "content_filter": 1}
    assert {reason: paid.calls for reason, paid in waste.items()} == {"schema": 1, "refusal": 1, "truncated": 1}
    assert (useful.calls, pending.calls) == (1, 0)


async def test_that_holds_for_cells_that_are_never_asked_again_and_when_they_are_read_again(tmp_path):
    said = iter([KINDS["wrong_schema_arguments"]] * 2 + [KINDS["refusal"]] * 2)
    async with Simulated(
        classify=lambda _: "1", faults=lambda call: next(said, None) if call.kind == "generate" else None
    ) as server:
        await qloragen.agenerate([article(1)], tmp_path / "run", base_url=server.base_url, max_concurrency=1)
    before = books(tmp_path / "run")

    await read_by(Strict, tmp_path / "run")
    strict = books(tmp_path / "run")
    await read_by(Job, tmp_path / "run")

    assert {reason: paid.calls for reason, paid in before[2].items()} == {"schema": 2, "refusal": 2}
    assert {reason: paid.calls for reason, paid in strict[2].items()} == {"too_strict": 4}
    assert books(tmp_path / "run") == before
