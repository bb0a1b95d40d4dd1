"""A session's beginning and end, whoever else still works with it."""

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Self

import anyio
import orjson
import pytest

import qloragen
from qloragen import Session, SetupError
from qloragen.simulator import KINDS
from qloragen.store.run import open_run, read_run

from .simulated import Simulated

ARTICLES = [
    {"id": str(n), "content": f"Compaction number {n} merges SSTables and drops what was deleted. " * 5}
    for n in range(40)
]


async def test_leaving_a_stream_early_takes_no_more_articles_even_if_none_of_them_gives_a_record(tmp_path):
    good = iter([True])

    def faults(call):
        return None if call.kind == "classify" or next(good, False) else KINDS["refusal"]

    async with (
        Simulated(classify=lambda _: "1, 2", faults=faults) as server,
        Session(tmp_path / "run", base_url=server.base_url, max_concurrency=2) as session,
    ):
        async for _ in session.stream(ARTICLES):
            break

    assert session.tally.articles < len(ARTICLES)


async def test_a_generator_with_a_session_in_it_can_be_closed_at_any_record(tmp_path):
    async def records(base_url: str) -> AsyncGenerator[qloragen.Record, None]:
        async with Session(tmp_path / "run", base_url=base_url, max_concurrency=2) as session:
            async for record in session.stream(ARTICLES):
                yield record

    async with Simulated(classify=lambda _: "1, 2") as server, aclosing(records(server.base_url)) as made:
        first = await anext(made)

    lines = (tmp_path / "run/records.jsonl").read_bytes().splitlines()
    assert first.id in {line["id"] for line in map(orjson.loads, lines)}
    assert read_run(tmp_path / "run").ledger.total().calls == len(server.calls) < 3 * len(ARTICLES)


async def test_leaving_a_session_waits_for_what_other_tasks_have_under_way_and_keeps_it(tmp_path):
    async with Simulated(classify=lambda _: "1, 2", delay_s=0.05) as server, anyio.create_task_group() as tasks:
        ends: list[str] = []

        async def work(session: Session) -> None:
            try:
                await session.process(ARTICLES)
            except qloragen.Interrupted as reason:
                ends.append(str(reason))

        async with Session(tmp_path / "run", base_url=server.base_url, max_concurrency=4) as session:
            tasks.start_soon(work, session)
            while server.in_flight == 0:
                await anyio.wait_all_tasks_blocked()

    assert ends == ["The session was left while work was under way; run it again to go on."]
    assert read_run(tmp_path / "run").ledger.total().calls == len(server.calls)


async def test_a_stream_in_another_task_ends_with_the_reason_when_its_session_is_left(tmp_path):
    async with Simulated(classify=lambda _: "1, 2", delay_s=0.02) as server, anyio.create_task_group() as tasks:
        ends: list[str] = []
        first = anyio.Event()

        async def read(session: Session) -> None:
            try:
                async for _ in session.stream(ARTICLES):
                    first.set()
            except qloragen.Interrupted as reason:
                ends.append(str(reason))

        async with Session(tmp_path / "run", base_url=server.base_url, max_concurrency=4) as session:
            tasks.start_soon(read, session)
            await first.wait()

    assert ends == ["The session was left while work was under way; run it again to go on."]
    assert read_run(tmp_path / "run").ledger.total().calls == len(server.calls)


async def test_a_session_is_stopped_and_looked_at_from_a_callback_as_that_of_a_signal(tmp_path):
    class Kept:
        name = "kept"

        def __init__(self) -> None:
            self.ids: list[str] = []

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def put(self, records: Sequence[qloragen.Record]) -> None:
            self.ids += [record.id for record in records]

        async def drop(self, ids: Sequence[str]) -> None: ...

    sink, seen = Kept(), []

    async with (
        Simulated(classify=lambda _: "1, 2", delay_s=0.02) as server,
        Session(tmp_path / "run", base_url=server.base_url, sinks=[sink]) as session,
    ):

        def stop() -> None:
            seen.append((session.calls_in_flight > 0, session.pauses))
            session.stop(qloragen.Interrupted("enough"))

        with pytest.raises(qloragen.Interrupted, match="enough"):
            async for _ in session.stream(ARTICLES):
                asyncio.get_running_loop().call_soon(stop)

    assert seen[0] == (True, {})
    assert len(sink.ids) == session.summary.records < 2 * len(ARTICLES)


async def test_a_session_that_is_not_open_is_refused(tmp_path):
    async with Simulated() as server:
        session = Session(tmp_path / "run", base_url=server.base_url)
        with pytest.raises(SetupError, match="not open"):
            await session.process(ARTICLES[:1])
        async with session:
            await session.process(ARTICLES[:1])
        calls = len(server.calls)
        with pytest.raises(SetupError, match="not open"):
            await session.process(ARTICLES[:2])

    assert len(server.calls) == calls


async def test_a_change_of_the_working_directory_moves_no_run(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    async with Simulated(classify=lambda _: "1, 2") as server, Session("run", base_url=server.base_url) as session:
        async for _ in session.stream(ARTICLES[:3]):
            os.chdir(tmp_path / "elsewhere")

    assert read_run(tmp_path / "run").totals.records == 6


@pytest.mark.parametrize("zeros", [False, True])
async def test_a_journal_that_lost_much_is_asked_about_and_one_that_lost_little_is_not(tmp_path, zeros):
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate(ARTICLES[:3], tmp_path / "run", base_url=server.base_url)
        journal = tmp_path / "run/journal.jsonl"
        whole = journal.read_bytes()
        journal.write_bytes(whole[:-3000] + bytes(3000) if zeros else whole[:-3000])
        calls = len(server.calls)
        with pytest.raises(qloragen.ChangesNotAccepted, match=r"3000 bytes before it did.*about \$0\.00"):
            await qloragen.agenerate(ARTICLES[:3], tmp_path / "run", base_url=server.base_url, confirm_above_usd=0)
        assert len(server.calls) == calls
        with pytest.raises(qloragen.ChangesNotAccepted):
            await qloragen.agenerate(ARTICLES[:3], tmp_path / "run", base_url=server.base_url, confirm_above_usd=0)
        outcome = await qloragen.agenerate(ARTICLES[:3], tmp_path / "run", base_url=server.base_url)

    assert outcome.summary.records == 6
    with open_run(tmp_path / "run") as run:
        assert run.recovery.sentences == []


async def test_why_a_session_stopped_is_written_down_also_where_the_name_of_a_file_is_no_text(tmp_path):
    reason = qloragen.Interrupted(f"{os.fsdecode(bytes([0xFF]))}.jsonl was left.")
    async with Simulated() as server:
        with pytest.raises(qloragen.Interrupted):
            async with Session(tmp_path / "run", base_url=server.base_url) as session:
                await session.process(ARTICLES[:1])
                session.stop(reason)
                await session.process(ARTICLES[1:2])

    assert orjson.loads((tmp_path / "run/run.json").read_bytes())["status"].endswith(".jsonl was left.")
