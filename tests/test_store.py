"""The run directory: what is put into it is there again, whatever cut the writing short."""

import os
import subprocess
import sys
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import RunLocked, SetupError, StorageFailed
from qloragen.store.committer import SAVE_EVERY, Terms, committing
from qloragen.store.files import Disk
from qloragen.store.frame import framed, is_whole, key_of, kind_of, sink_line
from qloragen.store.ledger import Account, Bill, Ledger, total
from qloragen.store.log import Log
from qloragen.store.names import INDEX, JOURNAL, SINK
from qloragen.store.run import open_run, read_records, read_run
from qloragen.store.scan import lines
from qloragen.types import Rejection, Usage

from .values import NOON, a_cell, a_classification, a_record, a_reply, an_article, key


def records(folder):
    return list(read_records(folder))


def journal_lines(folder):
    return [orjson.loads(line) for line in (folder / JOURNAL).read_bytes().splitlines()]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


# ------------------------------------------------------------------------------------------------------- the frame

FIELDS = st.dictionaries(st.text(max_size=9), st.text(max_size=40) | st.integers(0, 99), min_size=1, max_size=4)


@given(FIELDS, st.data())
def test_a_line_is_told_whole_from_damaged_without_parsing(fields, data):
    line = framed(key("a"), "types", fields)

    assert is_whole(line)
    assert (key_of(line), kind_of(line)) == (key("a"), "types")
    parsed = orjson.loads(line)
    assert (next(iter(parsed)), next(reversed(parsed))) == ("k", "c")
    assert fields.items() <= parsed.items() or {"k", "t", "c"} & set(fields)
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at]))
    assert not is_whole(line[:at] + bytes([other]) + line[at + 1 :])
    assert not is_whole(line[:at])


def test_a_checksum_in_other_digits_is_none():
    tried = [framed(key("a"), "t", {"n": n}) for n in range(9)]
    line = next(line for line in tried if line[-10:-2].upper() != line[-10:-2])

    assert not is_whole(line[:-10] + line[-10:-2].upper() + line[-2:])


def test_a_record_line_of_the_sink_is_that_of_the_journal_without_its_frame():
    line = framed(key("a"), "record", {"output": 'x,"y"', "n": 1})

    assert orjson.loads(sink_line(line)) == {"id": key("a"), "output": 'x,"y"', "n": 1}


# --------------------------------------------------------------------------------------------------------- the log


def test_every_line_is_read_back_at_its_offset_queued_or_written(tmp_path):
    log = Log(tmp_path / "log", Disk())
    put = [b"one", b"", b"x" * 200_000, "drei\u2028\u0085".encode()]

    offsets = [log.put(line) for line in put]
    queued = [log.read(offset) for offset in offsets]
    log.write(offsets[2])
    partly = [log.read(offset) for offset in offsets]
    log.write(log.end)

    assert queued == partly == [log.read(offset) for offset in offsets] == put
    assert [(at, line) for at, line, _ in lines(Disk(), log.file)] == list(zip(offsets, put, strict=True))
    log.close()


def test_nothing_is_written_to_a_file_that_someone_else_has_changed_or_replaced(tmp_path):
    log = Log(tmp_path / "log", Disk())
    log.put(b"one")
    log.write(log.end)
    with (tmp_path / "log").open("ab") as other:
        other.write(b"other\n")
    log.put(b"two")

    with pytest.raises(StorageFailed, match="changed by something else"):
        log.write(log.end)
    (tmp_path / "log").unlink()
    with pytest.raises(StorageFailed, match="deleted or replaced"):
        log.write(log.end)
    log.close()


# --------------------------------------------------------------------------------------------- what is put is there


def test_a_reply_is_kept_until_its_cell_is_settled(folder):
    with open_run(folder) as run:
        run.add_article(an_article())
        run.add_reply(a_reply(body="first \u2028 reply"))
        run.add_reply(a_reply(body="second"))
        assert [reply.body for reply in run.replies(key("c1"))] == ["first \u2028 reply", "second"]

    with open_run(folder) as run:
        assert [reply.body for reply in run.replies(key("c1"))] == ["first \u2028 reply", "second"]
        assert run.replies(key("c1"))[0] == a_reply(body="first \u2028 reply")
        assert run.article(a_cell()) == an_article()
        assert run.state.text_of("a") == an_article().content_hash
        assert not run.state.settled(key("c1"))
        run.add_record(a_record())

        assert run.replies(key("c1")) == []
    with open_run(folder) as run:
        assert run.state.settled(key("c1"))


def test_what_became_of_each_cell_is_known_again_after_reopening(folder):
    with open_run(folder) as run:
        run.add_types(a_classification("k1"), (1, 2))
        run.add_types(a_classification("k2"), ())
        run.add_rejection(Rejection(a_cell("c2"), "refusal", "It refused."))
        run.add_failure(Rejection(a_cell("c3"), "timeout", "Too slow."), NOON)
        run.add_record(a_record("c4"))

    for _ in range(2):  # with its index, and without
        with open_run(folder) as run:
            state = run.state
            assert state.types_of(key("k1")) == (1, 2)
            assert state.types_of(key("k2")) == ()
            assert state.rejection_of(key("c2")) == "refusal"
            assert state.failures_of(key("c3"), "timeout") == 1
            assert run.record(key("c4")) == a_record("c4")
            settled = [state.settled(key(name)) for name in ("k1", "k2", "c2", "c3", "c4", "c5")]
            assert settled == [True, True, True, False, True, False]
            assert (state.totals.classified, state.totals.records) == (2, 1)
            assert (state.totals.rejections, state.totals.failures) == ({"refusal": 1}, {"timeout": 1})
            assert (state.keys("types"), state.keys("rejection")) == (sorted([key("k1"), key("k2")]), [key("c2")])
        (folder / INDEX).unlink()


def test_a_failure_is_counted_over_runs_and_forgotten_once_its_cell_is_settled(folder):
    for _ in range(2):
        with open_run(folder) as run:
            run.add_failure(Rejection(a_cell("c1"), "timeout", "Too slow."), NOON)
    with open_run(folder) as run:
        assert run.state.failures_of(key("c1"), "timeout") == 2
        assert run.state.failures_of(key("c1"), "other") == 0
        run.add_record(a_record("c1"))

    assert read_run(folder).totals.failures == {}


def test_a_rejected_cell_can_be_opened_again_as_if_nothing_had_been_asked(folder):
    with open_run(folder) as run:
        run.add_reply(a_reply())
        run.add_rejection(Rejection(a_cell("c1"), "refusal", "It refused."))
    with open_run(folder) as run:
        run.retry(key("c1"), NOON)

    with open_run(folder) as run:
        assert not run.state.settled(key("c1"))
        assert run.replies(key("c1")) == []
        assert run.state.totals.rejections == {}


def test_records_are_read_back_as_they_were_put(folder):
    odd = a_record("c2", article_id='../"x"\n\u2028:7', cost_usd=None, title=None)
    with open_run(folder) as run:
        run.add_record(a_record("c1"))
        run.add_record(odd)
        run.add_record(a_record("c1", output="Another one for the same cell."))

        assert run.record(key("c2")) == odd
    assert records(folder) == [a_record("c1"), odd]
    assert b'"cost_usd":"0.00000010"' in (folder / SINK).read_bytes()


def test_a_revised_record_and_a_rejection_take_the_place_of_what_was_there(folder):
    with open_run(folder) as run:
        for name in ("c1", "c2", "c3"):
            run.add_record(a_record(name))
        run.flush()
        run.add_record(a_record("c1", output="Better."), revised=True)
        run.add_rejection(Rejection(a_cell("c2"), "schema", "Wrong."))
        run.add_record(a_record("c4"))

    assert records(folder) == [a_record("c3"), a_record("c1", output="Better."), a_record("c4")]
    assert read_run(folder).totals.records == 3


def test_after_a_revised_record_was_read_back_new_ones_are_in_the_sink_at_once(folder):
    with open_run(folder) as run:
        run.add_record(a_record("c1"))
        run.add_record(a_record("c1", output="Better."), revised=True)
    (folder / INDEX).unlink()

    with open_run(folder) as run:
        run.add_record(a_record("c2"))
        run.filing.write(run.filing.end)
        run.filing.project(run.filing.ends.sink)

        assert records(folder) == [a_record("c1", output="Better."), a_record("c2")]


def test_a_run_is_readable_while_it_is_open_and_after_its_process_was_killed(folder):
    with open_run(folder) as run:
        run.add_reply(a_reply())
        run.filing.write(run.filing.end)

        assert read_run(folder).ledger.total().calls == 1
    with open_run(folder) as run:
        run.add_reply(a_reply())
        run.flush()

        assert read_run(folder).ledger.total().calls == 2


def test_reading_a_directory_without_a_run_says_so(tmp_path):
    with pytest.raises(SetupError, match="no run in"):
        read_run(tmp_path)
    with pytest.raises(SetupError, match="no run in"):
        next(read_records(tmp_path))


def test_a_file_in_the_place_of_the_run_directory_is_refused(folder):
    folder.write_text("")

    with pytest.raises(SetupError, match="is a file"), open_run(folder):
        pass


def test_the_manifest_is_replaced_whole(folder):
    with open_run(folder) as run:
        run.filing.write_manifest({"status": "running"})
        run.filing.write_manifest({"status": "ended"})

    assert orjson.loads((folder / "run.json").read_bytes()) == {"status": "ended"}
    assert not list(folder.glob("*.new"))


def test_the_files_of_a_run_are_private(folder):
    with open_run(folder) as run:
        run.add_record(a_record())

    assert [path.name for path in (folder, *folder.iterdir()) if path.stat().st_mode & 0o077] == []


# --------------------------------------------------------------------------------------------------------- recovery


def filled(folder):
    with open_run(folder) as run:
        run.add_article(an_article())
        for name in ("c1", "c2", "c3"):
            run.add_reply(a_reply(a_cell(name)))
            run.add_record(a_record(name))


def test_a_torn_last_line_is_set_aside_and_the_others_are_kept(folder):
    filled(folder)
    with (folder / JOURNAL).open("ab") as journal:
        journal.write(b'{"k":"torn')

    with open_run(folder) as run:
        assert run.recovery.sentences == ["the last 10 bytes of journal.jsonl were no whole line and were set aside"]
        assert run.state.totals.records == 3
    assert b'{"k":"torn' in (folder / "aside" / JOURNAL).read_bytes()
    with open_run(folder) as run:
        assert run.recovery.sentences == []


def test_a_whole_last_line_without_its_newline_gets_one(folder):
    filled(folder)
    (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes()[:-1])

    with open_run(folder) as run:
        assert run.recovery.sentences == []
        run.add_record(a_record("c4"))
    assert len(records(folder)) == 4


def test_a_damaged_line_is_set_aside_with_its_number_once_and_its_neighbours_are_kept(folder):
    filled(folder)
    journal = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    journal[2] = journal[2].replace(b"merges", b"MERGES")
    (folder / JOURNAL).write_bytes(b"".join(journal))

    with open_run(folder) as run:
        assert run.recovery.damaged == [3]
        assert "journal.jsonl has line 3 damaged (1 in all), copied aside" in run.recovery.sentences[0]
        assert not run.state.settled(key("c1"))
        assert run.replies(key("c1")) == [a_reply(a_cell("c1"))]
        assert run.state.totals.records == 2
    assert journal[2].rstrip() in (folder / "aside" / JOURNAL).read_bytes()
    assert [record.id for record in records(folder)] == [key("c2"), key("c3")]
    (folder / INDEX).unlink()
    with open_run(folder) as run:
        assert run.recovery.damaged == []
        assert run.state.totals.damaged_lines == 1


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda sink: sink.unlink(), id="missing"),
        pytest.param(lambda sink: sink.write_bytes(b""), id="empty"),
        pytest.param(lambda sink: sink.write_bytes(sink.read_bytes()[:700]), id="cut"),
        pytest.param(lambda sink: sink.write_bytes(sink.read_bytes() + b"\0" * 5000), id="zeros at its end"),
        pytest.param(lambda sink: sink.write_bytes(sink.read_bytes()[1:]), id="its start lost"),
        pytest.param(lambda sink: sink.write_bytes(sink.read_bytes().replace(b"What", b"Whom", 1)), id="edited"),
        pytest.param(
            lambda sink: sink.write_bytes(b"".join(sink.read_bytes().splitlines(keepends=True)[::-1])), id="reversed"
        ),
    ],
)
def test_a_sink_that_is_not_what_the_journal_says_is_mended(folder, spoil):
    filled(folder)
    before = (folder / SINK).read_bytes()
    spoil(folder / SINK)

    with open_run(folder) as run:
        assert run.recovery.sink
        run.add_record(a_record("c4"))
        run.flush()
        assert (folder / SINK).read_bytes().startswith(before)
    assert len(records(folder)) == 4
    with open_run(folder) as run:
        assert run.recovery.sentences == []


def test_records_without_a_journal_are_not_gone_on_with(folder):
    filled(folder)
    (folder / JOURNAL).unlink()

    with pytest.raises(SetupError, match="put the journal back"), open_run(folder):
        pass
    assert len((folder / SINK).read_bytes().splitlines()) == 3


def test_a_journal_of_another_form_is_not_touched(folder):
    folder.mkdir()
    (folder / JOURNAL).write_bytes(b'{"kind":"article"}\n')

    with pytest.raises(SetupError, match="another directory"), open_run(folder):
        pass
    assert (folder / JOURNAL).read_bytes() == b'{"kind":"article"}\n'


def test_damage_that_is_met_only_when_it_is_read_stops_the_run_and_the_next_one_mends_it(folder):
    filled(folder)
    with open_run(folder) as run:
        at = run.state.record_offset(key("c2")) or 0
        with (folder / JOURNAL).open("r+b") as journal:
            journal.seek(at + 100)
            journal.write(b"#")

        with pytest.raises(StorageFailed, match="run the same command again"):
            run.record(key("c2"))
    with open_run(folder) as run:
        assert run.recovery.damaged == [5]


def test_opening_a_run_that_was_closed_in_order_reads_no_line(folder):
    filled(folder)

    with open_run(folder) as run:
        assert run.recovery.lines_read == 0
        assert run.state.totals.records == 3
    (folder / INDEX).write_bytes(b"no database")
    with open_run(folder) as run:
        assert run.recovery.lines_read == 7
        assert run.state.totals.records == 3


# ------------------------------------------------------------------------------------------------------ the commits


async def test_what_is_kept_is_with_the_kernel_and_what_is_durable_is_in_the_sink(folder):
    with open_run(folder) as run:
        async with committing(run) as committer:
            run.add_record(a_record("c1"))
            await committer.kept()
            assert b"record" in (folder / JOURNAL).read_bytes()
            await committer.durable()
            assert records(folder) == [a_record("c1")]


@pytest.mark.parametrize("durability", ["process", "group", "record"])
async def test_what_is_queued_when_the_block_is_left_is_committed(folder, durability):
    with open_run(folder) as run:
        async with committing(run, Terms(durability)):
            run.add_record(a_record("c1"))
        assert records(folder) == [a_record("c1")]


async def test_a_long_run_keeps_its_index_up_to_date_and_its_memory_free(folder):
    with open_run(folder) as run:
        async with committing(run) as committer:
            for n in range(SAVE_EVERY + 1):
                run.add_types(a_classification(str(n)), (1,))
            await committer.durable()
            run.add_types(a_classification("last"), (2,))
            await committer.durable()
        # The index is written beside other work, which is over now.
        assert run.state.unsaved < SAVE_EVERY
        assert run.state.types_of(key("0")) == (1,)
        assert read_run(folder).totals.classified == SAVE_EVERY + 2


# ---------------------------------------------------------------------------------------------------------- the lock

OPEN = "import sys; from pathlib import Path; from qloragen.store.run import open_run\n"


def test_a_second_process_is_refused_by_name_host_and_time(folder):
    with open_run(folder):
        command = [sys.executable, "-c", OPEN + "open_run(Path(sys.argv[1])).__enter__()", folder]
        second = subprocess.run(command, capture_output=True, text=True, check=False)

        assert second.returncode == 1
        assert f"in use by process {os.getpid()} on {os.uname().nodename} since 20" in second.stderr
    with open_run(folder):
        pass


def test_the_lock_is_free_again_when_its_owner_was_killed(folder):
    script = OPEN + "import os\nwith open_run(Path(sys.argv[1])): os.kill(os.getpid(), 9)"

    killed = subprocess.run([sys.executable, "-c", script, folder], check=False)

    assert killed.returncode == -9
    with open_run(folder):
        pass


def test_deleting_the_lock_file_lets_nobody_in(folder):
    with open_run(folder):
        (folder / ".lock").unlink()

        with pytest.raises(RunLocked, match="another process"), open_run(folder):
            pass
    with open_run(folder):
        pass


# -------------------------------------------------------------------------------------------------------- the ledger

COSTS = st.one_of(st.none(), st.decimals(0, 10, places=9))
REPLIES = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.integers(0, 10**6), COSTS))


@given(REPLIES)
def test_the_ledger_is_the_sum_of_its_replies(replies):
    ledger = Ledger()

    for model, slug, tokens, cost in replies:
        ledger.charge(Account(model, "generate", slug), Usage(tokens, 0, 0, tokens, 0), cost)

    whole = ledger.total()
    assert whole.calls == len(replies)
    assert whole.usage.prompt_tokens == sum(tokens for _, _, tokens, _ in replies)
    assert whole.cost_usd == sum((cost for *_, cost in replies if cost is not None), Decimal(0))
    assert whole.unpriced_calls == sum(cost is None for *_, cost in replies)
    assert total(ledger.bills.values()) == whole


def test_an_unknown_price_makes_the_total_unknown_and_never_zero():
    bill = Bill(1, Usage(), Decimal(0), unpriced_calls=1).plus(Bill(1, Usage(), Decimal(1)))

    assert bill.total_usd is None
    assert bill.cost_usd == 1


def test_the_sums_survive_reopening(folder):
    with open_run(folder) as run:
        for cell in (a_cell("c1"), a_cell("c2"), a_classification("k1")):
            run.add_reply(a_reply(cell))
        before = run.state.ledger.bills

    for _ in range(2):
        with open_run(folder) as run:
            assert run.state.ledger.bills == before
        (folder / INDEX).unlink()
    assert sum(Decimal(line["cost_usd"]) for line in journal_lines(folder)) == Decimal("0.0036")
