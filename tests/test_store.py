"""The run directory: what is written is read back, whatever cut the writing short."""

import os
import subprocess
import sys
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import SetupError
from qloragen.store.ledger import Account, Bill, Ledger, total
from qloragen.store.log import Log, lines
from qloragen.store.run import open_run, read_records, read_run
from qloragen.types import Rejection, Usage

from .values import a_cell, a_classification, a_record, a_reply, an_article


def reopened(folder):
    with open_run(folder) as run:
        return run.state


def test_every_line_is_read_back_at_the_offset_it_was_written_at(tmp_path):
    log = Log(tmp_path / "log")
    written = [b"one", b"", b"x" * 200_000, "drei\u2028\u0085".encode()]

    offsets = [log.append(line) for line in written]

    assert [log.read(offset) for offset in offsets] == written
    assert list(lines(tmp_path / "log")) == list(zip(offsets, written, strict=True))
    log.close()


@given(whole=st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line)), torn=st.binary(max_size=40))
def test_a_torn_last_line_is_cut_off_and_saved_aside(tmp_path_factory, whole, torn):
    path = tmp_path_factory.mktemp("torn") / "log"
    torn = torn.replace(b"\n", b"")
    path.write_bytes(b"".join(line + b"\n" for line in whole) + torn)

    log = Log(path)
    log.append(b"next")
    log.close()

    assert [line for _, line in lines(path)] == [*whole, b"next"]
    assert log.torn_bytes == len(torn)
    assert not torn or path.with_name("log.torn").read_bytes() == torn


def test_a_reader_takes_an_unfinished_last_line_for_absent(tmp_path):
    (tmp_path / "log").write_bytes(b"one\ntwo")

    assert list(lines(tmp_path / "log")) == [(0, b"one")]


def test_a_failed_write_stops_the_log_and_the_next_opening_mends_it(tmp_path):
    """A limit on the file's size makes the kernel write half a line, then refuse, as a full disk does."""
    script = (
        "import resource, signal, sys; from pathlib import Path; from qloragen.store.log import Log\n"
        "from qloragen.errors import StorageFailed\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "log = Log(Path(sys.argv[1])); log.append(b'kept')\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "for line in (b'x' * 500, b'y'):\n"
        "    try: log.append(line)\n"
        "    except StorageFailed as error: print(error)\n"
    )
    path = tmp_path / "log"

    done = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)

    assert done.stdout.count("run the same command again") == 2
    assert path.stat().st_size == 100
    log = Log(path)
    assert [line for _, line in lines(path)] == [b"kept"]
    log.close()


def test_a_reply_is_kept_until_its_cell_is_settled(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_article(an_article())
        run.add_reply(a_reply(body="first \u2028 reply"))
        run.add_reply(a_reply(body="second"))

    with open_run(tmp_path / "run") as run:
        assert [reply.body for reply in run.replies("c1")] == ["first \u2028 reply", "second"]
        assert run.replies("c1")[0] == a_reply(body="first \u2028 reply")
        assert run.article(a_cell()) == an_article()
        assert not run.state.settled("c1")
        run.add_record(a_record())

        assert run.replies("c1") == []
    assert reopened(tmp_path / "run").settled("c1")


def test_what_became_of_each_cell_is_known_again_after_reopening(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_types(a_classification("k1"), (1, 2))
        run.add_types(a_classification("k2"), ())
        run.add_rejection(Rejection(a_cell("c2"), "refusal", "It refused."))
        run.add_failure(Rejection(a_cell("c3"), "timeout", "Too slow."))
        run.add_record(a_record("c4"))

    state = reopened(tmp_path / "run")

    assert state.types == {"k1": (1, 2), "k2": ()}
    assert state.rejections == {"c2": "refusal"}
    assert state.failures == {"c3": "timeout"}
    assert list(state.records) == ["c4"]
    assert [state.settled(key) for key in ("k1", "k2", "c2", "c3", "c4")] == [True, True, True, False, True]


def test_a_failure_is_forgotten_once_its_cell_is_settled(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_failure(Rejection(a_cell("c1"), "timeout", "Too slow."))
        run.add_record(a_record("c1"))

    assert reopened(tmp_path / "run").failures == {}


def test_records_are_read_back_as_they_were_written(tmp_path):
    odd = a_record("c2", article_id='../"x"\n\u2028:7', cost_usd=None, title=None)
    with open_run(tmp_path / "run") as run:
        run.add_record(a_record("c1"))
        run.add_record(odd)

        assert run.record("c2") == odd
    assert list(read_records(tmp_path / "run")) == [a_record("c1"), odd]
    assert b'"cost_usd":"0.00000010"' in (tmp_path / "run/records.jsonl").read_bytes()


def test_a_damaged_line_counts_as_absent_and_hides_no_neighbour(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_types(a_classification("k1"), (1,))
    journal = tmp_path / "run/journal.jsonl"
    journal.write_bytes(b'{"kind":"types"\n\xff\xfe\n[]\n' + journal.read_bytes())

    state = reopened(tmp_path / "run")

    assert state.damaged_lines == 3
    assert state.types == {"k1": (1,)}


def test_a_record_line_that_was_lost_is_missing_while_its_reply_is_not(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply())
        run.add_record(a_record("c1"))
    (tmp_path / "run/records.jsonl").write_bytes(b"")

    with open_run(tmp_path / "run") as run:
        assert not run.state.settled("c1")
        assert run.replies("c1") == [a_reply()]


def test_replacing_the_records_leaves_exactly_the_new_ones(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_record(a_record("c1"))
        run.add_rejection(Rejection(a_cell("c2"), "schema", "Wrong."))

        run.replace_records(iter([a_record("c2"), a_record("c3")]))
        run.add_record(a_record("c4"))

        assert run.record("c3") == a_record("c3")
        assert run.state.rejections == {}
    assert [record.id for record in read_records(tmp_path / "run")] == ["c2", "c3", "c4"]
    assert reopened(tmp_path / "run").rejections == {}


def test_a_failure_while_replacing_leaves_the_old_records(tmp_path):
    def failing():
        yield a_record("c2")
        raise ValueError

    with open_run(tmp_path / "run") as run:
        run.add_record(a_record("c1"))

        with pytest.raises(ValueError):
            run.replace_records(failing())

        assert list(run.state.records) == ["c1"]
    assert [record.id for record in read_records(tmp_path / "run")] == ["c1"]


def test_a_second_process_is_refused_by_name(tmp_path):
    script = (
        "import sys; from pathlib import Path; from qloragen.store.run import open_run\n"
        "open_run(Path(sys.argv[1])).__enter__()"
    )

    with open_run(tmp_path / "run"):
        command = [sys.executable, "-c", script, tmp_path / "run"]
        second = subprocess.run(command, capture_output=True, text=True, check=False)

        assert second.returncode == 1
        assert f"in use by process {os.getpid()}" in second.stderr
    with open_run(tmp_path / "run"):
        pass


def test_the_lock_is_free_again_when_its_owner_was_killed(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from qloragen.store.run import open_run\n"
        "with open_run(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )

    killed = subprocess.run([sys.executable, "-c", script, tmp_path / "run"], check=False)

    assert killed.returncode == -9
    with open_run(tmp_path / "run"):
        pass


def test_a_file_in_the_place_of_the_run_directory_is_refused(tmp_path):
    (tmp_path / "run").write_text("")

    with pytest.raises(SetupError, match="is a file"), open_run(tmp_path / "run"):
        pass


def test_reading_a_directory_without_a_run_says_so(tmp_path):
    with pytest.raises(SetupError, match="no run in"):
        read_run(tmp_path)
    with pytest.raises(SetupError, match="no run in"):
        next(read_records(tmp_path))


def test_a_run_is_readable_while_it_is_open(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_reply(a_reply())

        assert read_run(tmp_path / "run").ledger.total().calls == 1


def test_the_manifest_is_replaced_whole(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.write_manifest({"status": "running"})
        run.write_manifest({"status": "ended"})

    assert orjson.loads((tmp_path / "run/run.json").read_bytes()) == {"status": "ended"}
    assert not list((tmp_path / "run").glob("*.new"))


def test_the_files_of_a_run_are_private(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_record(a_record())

    assert (tmp_path / "run").stat().st_mode & 0o077 == 0
    assert (tmp_path / "run/journal.jsonl").stat().st_mode & 0o077 == 0


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


def test_the_sums_survive_reopening(tmp_path):
    with open_run(tmp_path / "run") as run:
        for cell in (a_cell("c1"), a_cell("c2"), a_classification("k1")):
            run.add_reply(a_reply(cell))
        before = run.state.ledger.bills

    assert reopened(tmp_path / "run").ledger.bills == before
    journal = [orjson.loads(line) for line in (tmp_path / "run/journal.jsonl").read_bytes().splitlines()]
    assert sum(Decimal(line["cost_usd"]) for line in journal) == Decimal("0.0036")
