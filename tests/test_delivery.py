"""Records to further sinks, in virtual time: sinks that are down, slow, broken or emptied, and whoever stops a run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import pytest

import qloragen
from qloragen import BudgetReached, Interrupted, Record, RunStopped, Session, SettingsError, SinkFailed
from qloragen.delivery import Delivery, Patience, delivering
from qloragen.delivery.following import FIRST_WAIT_S, GATHER_S, LONGEST_WAIT_S
from qloragen.simulator import Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.store.committer import Committer, committing
from qloragen.store.feed import MOST_CHANGES
from qloragen.store.handle import Run
from qloragen.store.run import open_run, read_records
from qloragen.testing import run_virtually

from .test_main_job import articles
from .values import a_record, key

HOUR_S = 3600.0
Trouble = Callable[[float], Exception | None]
"""What a sink raises at a moment, in seconds on the loop's clock."""


def fine(_now_s: float) -> None:
    """Be in no trouble."""


def down_until(end_s: float, start_s: float = 0.0) -> Trouble:
    return lambda now_s: ConnectionError("nobody answers") if start_s <= now_s < end_s else None


@dataclass
class Table:
    """A sink in memory."""

    name: str = "table"
    trouble: Trouble = fine
    enter_s: float = 0.0
    put_s: float = 0.0
    """So long it takes over a portion."""
    rows: dict[str, Record] = field(default_factory=dict)
    sizes: list[int] = field(default_factory=list)
    """How many records it was given each time, and kept."""
    entered: list[float] = field(default_factory=list)
    """When it was tried to be entered."""
    open: bool = False

    async def __aenter__(self) -> Self:
        self.entered.append(anyio.current_time())
        await anyio.sleep(self.enter_s)
        self._check()
        self.open = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open = False

    async def put(self, records: Sequence[Record]) -> None:
        await anyio.sleep(self.put_s)
        self._check()
        assert self.open
        self.rows |= {record.id: record for record in records}
        self.sizes.append(len(records))

    async def drop(self, ids: Sequence[str]) -> None:
        self._check()
        for one in ids:
            self.rows.pop(one, None)

    async def is_empty(self) -> bool:
        return not self.rows

    def _check(self) -> None:
        error = self.trouble(anyio.current_time())
        if error is not None:
            raise error


@dataclass
class Work:
    """A run that records are put into, with sinks that follow it."""

    run: Run
    committer: Committer
    delivery: Delivery
    stopped: list[RunStopped]

    def add(self, *names: str) -> None:
        for name in names:
            self.run.add_record(a_record(name))
        self.committer.soon()

    async def delivered(self) -> None:
        await self.committer.durable()
        await self.delivery.delivered()


@asynccontextmanager
async def working(folder: Path, *sinks: Table, patience: Patience | None = None) -> AsyncIterator[Work]:
    stopped: list[RunStopped] = []
    terms = patience or Patience(6 * HOUR_S, 60)
    with open_run(folder) as run:
        async with (
            committing(run) as committer,
            delivering(run, sinks, committer, terms, stopped.append) as delivery,
        ):
            await delivery.begin()
            yield Work(run, committer, delivery, stopped)


def names_of(count: int) -> list[str]:
    return [f"r{n}" for n in range(count)]


def keys_of(names: Sequence[str]) -> set[str]:
    return {key(name) for name in names}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "run"


# ------------------------------------------------------------------------------------------------------- good and slow


def test_each_record_is_handed_over_once_and_a_later_session_goes_on_behind_it(folder):
    table, later = Table(), Table()

    async def main() -> None:
        async with working(folder, table) as work:
            work.add(*names_of(3))
            await work.delivered()
        later.rows = dict(table.rows)
        async with working(folder, later) as work:
            work.add("r3", "r4")
            await work.delivered()

    run_virtually(main())

    assert table.rows.keys() == keys_of(names_of(3))
    assert (table.sizes, later.sizes) == ([3], [2])
    assert list(later.rows.values()) == list(read_records(folder))


def test_a_sink_that_nobody_waits_for_is_given_what_gathers_together(folder):
    table = Table()

    async def main() -> None:
        async with working(folder, table) as work:
            for name in names_of(20):
                work.add(name)
                await anyio.sleep(GATHER_S / 5)
            await anyio.sleep(10)
            assert len(table.rows) == 20

    run_virtually(main())

    assert 2 <= len(table.sizes) <= 6


def test_a_slow_sink_holds_up_nobody_and_lags_behind_in_the_journal(folder):
    table = Table(put_s=600)

    async def main() -> tuple[float, float]:
        async with working(folder, table) as work:
            for name in names_of(3 * MOST_CHANGES):
                work.add(name)
                await work.committer.kept()
            kept_s = anyio.current_time()
            assert work.delivery.missing == {"table": 3 * MOST_CHANGES}
            await work.delivered()
            return kept_s, anyio.current_time()

    kept_s, delivered_s = run_virtually(main())

    assert kept_s < 1
    assert delivered_s >= 3 * 600
    assert max(table.sizes) <= MOST_CHANGES
    assert len(table.rows) == 3 * MOST_CHANGES


def test_two_sinks_are_followed_each_at_its_own_pace(folder):
    quick, slow = Table("quick"), Table("slow", put_s=100)

    async def main() -> float:
        async with working(folder, quick, slow) as work:
            work.add("a")
            await anyio.sleep(10)
            assert (len(quick.rows), len(slow.rows)) == (1, 0)
            assert work.delivery.owed == "1 record is not in slow yet."
            await work.delivered()
            return anyio.current_time()

    assert run_virtually(main()) > 100
    assert quick.rows == slow.rows


def test_a_session_that_is_left_has_brought_its_sinks_all_that_it_kept(folder):
    table = Table(put_s=30)

    async def main() -> None:
        async with working(folder, table) as work:
            work.add(*names_of(7))

    run_virtually(main())

    assert table.rows.keys() == keys_of(names_of(7))


# ---------------------------------------------------------------------------------------------------------------- down


@pytest.mark.parametrize("start_s", [0, 5, 40])
def test_a_sink_that_is_down_at_the_start_in_the_middle_or_at_the_end_gets_all_records(folder, caplog, start_s):
    table = Table(trouble=down_until(start_s + 2 * HOUR_S, start_s))

    async def main() -> float:
        async with working(folder, table) as work:
            for name in names_of(30):
                work.add(name)
                await anyio.sleep(2)
            await work.delivered()
            return anyio.current_time()

    with caplog.at_level(logging.INFO, "qloragen"):
        ended_s = run_virtually(main())

    assert table.rows.keys() == keys_of(names_of(30))
    assert ended_s == pytest.approx(start_s + 2 * HOUR_S, abs=LONGEST_WAIT_S)
    said = [(line.message, line.levelname) for line in caplog.records if line.message.startswith("sink_")]
    assert said == [("sink_refuses", "WARNING"), ("sink_takes_again", "INFO")]


def test_a_sink_that_is_down_is_tried_ever_less_often_and_given_up_after_the_outage(folder):
    table = Table(trouble=down_until(10**9))
    patience = Patience(HOUR_S, 60)

    async def main() -> tuple[RunStopped, str, float]:
        async with working(folder, table, patience=patience) as work:
            work.add("a", "b")
            await work.delivered()
            (reason,) = work.stopped
            return reason, work.delivery.owed, anyio.current_time()

    reason, owed, ended_s = run_virtually(main())

    assert isinstance(reason, SinkFailed)
    assert str(reason) == (
        "Sink table has taken nothing for 3600 s (ConnectionError: nobody answers); 2 records are not there yet: mend "
        "that, then run the same command again, which goes on there; the run's own files have all records."
    )
    assert owed == "2 records are not in table yet."
    assert ended_s == pytest.approx(HOUR_S, abs=1)
    waits = [later - earlier for earlier, later in zip(table.entered, table.entered[1:], strict=False)]
    assert waits[:3] == pytest.approx([FIRST_WAIT_S, 2 * FIRST_WAIT_S, 4 * FIRST_WAIT_S], rel=0.01)
    assert len(waits) < HOUR_S / LONGEST_WAIT_S + 10


def test_an_outage_counts_from_the_last_time_that_the_sink_took_something(folder):
    """Down for half an hour, up for a moment, and that again and again."""
    table = Table(trouble=lambda now_s: ConnectionError() if now_s % 2000 < 1800 else None)

    async def main() -> None:
        async with working(folder, table, patience=Patience(HOUR_S, 60)) as work:
            for name in names_of(12):
                work.add(name)
                await anyio.sleep(1000)
            await work.delivered()
            assert work.stopped == []

    run_virtually(main())

    assert len(table.rows) == 12


def test_a_sink_that_never_answers_is_given_up_like_one_that_is_down(folder):
    table = Table(put_s=10**9)

    async def main() -> RunStopped:
        async with working(folder, table, patience=Patience(HOUR_S, 60)) as work:
            work.add("a")
            await work.delivered()
            return work.stopped[0]

    assert "has taken nothing for 3600 s (TimeoutError)" in str(run_virtually(main()))


@pytest.mark.parametrize("at", ["__aenter__", "is_empty", "__aexit__"])
def test_so_is_one_that_can_never_be_entered_looked_into_or_left(folder, at):
    class Silent(Table):
        async def __aenter__(self) -> Self:
            await self._is_at("__aenter__")
            return await super().__aenter__()

        async def __aexit__(self, *_: object) -> None:
            await self._is_at("__aexit__")

        async def is_empty(self) -> bool:
            await self._is_at("is_empty")
            return await super().is_empty()

        async def _is_at(self, place: str) -> None:
            if place == at:
                await anyio.sleep_forever()

    async def main() -> tuple[RunStopped, float]:
        async with working(folder, Table()) as work:
            work.add("a")
        silent = Silent(rows={"a": a_record("a")}, trouble=down_until(100, 10) if at == "__aexit__" else fine)
        async with working(folder, silent, patience=Patience(HOUR_S, 60)) as work:
            await anyio.sleep(20)
            work.add("b")
            await work.delivered()
            return work.stopped[0], anyio.current_time()

    reason, ended_s = run_virtually(main())

    assert "(TimeoutError); 1 record is not there yet" in str(reason)
    assert ended_s == pytest.approx(HOUR_S, abs=100)


def test_at_the_end_of_a_run_a_sink_in_trouble_gets_the_time_of_grace(folder, caplog):
    table = Table(trouble=down_until(10**9))

    async def main() -> float:
        async with working(folder, table) as work:
            work.add("a")
            await anyio.sleep(100)
        return anyio.current_time()

    ended_s = run_virtually(main())

    assert ended_s == pytest.approx(160, abs=1)
    told = [vars(line) for line in caplog.records if line.message == "records_not_delivered"]
    assert [(line["sink"], line["records"]) for line in told] == [("table", 1)]


def test_secrets_in_what_a_sink_says_are_not_repeated(folder):
    def trouble(_now_s: float) -> Exception:
        return ConnectionError("postgres://me:hunter2@host refuses Bearer abc.def\nDETAIL: a whole text")

    async def main() -> RunStopped:
        async with working(folder, Table(trouble=trouble), patience=Patience(10, 1)) as work:
            work.add("a")
            await work.delivered()
            return work.stopped[0]

    said = str(run_virtually(main()))

    assert "postgres://***@host refuses Bearer ***" in said
    assert "hunter2" not in said
    assert "DETAIL" not in said


# -------------------------------------------------------------------------------------------------------------- broken


def test_an_error_of_the_sinks_own_stops_the_run_and_what_is_missing_is_brought_by_the_next_session(folder):
    table = Table(trouble=lambda now_s: ValueError("no such field") if now_s > 5 else None)

    async def main() -> tuple[RunStopped, BaseException | None]:
        async with working(folder, table) as work:
            work.add("a")
            await work.delivered()
            await anyio.sleep(10)
            work.add("b", "c")
            await work.delivered()
            (reason,) = work.stopped
        assert not table.open
        table.trouble = fine
        async with working(folder, table) as work:
            await work.delivered()
        return reason, reason.__cause__

    reason, cause = run_virtually(main())

    assert isinstance(reason, SinkFailed)
    assert str(reason).startswith("Sink table has failed with ValueError: no such field; 2 records are not there yet: ")
    assert isinstance(cause, ValueError)
    assert table.rows.keys() == keys_of("abc")
    assert table.sizes == [1, 2]


@pytest.mark.parametrize("at", ["__aenter__", "put", "__aexit__"])
def test_a_sink_in_which_something_is_cancelled_has_failed_and_not_delivered(folder, at):
    """As where a connection's own task was cancelled, and somebody waits for it."""

    class Cancelled(Table):
        async def __aenter__(self) -> Self:
            if at == "__aenter__":
                raise asyncio.CancelledError
            return await super().__aenter__()

        async def __aexit__(self, *_: object) -> None:
            if at == "__aexit__":
                raise asyncio.CancelledError

        async def put(self, records: Sequence[Record]) -> None:
            raise asyncio.CancelledError if at == "put" else ConnectionError

    async def main() -> None:
        with pytest.raises(SinkFailed, match="Sink table has failed with CancelledError, of its own"):
            await session_over(folder, Cancelled())

    run_virtually(main())


def test_a_sink_that_hides_its_errors_has_failed(folder):
    class Hiding(Table):
        async def __aexit__(self, *_: object) -> Any:
            return True

        async def put(self, records: Sequence[Record]) -> None:
            raise OSError("full")

    async def main() -> None:
        with pytest.raises(SinkFailed, match=r"has hidden an error as it was left, .*; [0-9]+ records? (is|are) not"):
            await session_over(folder, Hiding())

    run_virtually(main())


def test_errors_that_pass_do_so_in_a_group_as_well(folder):
    """As task groups raise them."""
    down = ExceptionGroup("unhandled", [ConnectionError("down"), ExceptionGroup("", [TimeoutError("late")])])
    wrong = ExceptionGroup("unhandled", [ValueError("no such field"), ConnectionError("down")])
    table = Table(trouble=lambda now_s: down if 5 <= now_s < HOUR_S else wrong if now_s > 2 * HOUR_S else None)

    async def main() -> RunStopped:
        async with working(folder, table) as work:
            await anyio.sleep(10)
            work.add("a")
            await work.delivered()
            assert work.stopped == []
            await anyio.sleep(2 * HOUR_S)
            work.add("b")
            await work.delivered()
            return work.stopped[0]

    reason = run_virtually(main())

    assert table.rows.keys() == keys_of("a")
    assert str(reason).startswith("Sink table has failed with ValueError: no such field; 1 record is not there yet: ")


def test_a_sink_that_cannot_be_used_as_it_is_is_refused_before_there_is_work(folder):
    async def main() -> None:
        async with working(folder, Table(trouble=lambda _: SettingsError("The table is another one."))):
            raise AssertionError("unreachable")

    with pytest.raises(SettingsError, match=r"^The table is another one\.$"):
        run_virtually(main())


def test_one_that_is_found_unusable_only_later_stops_the_run(folder):
    table = Table(enter_s=100, trouble=lambda _: SettingsError("The table is another one."))

    async def main() -> float:
        with pytest.raises(SinkFailed, match=r"The table is another one; [0-9]+ records are not there yet: mend that"):
            await session_over(folder, table)
        return anyio.current_time()

    assert run_virtually(main()) == pytest.approx(100, abs=1)


def test_one_that_was_emptied_or_whose_place_is_not_known_is_given_everything_anew(folder):
    table = Table()

    async def main() -> None:
        async with working(folder, table) as work:
            work.add(*names_of(3))
        table.rows.clear()
        async with working(folder, table) as work:
            assert work.delivery.missing == {"table": 3}
            await work.delivered()
        assert len(table.rows) == 3
        for said in ("", "{}", '{"journal_end": 5, "line": 0, "checksum": "00000000"}'):
            (folder / "sinks/table.json").write_text(said)
            async with working(folder, table) as work:
                await work.delivered()

    run_virtually(main())

    assert table.sizes == [3] * 5


def test_a_place_that_cannot_be_put_down_only_has_the_sink_given_the_same_again(folder, caplog):
    table = Table()
    folder.mkdir()
    (folder / "sinks").write_text("in the way")

    async def main() -> None:
        for _ in range(2):
            async with working(folder, table) as work:
                work.add(*names_of(3))
                await work.delivered()

    run_virtually(main())

    assert table.sizes == [3, 3]
    assert "place_not_kept" in [line.message for line in caplog.records]


def test_a_sink_that_is_down_does_not_fail_a_run_that_owes_it_nothing(folder):
    table = Table()

    async def main() -> list[RunStopped]:
        async with working(folder, table) as work:
            work.add("a")
        table.trouble = down_until(10**9)
        async with working(folder, table) as work:
            await work.delivered()
            return work.stopped

    assert run_virtually(main()) == []


# ------------------------------------------------------------------------------------------------------- whole sessions


def provider() -> Provider:
    return Provider(Simulation({"*": Model(latency=Latency(median_s=2))}))


async def session_over(folder: Path, *sinks: Table, count: int = 8, **knobs: Any) -> Session:
    client = SimulatedClient(provider())
    async with Session(folder, client=client, sinks=sinks, rpm=10**6, tpm=10**9, **knobs) as session:
        await session.process(articles(count))
        return session
    raise AssertionError("unreachable")


def test_a_run_ends_when_all_sinks_have_all_its_records(folder):
    one, other = Table("one"), Table("other", trouble=down_until(HOUR_S))

    async def main() -> Session:
        return await session_over(folder, one, other)

    session = run_virtually(main())

    assert session.missing_in_sinks == {}
    assert session.owed == ""
    records = {record.id: record for record in read_records(folder)}
    assert len(records) > 8
    assert one.rows == other.rows == records


def test_calls_are_as_quick_with_a_slow_sink_as_without(folder, tmp_path):
    slow = Table(put_s=1000)
    ends: list[float] = []

    async def main(at: Path, *sinks: Table) -> None:
        client = SimulatedClient(provider())
        async with Session(at, client=client, sinks=sinks, rpm=10**6, tpm=10**9) as session:
            ends.extend([anyio.current_time() async for _ in session.stream(articles(30))])

    run_virtually(main(tmp_path / "without"))
    without = sorted(ends)
    ends.clear()
    run_virtually(main(folder, slow))

    assert sorted(ends) == pytest.approx(without, abs=0.2)
    assert slow.rows == {record.id: record for record in read_records(folder)}


def test_a_sink_that_fails_stops_the_run_keeps_all_and_the_same_session_again_completes_it(folder):
    table = Table(trouble=lambda now_s: KeyError("id") if now_s > 3 else None)

    async def main() -> None:
        with pytest.raises(SinkFailed, match="Sink table has failed with KeyError: 'id'"):
            await session_over(folder, table, count=30, open_articles=2)

    run_virtually(main())
    kept = len(list(read_records(folder)))
    table.trouble = fine

    async def again() -> Session:
        return await session_over(folder, table, count=30, open_articles=2)

    session = run_virtually(again())

    assert 0 < kept < session.summary.records
    assert table.rows == {record.id: record for record in read_records(folder)}
    assert qloragen.summary(folder).calls == 4 * 30


def test_what_is_kept_at_a_limit_is_brought_to_the_sinks_too(folder):
    table = Table(put_s=300)

    async def main() -> None:
        with pytest.raises(BudgetReached):
            await session_over(folder, table, max_calls=10)

    run_virtually(main())

    assert table.rows == {record.id: record for record in read_records(folder)}
    assert table.rows


def test_a_stopped_session_says_what_sinks_do_not_have(folder):
    table = Table(trouble=down_until(10**9))

    async def main() -> tuple[Session, float]:
        client = SimulatedClient(provider())
        async with (
            Session(folder, client=client, sinks=[table], rpm=10**6, tpm=10**9, grace_s=20) as session,
            anyio.create_task_group() as tasks,
        ):

            async def stop() -> None:
                await anyio.sleep(30)
                session.stop(Interrupted("Enough."))

            tasks.start_soon(stop)
            with pytest.raises(Interrupted, match="Enough"):
                await session.process(articles(8))
            return session, anyio.current_time()
        raise AssertionError("unreachable")

    session, ended_s = run_virtually(main())

    records = len(list(read_records(folder)))
    assert session.missing_in_sinks == {"table": records}
    assert session.owed == f"{records} records are not in table yet."
    assert ended_s == pytest.approx(50, abs=1)


def test_a_cancelled_session_leaves_the_rest_to_the_next_one(folder):
    table = Table(put_s=100)

    async def main() -> None:
        with anyio.move_on_after(50):
            await session_over(folder, table)

    run_virtually(main())
    before = dict(table.rows)
    table.put_s = 0

    async def again() -> Session:
        return await session_over(folder, table)

    session = run_virtually(again())

    assert (before, table.open) == ({}, False)
    assert table.rows == {record.id: record for record in read_records(folder)}
    assert session.tally.records == 0


def test_a_session_that_is_left_by_an_error_waits_no_longer_than_the_grace(folder):
    table = Table(put_s=1000)

    async def main() -> float:
        with pytest.raises(KeyError):
            async with Session(folder, client=SimulatedClient(provider()), sinks=[table], grace_s=30) as session:
                async for _ in session.stream(articles(8)):
                    raise KeyError
        return anyio.current_time()

    assert 30 < run_virtually(main()) < 60
    assert table.rows == {}


def test_a_long_wait_for_a_sink_is_told(folder, caplog):
    with caplog.at_level(logging.INFO):
        run_virtually(session_over(folder, Table(put_s=100)))

    (told,) = [vars(line) for line in caplog.records if line.message == "sinks_awaited"]
    assert told["missing"].keys() == {"table"}


def test_sinks_are_left_alone_while_a_run_is_only_planned(folder):
    table = Table()

    async def main() -> None:
        async with Session(folder, client=SimulatedClient(provider()), sinks=[table]) as session:
            await session.plan(articles(2))

    run_virtually(main())

    assert table.entered == []
