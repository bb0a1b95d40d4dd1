"""`qloragen deliver`, `--sink`, and what a sink has after the records of a run were changed."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import orjson
import pytest

import qloragen
from qloragen import Record, RunLocked, SetupError, SinkFailed
from qloragen.cli.main import main
from qloragen.simulator import KINDS, Call, Effect
from qloragen.sinks import SqliteSink, fields_of
from qloragen.store.run import open_run, read_records
from qloragen.types import Rejection

from .simulated import Simulated
from .test_cli import QLORAGEN
from .test_cli import qloragen as command
from .test_main_job import article, articles
from .test_sinks import rows_of
from .values import a_cell, a_record, a_reply

PLACEHOLDER = Effect(
    arguments='{"instruction": "How is it set up?", "evidence": [1], "output": "[insert the answer here], by hand."}'
)


def records_of(folder: Path) -> list[dict[str, object]]:
    """Return the rows that the records of a run should be."""
    return [dict(fields_of(record)) for record in sorted(read_records(folder), key=lambda record: record.id)]


def actions(placeholder: str) -> dict[str, dict[str, str]]:
    return {"actions": {"placeholder": placeholder, "dangling": "off", "unsupported": "off"}}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run directory with three records."""
    folder = tmp_path / "run"
    with open_run(folder) as run:
        for name in "abc":
            run.add_record(a_record(name))
    return folder


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands that run in this process tell it how to log."""
    handlers, level = logging.root.handlers[:], logging.root.level
    own = logging.getLogger("qloragen").level
    yield
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    logging.getLogger("qloragen").setLevel(own)
    logging.captureWarnings(capture=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


# --------------------------------------------------------------------------------------------------------- deliver


def test_a_sink_is_brought_what_it_does_not_have(run, file):
    first = qloragen.deliver(run, SqliteSink(file))
    with open_run(run) as opened:
        opened.add_record(a_record("d"))
    second = qloragen.deliver(run, f"sqlite:{file}")

    assert (first.records, second.records, second.dropped) == (3, 1, 0)
    assert first.sink == second.sink == SqliteSink(file).name
    assert rows_of(file) == records_of(run)


def test_all_is_brought_anew_on_demand_and_where_the_table_is_not_there_any_more(run, file):
    sink = SqliteSink(file)
    qloragen.deliver(run, sink)

    again = qloragen.deliver(run, sink)
    anew = qloragen.deliver(run, sink, anew=True)
    for name in (file, Path(f"{file}-wal"), Path(f"{file}-shm")):
        name.unlink(missing_ok=True)
    filled = qloragen.deliver(run, sink)

    assert [done.records for done in (again, anew, filled)] == [0, 3, 3]
    assert rows_of(file) == records_of(run)


async def test_with_an_event_loop_there_is_a_call_to_await(run, file):
    with pytest.raises(SetupError, match=r"await qloragen\.adeliver"):
        qloragen.deliver(run, SqliteSink(file))

    done = await qloragen.adeliver(run, SqliteSink(file))

    assert done.records == 3


def test_a_run_at_work_an_absent_one_and_one_of_a_judge_are_refused(run, file, tmp_path):
    with open_run(run), pytest.raises(RunLocked):
        qloragen.deliver(run, SqliteSink(file))
    with pytest.raises(SetupError, match="There is no run"):
        qloragen.deliver(tmp_path / "absent", SqliteSink(file))
    with open_run(tmp_path / "judged", sink="judgements.jsonl") as judged:
        judged.add_reply(a_reply(a_cell("j", stage="judge")))
    with pytest.raises(SetupError, match=r"makes judgements\.jsonl, which no sink takes"):
        qloragen.deliver(tmp_path / "judged", SqliteSink(file))

    assert not file.exists()


def test_the_command_says_what_each_sink_was_given(run, file, capsys):
    assert main(["deliver", str(run), "--to", f"sqlite:{file}", "--to", f"sqlite:{file}#second"]) == 0
    assert main(["deliver", str(run), "--to", f"sqlite:{file}", "--anew"]) == 0

    assert capsys.readouterr().out.splitlines() == [
        f"sqlite:{file}: 3 records handed over; it has all of them now",
        f"sqlite:{file}#second: 3 records handed over; it has all of them now",
        f"sqlite:{file}: 3 records handed over; it has all of them now",
    ]
    assert rows_of(file) == rows_of(file, "second") == records_of(run)


def test_the_command_takes_the_sinks_that_are_set_and_says_when_there_are_none(run, file, capsys, monkeypatch):
    assert main(["deliver", str(run)]) == 2
    assert "No sink is named: give --to NAME" in capsys.readouterr().err

    monkeypatch.setenv("QLORAGEN_SINKS", f"sqlite:{file}")

    assert main(["deliver", str(run)]) == 0
    assert rows_of(file) == records_of(run)


def test_a_table_of_another_shape_ends_both_commands_with_code_2_before_any_call(run, file, capsys, serve, source):
    server = serve()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE records (id TEXT PRIMARY KEY)")

    delivered = main(["deliver", str(run), "--to", f"sqlite:{file}"])
    options = ["--base-url", server.base_url, "--sink", f"sqlite:{file}"]
    generated = main(["generate", str(source), "--out", str(run.parent / "new"), *options])

    assert (delivered, generated) == (2, 2)
    errors = capsys.readouterr().err.splitlines()
    assert len([line for line in errors if "is another one: it has no column article_id" in line]) == 2
    assert server.calls == []


# ------------------------------------------------------------------------------------------------- changed records


async def test_records_that_reparse_changes_or_refuses_are_replaced_and_taken_back(tmp_path, file):
    run = tmp_path / "run"

    def faults(call: Call) -> Effect | None:
        return PLACEHOLDER if "Summarise a section" in call.prompt else None

    async with Simulated(classify=lambda _: "1, 2", faults=faults) as server:
        knobs: dict[str, Any] = {"base_url": server.base_url, "checks": actions("off")}
        await qloragen.agenerate([article(1)], run, sinks=[SqliteSink(file)], **knobs)
        made = rows_of(file)

        await anyio.to_thread.run_sync(lambda: qloragen.reparse(run, checks=actions("flag")))
        changed = await qloragen.adeliver(run, SqliteSink(file))
        flagged = rows_of(file)
        assert flagged == records_of(run)

        await anyio.to_thread.run_sync(lambda: qloragen.reparse(run, checks=actions("reject")))
        withdrawn = await qloragen.adeliver(run, SqliteSink(file))
        assert rows_of(file) == records_of(run)

        # Back again; this time the next session brings it.
        await anyio.to_thread.run_sync(lambda: qloragen.reparse(run, checks=actions("off")))
        await qloragen.agenerate([article(1)], run, sinks=[SqliteSink(file)], **knobs)

    assert [row["flags"] for row in made] == ["[]", "[]"]
    assert sorted(row["flags"] for row in flagged) == ['["placeholder"]', "[]"]
    assert (changed.records, changed.dropped) == (1, 0)
    assert (withdrawn.records, withdrawn.dropped) == (0, 1)
    assert rows_of(file) == records_of(run) == made


async def test_rebuild_changes_nothing_and_what_is_asked_for_again_is_brought_once_it_is_there(tmp_path, file):
    run = tmp_path / "run"
    refuse = True

    def faults(call: Call) -> Effect | None:
        summary = call.kind == "generate" and "Summarise a section" in call.prompt
        return KINDS["refusal"] if refuse and summary else None

    async with Simulated(classify=lambda _: "1, 2", faults=faults) as server:
        knobs: dict[str, Any] = {"base_url": server.base_url, "record_asks": 1}
        await qloragen.agenerate(articles(2), run, sinks=[SqliteSink(file)], **knobs)
        before = rows_of(file)
        await anyio.to_thread.run_sync(qloragen.rebuild, run)
        rebuilt = await qloragen.adeliver(run, SqliteSink(file))
        await anyio.to_thread.run_sync(qloragen.retry, run)
        retried = await qloragen.adeliver(run, SqliteSink(file))
        refuse = False
        await qloragen.agenerate(articles(2), run, sinks=[SqliteSink(file)], **knobs)

    assert (rebuilt.records, rebuilt.dropped, retried.records, retried.dropped) == (0, 0, 0, 0)
    assert len(before) == 2
    assert len(rows_of(file)) == 4
    assert rows_of(file) == records_of(run)


async def test_what_a_crash_took_from_the_journal_and_was_made_again_takes_the_place_of_what_was_there(tmp_path, file):
    run = tmp_path / "run"
    async with Simulated(classify=lambda _: "1, 2") as server:
        await qloragen.agenerate(articles(3), run, sinks=[SqliteSink(file)], base_url=server.base_url)
        journal = (run / "journal.jsonl").read_bytes()
        (run / "journal.jsonl").write_bytes(journal[: len(journal) // 2])
        await qloragen.agenerate(articles(3), run, sinks=[SqliteSink(file)], base_url=server.base_url)

    assert len(rows_of(file)) == 6
    assert rows_of(file) == records_of(run)


def test_a_record_that_counts_again_since_damage_took_its_withdrawal_is_brought_again(run, file):
    with open_run(run) as opened:
        opened.add_rejection(Rejection(a_cell("b"), "too_strict", "A new rule."))
        opened.add_record(a_record("d"))
    qloragen.deliver(run, SqliteSink(file))
    journal = (run / "journal.jsonl").read_bytes()
    (run / "journal.jsonl").write_bytes(journal.replace(b"A new rule.", b"A few rule."))

    again = qloragen.deliver(run, SqliteSink(file))

    assert again.records == len(rows_of(file)) == 4
    assert rows_of(file) == records_of(run)


def test_a_table_that_is_deleted_while_it_is_filled_is_filled_from_the_start(run, file):
    class Deleted(SqliteSink):
        deleted = False

        async def put(self, records: Sequence[Record]) -> None:
            if not self.deleted:
                file.unlink()
                self.deleted = True
            await super().put(records)

    qloragen.deliver(run, SqliteSink(file))
    with open_run(run) as opened:
        opened.add_record(a_record("d"))

    done = qloragen.deliver(run, Deleted(file))

    assert done.records == len(rows_of(file)) == 4
    assert rows_of(file) == records_of(run)


# ------------------------------------------------------------------------------------------------------------- status


def test_status_says_what_sinks_do_not_have(run, file, capsys):
    gone = file.parent / "gone"
    gone.mkdir()
    down = SqliteSink(gone / "y.db")
    qloragen.deliver(run, SqliteSink(file))
    qloragen.deliver(run, SqliteSink(file.parent / "all.db"))
    with open_run(run) as opened:
        opened.add_record(a_record("d"))
        opened.flush_journal()
        assert main(["status", str(run), "--json"]) == 0
    lacking = orjson.loads(capsys.readouterr().out)["missing_in_sinks"]
    qloragen.deliver(run, SqliteSink(file))

    with locked(gone / "y.db"), pytest.raises(SinkFailed):
        qloragen.deliver(run, down, max_outage_s=0.1)
    assert main(["status", str(run)]) == 0

    said = capsys.readouterr().out.splitlines()
    assert lacking == {SqliteSink(file.parent / "all.db").name: 1, SqliteSink(file).name: 1}
    brings = "the same command or `qloragen deliver` brings them"
    assert said[-3:] == [
        f"sink {SqliteSink(file.parent / 'all.db').name}: lacks 1 record; {brings}",
        f"sink {SqliteSink(file).name}: has all records",
        f"sink {down.name}: lacks 4 records; {brings}",
    ]


# --------------------------------------------------------------------------------------------------- trouble and stops


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let nobody else write a database within the block."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_database_that_stays_locked_ends_the_command_with_code_5_and_the_same_command_completes_it(
    tmp_path, serve, source, file
):
    server = serve()
    words = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--sink", f"sqlite:{file}"]
    with locked(file):
        failed = command(*words, "--set", "max_outage_s=1.5")
    calls = len(server.calls)

    qloragen.generate(source, tmp_path / "run", base_url=server.base_url, sinks=[SqliteSink(file)])

    assert failed.returncode == 5
    (said,) = [line for line in failed.stderr.splitlines() if line.startswith("qloragen: ")]
    assert "database is locked" in said
    assert said.endswith("the run's own files have all records.")
    assert "Traceback" not in failed.stderr
    assert len(server.calls) == 8 * 4 >= calls
    assert len(rows_of(file)) == 24
    assert rows_of(file) == records_of(tmp_path / "run")


def test_ctrl_c_gives_a_sink_its_grace_and_says_how_many_records_it_does_not_have(tmp_path, serve, source, file):
    processes: list[subprocess.Popen[str]] = []

    def signal_at_the_twentieth(call: Call) -> None:
        if call.index == 20:
            processes[0].send_signal(signal.SIGINT)

    server = serve(faults=signal_at_the_twentieth, delay_s=0.05)
    words = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--sink", f"sqlite:{file}"]
    process = [*QLORAGEN, *map(str, words), "--set", "grace_s=1", "--set", "open_articles=3"]
    with locked(file), subprocess.Popen(process, stderr=subprocess.PIPE, text=True) as at_work:
        processes.append(at_work)
        _, errors = at_work.communicate(timeout=40)

    records = len(list(read_records(tmp_path / "run")))
    assert (at_work.returncode, records > 3) == (130, True)
    said = errors.splitlines()[-1]
    assert said.startswith("qloragen: ")
    assert said.endswith(
        f" {records} records are not in {SqliteSink(file).name} yet. Run the same command again to go on."
    )
    qloragen.generate(source, tmp_path / "run", base_url=server.base_url, sinks=[SqliteSink(file)])
    assert rows_of(file) == records_of(tmp_path / "run")


def test_a_signal_ends_deliver_after_the_portion_that_is_on_its_way(run, file):
    process = [*QLORAGEN, "deliver", str(run), "--to", f"sqlite:{file}"]
    with locked(file), subprocess.Popen(process, stderr=subprocess.PIPE, text=True) as at_work:
        assert at_work.stderr is not None
        next(line for line in at_work.stderr if "sink_refuses" in line)
        at_work.send_signal(signal.SIGTERM)
        errors = at_work.stderr.read()

    assert at_work.returncode == 143
    assert errors.splitlines()[-1] == (
        "qloragen: Stopped by SIGTERM: no call was in flight, and everything is kept. 3 records are not in "
        f"{SqliteSink(file).name} yet. Run the same command again to go on."
    )
    assert orjson.loads(orjson.dumps(qloragen.deliver(run, SqliteSink(file))._asdict()))["records"] == 3
