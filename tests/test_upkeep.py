"""Looking after a run directory: `verify`, `rebuild` and `retry`, as functions and as commands."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

import qloragen
from qloragen import SetupError
from qloragen.cli.main import main
from qloragen.simulator import KINDS
from qloragen.store.names import INDEX, JOURNAL, SINK
from qloragen.store.run import open_run
from qloragen.types import Rejection

from .simulated import Simulated
from .values import NOON, a_cell, a_record, a_reply, an_article, key


@pytest.fixture
def folder(tmp_path):
    with open_run(tmp_path / "run") as run:
        run.add_article(an_article())
        for number, name in enumerate(("c1", "c2"), 6):
            run.add_reply(a_reply(a_cell(name)))
            run.add_record(a_record(name, type=number, type_slug=f"type-{number}", cost_usd=Decimal("0.0012")))
        run.add_rejection(Rejection(a_cell("c3"), "refusal", "It refused."))
        run.add_rejection(Rejection(a_cell("c4"), "schema", "Wrong."))
    return tmp_path / "run"


def spoil_line(folder, number):
    lines = (folder / JOURNAL).read_bytes().splitlines(keepends=True)
    lines[number - 1] = lines[number - 1].replace(b"merges", b"MERGES")
    (folder / JOURNAL).write_bytes(b"".join(lines))


def test_a_run_in_order_is_verified_line_by_line(folder, capsys):
    assert main(["verify", str(folder)]) == 0

    said = capsys.readouterr().out
    assert "7 journal lines checked (1 article, 2 record, 2 rejection, 2 reply); 2 records" in said
    assert "everything is as it should be" in said


def test_what_is_damaged_is_told_with_its_line_number_and_nothing_is_changed(folder, capsys):
    spoil_line(folder, 3)
    (folder / SINK).write_bytes(b"{}\n")
    before = {path: path.read_bytes() for path in (folder / JOURNAL, folder / SINK)}

    assert main(["verify", str(folder)]) == 3

    said = capsys.readouterr().out
    assert "wrong: journal.jsonl has line 3 damaged" in said
    assert "wrong: records.jsonl is from byte 0 on not what the journal says" in said
    assert {path: path.read_bytes() for path in before} == before


def test_damage_that_was_set_aside_is_no_problem_any_more(folder):
    spoil_line(folder, 3)
    qloragen.rebuild(folder)

    found = qloragen.verify(folder)

    assert found.problems == []
    assert found.set_aside == 1
    assert found.records == 1


def test_a_text_under_the_hash_of_another_is_found(folder):
    with open_run(folder) as run:
        other = an_article("Other words.")
        object.__setattr__(other, "content_hash", key("wrong"))
        run.add_article(other)

    assert qloragen.verify(folder).problems == [
        "journal.jsonl has line 8 whole, but not of this program or with another text"
    ]


def test_an_index_with_other_sums_is_found(folder):
    with open_run(folder) as run:
        run.state.totals.classified += 1
        run.add_reply(a_reply(a_cell("c5")))

    assert qloragen.verify(folder).problems == ["index.sqlite has other sums than the journal"]
    qloragen.rebuild(folder)
    assert qloragen.verify(folder).problems == []


def test_a_run_at_work_can_be_verified(folder):
    with open_run(folder) as run:
        run.add_reply(a_reply(a_cell("c5")))
        run.filing.write(run.filing.end)
        with (folder / JOURNAL).open("ab") as journal:
            journal.write(b'{"k":"just being wri')

        assert qloragen.verify(folder).problems == []
        (folder / JOURNAL).write_bytes((folder / JOURNAL).read_bytes()[:-20])


def test_the_sink_and_the_index_are_made_anew_from_the_journal(folder, capsys):
    before = (folder / SINK).read_bytes()
    (folder / SINK).unlink()
    (folder / INDEX).unlink()

    assert main(["rebuild", str(folder)]) == 0

    assert (folder / SINK).read_bytes() == before
    assert capsys.readouterr().out == (
        "records.jsonl: 2 lines that were missing were written from the journal\n"
        "records.jsonl was written anew from the journal: 2 records\n"
    )


def test_an_export_after_a_crash_has_every_record(folder, tmp_path):
    (folder / SINK).write_bytes((folder / SINK).read_bytes()[:-100])

    assert qloragen.export(folder, tmp_path / "out.jsonl").records == 2


def test_records_can_be_exported_from_a_run_that_is_not_to_be_gone_on_with(folder, tmp_path):
    (folder / JOURNAL).write_bytes(b"")

    assert qloragen.export(folder, tmp_path / "out.jsonl").records == 2


def test_given_up_items_are_asked_for_again_by_reason(folder, capsys):
    assert main(["retry", str(folder), "--reason", "refusal"]) == 0

    assert "asks again for 1 item that was given up (1 refusal)" in capsys.readouterr().out
    assert qloragen.summary(folder).rejections == {"schema": 1}
    assert qloragen.retry(folder) == Counter(schema=1)
    assert qloragen.retry(folder) == Counter()
    with pytest.raises(SetupError, match=r"given up for refusal; reasons there: none"):
        qloragen.retry(folder, "refusal")


def test_what_failed_only_for_now_is_said_to_be_asked_for_again_anyway(tmp_path, capsys):
    folder = tmp_path / "run"
    with open_run(folder) as run:
        run.add_failure(Rejection(a_cell("c1"), "timeout", "Too late."), NOON)

    assert main(["retry", str(folder)]) == 0

    assert capsys.readouterr().out == (
        "nothing was given up for good\n1 item failed only for now, and is asked for again anyway\n"
    )
    with pytest.raises(SetupError, match=r"What failed only for now \(timeout\) is asked for again anyway"):
        qloragen.retry(folder, "timeout")


def emptied(journal):
    return b""


def with_crlf(journal):
    return journal.replace(b"\n", b"\r\n")


def of_another_form(journal):
    return journal.replace(b'{"k":', b'{"key":')


def cut_to_a_line(journal):
    return journal[: journal.index(b"\n") + 1]


@pytest.mark.parametrize("spoil", [emptied, with_crlf, of_another_form])
def test_verify_ends_with_what_opening_would_say_where_it_would_refuse(folder, capsys, spoil):
    (folder / JOURNAL).write_bytes(spoil((folder / JOURNAL).read_bytes()))
    before = {path: path.read_bytes() for path in folder.iterdir()}

    assert main(["verify", str(folder)]) == 3
    assert {path: path.read_bytes() for path in before} == before

    said = capsys.readouterr().out
    assert "sets aside and mends" not in said
    assert "()" not in said
    with pytest.raises(SetupError) as refused, open_run(folder):
        pass
    assert said.splitlines()[-1] == str(refused.value)


@pytest.mark.parametrize("indexed", [True, False])
def test_verify_promises_mending_where_opening_would_mend(folder, capsys, indexed):
    spoil_line(folder, 3)
    (folder / SINK).unlink()
    if not indexed:
        (folder / INDEX).unlink()

    assert main(["verify", str(folder)]) == 3

    assert "sets aside and mends what is damaged" in capsys.readouterr().out
    assert not (folder / SINK).exists()


def test_verify_says_that_a_journal_which_lost_its_costly_end_would_be_refused(tmp_path, capsys):
    folder = tmp_path / "run"
    with open_run(folder) as run:
        run.add_article(an_article())
        run.add_reply(replace(a_reply(a_cell("c1")), cost_usd=Decimal(50)))
        run.add_record(a_record("c1"))
    (folder / JOURNAL).write_bytes(cut_to_a_line((folder / JOURNAL).read_bytes()))

    assert main(["verify", str(folder)]) == 3

    assert "put the whole file back; or go on with --yes" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["verify", "rebuild", "retry"])
def test_a_place_without_a_run_is_one_sentence(tmp_path, capsys, command):
    assert main([command, str(tmp_path)]) == 2

    assert "There is no run in" in capsys.readouterr().err


async def test_a_retried_item_is_asked_as_if_for_the_first_time_and_only_then(tmp_path):
    article = {"id": "a", "content": "Compaction merges SSTables and drops what is deleted. " * 9}
    async with Simulated(
        classify=lambda _: "1, 2", faults=lambda call: KINDS["refusal"] if call.kind == "generate" else None
    ) as server:
        await qloragen.agenerate([article], tmp_path / "run", base_url=server.base_url)
        server.faults = None
        calls = len(server.calls)
        again = await qloragen.agenerate([article], tmp_path / "run", base_url=server.base_url)
        assert (len(server.calls), again.summary.records) == (calls, 0)
        (reason,) = again.summary.rejections

        qloragen.retry(tmp_path / "run", reason)
        mended = await qloragen.agenerate([article], tmp_path / "run", base_url=server.base_url)

    assert (len(server.calls), mended.summary.records) == (calls + 2, 2)
    assert mended.summary.rejections == {}


def test_a_retry_is_in_the_journal_and_not_only_in_the_index(folder):
    with open_run(folder) as run:
        run.retry(key("c3"), NOON)
    (folder / INDEX).unlink()

    assert qloragen.summary(folder).rejections == {"schema": 1}
