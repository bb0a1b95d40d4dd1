"""Export: every record once, in order, in the shape that was asked for; the whole file or none."""

from __future__ import annotations

import errno
import gzip
import itertools
import json
import os
import threading
import tracemalloc
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen import export
from qloragen.errors import SetupError
from qloragen.export import ExportError, examples, of_any
from qloragen.export.records import Records
from qloragen.store.names import INDEX, JOURNAL, JUDGEMENTS, LOCK, MANIFEST, SINK

RECORD = {
    "id": "0" * 32,
    "article_id": "a\u2028b",
    "type": 1,
    "type_slug": "summary",
    "instruction": "Summarise compaction.",
    "input": "    compaction:\n      throughput: 64",
    "output": "It merges SSTables.",
    "content_hash": "1" * 32,
    "title": None,
    "url": None,
    "model": "gpt-6-luna",
    "prompt_fingerprint": "2" * 32,
    "input_mode": "evidence",
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 1, "cached_tokens": 0, "cache_write_tokens": 0, "completion_tokens": 2},
    "cost_usd": "0.0001",
    "time": "2026-11-23T08:00:00Z",
}


_numbers = itertools.count()


def line(**changes: object) -> bytes:
    """Return a record's line, of an article of its own unless `changes` name one."""
    own = {"article_id": f"a\u2028{next(_numbers)}"}
    return json.dumps({**RECORD, **own, **changes}, ensure_ascii=False).encode() + b"\n"


@pytest.fixture
def run(tmp_path):
    """A run with two records and a third that a crash has torn."""
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "records.jsonl").write_bytes(
        line() + line(instruction="Compare.", output="\n Both.\u2028 \n") + line()[:40]
    )
    return folder


def read(path: Path) -> list[Any]:
    return [json.loads(row) for row in path.read_bytes().split(b"\n")[:-1]]


def test_alpaca_lines_have_the_three_fields_and_nothing_else(run, tmp_path):
    summary = export(run, tmp_path / "train.jsonl")

    rows = read(tmp_path / "train.jsonl")
    assert rows == [
        {"instruction": "Summarise compaction.", "input": RECORD["input"], "output": "It merges SSTables."},
        {"instruction": "Compare.", "input": RECORD["input"], "output": "Both."},
    ]
    assert (summary.records, summary.bytes) == (2, (tmp_path / "train.jsonl").stat().st_size)


def test_messages_are_instruction_blank_line_input_then_output(run, tmp_path):
    export(run, tmp_path / "train.jsonl", "messages")

    assert read(tmp_path / "train.jsonl")[0] == {
        "messages": [
            {"role": "user", "content": f"Summarise compaction.\n\n{RECORD['input']}"},
            {"role": "assistant", "content": "It merges SSTables."},
        ]
    }


def test_a_system_message_goes_first(run, tmp_path):
    export(run, tmp_path / "train.jsonl", "messages", system="Be brief.")

    first, second, _ = read(tmp_path / "train.jsonl")[1]["messages"]
    assert first == {"role": "system", "content": "Be brief."}
    assert second["role"] == "user"


def test_text_is_what_the_callers_template_makes_of_the_three_fields(run, tmp_path):
    (tmp_path / "template").write_text("${instruction}|${input}|\n${output}</s>\n")

    export(run, tmp_path / "train.jsonl", "text", template=tmp_path / "template", eos="<|end|>")

    assert read(tmp_path / "train.jsonl")[1] == {"text": f"Compare.|{RECORD['input']}|\nBoth.</s><|end|>"}


def test_without_a_file_the_lines_go_to_standard_output(run, capfdbinary):
    summary = export(run, None)

    written = capfdbinary.readouterr().out
    assert len(written.splitlines()) == summary.records == 2
    assert len(written) == summary.bytes


def test_a_file_named_gz_is_compressed_and_the_same_each_time(run, tmp_path):
    summary = export(run, tmp_path / "a.jsonl.gz")
    export(run, tmp_path / "b.jsonl.gz")

    assert len(gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())) == summary.bytes
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_missing_folders_are_made(run, tmp_path):
    export(run, tmp_path / "new" / "folder" / "train.jsonl")

    assert len(read(tmp_path / "new" / "folder" / "train.jsonl")) == 2


def test_a_pipe_is_written_to_and_stays_a_pipe(run, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()

    summary = export(run, pipe)
    reader.join()

    assert len(received[0]) == summary.bytes
    assert pipe.is_fifo()


@pytest.mark.parametrize("bad", [b"{}\n", b"nonsense\n", b'{"instruction": 1, "input": "", "output": ""}\n'])
def test_a_line_that_is_no_record_is_named_and_the_earlier_file_stays(bad, run, tmp_path):
    (run / "records.jsonl").write_bytes(line() + bad + line())
    out = tmp_path / "train.jsonl"
    out.write_text("earlier")

    with pytest.raises(
        ExportError, match=r"records\.jsonl:2 is not a record \(.*\); mend that line, or let `qloragen rebuild`"
    ):
        export(run, out)

    assert out.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "train.jsonl"]


def test_no_run_is_a_clear_error(tmp_path):
    with pytest.raises(SetupError, match=r"There is no run in .*nowhere: no such folder"):
        export(tmp_path / "nowhere", tmp_path / "train.jsonl")


@pytest.mark.parametrize("sink", [None, b"", b'{"torn'])
def test_a_run_without_records_is_a_clear_error_and_leaves_no_file(sink, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    if sink is not None:
        (folder / "records.jsonl").write_bytes(sink)

    with pytest.raises(ExportError, match="has no records to export"):
        export(folder, tmp_path / "train.jsonl")

    assert not (tmp_path / "train.jsonl").exists()


NAMES = [JOURNAL, SINK, JUDGEMENTS, MANIFEST, LOCK, INDEX, f"{INDEX}-wal", f"{INDEX}-shm"]


@pytest.mark.parametrize("name", NAMES)
def test_the_runs_own_files_are_never_written_over(name, run):
    with pytest.raises(ExportError, match="is a file of the run itself"):
        export(run, run / ".." / "run" / name)


def test_records_that_cannot_be_read_are_a_clear_error(tmp_path):
    (tmp_path / "run/records.jsonl").mkdir(parents=True)

    with pytest.raises(ExportError, match=r"records\.jsonl cannot be read: Is a directory\."):
        export(tmp_path / "run", tmp_path / "train.jsonl")

    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_disk_that_refuses_halfway_through_the_records_is_a_clear_error():
    class Damaged(BytesIO):
        seeks = 0

        def seek(self, *place: int) -> int:
            self.seeks += 1
            return super().seek(*place)

        def __next__(self) -> bytes:
            if self.seeks and self.tell():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().__next__()

    passing_by = Records(Damaged(line() * 3), Path("run/records.jsonl"), of_any).each()

    with pytest.raises(ExportError, match=r"^run/records\.jsonl cannot be read: Input/output error\.$"):
        list(passing_by)


def test_a_place_that_cannot_be_written_is_a_clear_error(run, tmp_path):
    with pytest.raises(ExportError, match="cannot be written: Is a directory"):
        export(run, tmp_path)
    with pytest.raises(ExportError, match=r"cannot be written: Not a directory"):
        export(run, run / "records.jsonl" / "train.jsonl")


def test_memory_does_not_grow_with_the_run(run, tmp_path):
    (run / "records.jsonl").write_bytes(line(output="x" * 10_000) * 2_000)
    export(run, tmp_path / "warm.jsonl")

    tracemalloc.start()
    export(run, tmp_path / "train.jsonl")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1_000_000


@given(
    st.lists(
        st.fixed_dictionaries({field: st.text(min_size=1) for field in ("instruction", "input", "output")}), min_size=1
    ),
    st.data(),
)
@settings(deadline=None)
def test_however_the_sink_is_cut_the_whole_lines_before_the_cut_come_out_exact(tmp_path_factory, rows, data):
    folder = tmp_path_factory.mktemp("run")
    lines = [line(article_id=f"a{number}", **row) for number, row in enumerate(rows)]
    sink = b"".join(lines)
    cut = data.draw(st.integers(min_value=len(lines[0]), max_value=len(sink)))
    (folder / "records.jsonl").write_bytes(sink[:cut])

    found = [example.model_dump(include={*rows[0]}) for example in examples(folder)]

    whole = sink[:cut].count(b"\n")
    assert found == [{**row, "output": row["output"].strip()} for row in rows[:whole]]


def test_of_several_records_for_one_article_and_type_the_newest_is_exported(tmp_path):
    old = [line(article_id="a", output=f"Old {n} it merges SSTables.") for n in range(2)]
    other = line(article_id="a", type_slug="other", output="It stays, another type.")
    new = line(article_id="a", output="New: it merges SSTables.")
    (tmp_path / "records.jsonl").write_bytes(old[0] + other + old[1] + new)

    assert [example.output for example in examples(tmp_path)] == ["It stays, another type.", "New: it merges SSTables."]
