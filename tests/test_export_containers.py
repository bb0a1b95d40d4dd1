"""Files of rows: what was put in comes out with all who read such files, and a file is whole or not there."""

from __future__ import annotations

import gzip
import os
import sys
import threading
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.errors import SetupError
from qloragen.export import CONTAINERS, FORMS, ExportError, Prompt, Row, container_of, form_of, opened, rows_to, tagged
from qloragen.export.form import Column
from qloragen.store.names import INDEX, JOURNAL, JUDGEMENTS, LOCK, MANIFEST, SINK

from .consumers import by_json, by_pandas, by_pyarrow, readers_of
from .training import CHAT, NASTY_EXAMPLES, TEMPLATE, examples

NAMES = ("train.jsonl", "train.jsonl.gz", "train.json", "train.json.gz", "train.parquet")
TEXTS: dict[str, Column] = {"text": "text"}
ALL_FORMS = {name: tagged(form_of(name, system=None, prompt=Prompt(TEMPLATE, eos="</s>"))) for name in FORMS}


def write(path: Path, columns: dict[str, Column], rows: list[Row]) -> list[int]:
    with opened(path, container_of(path), columns) as put:
        return [put(row) for row in rows]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", FORMS)
def test_whoever_reads_a_file_finds_the_rows_that_went_in(form, name, tmp_path):
    made = [ALL_FORMS[form].row(example) for example in (*NASTY_EXAMPLES, CHAT)]
    rows = [row for row in made if row]

    write(tmp_path / name, dict(ALL_FORMS[form].columns), rows)

    for reader, read in readers_of(tmp_path / name).items():
        assert read(tmp_path / name) == rows, reader
    assert len(rows) >= len(NASTY_EXAMPLES)


@given(st.lists(examples(), max_size=5), st.sampled_from(FORMS))
@settings(max_examples=60)
def test_whatever_texts_hold_they_come_out_as_they_went_in(tmp_path_factory, found, form):
    folder = tmp_path_factory.mktemp("files")
    rows = [row for example in found if (row := ALL_FORMS[form].row(example))]

    for name in ("train.jsonl", "train.json", "train.parquet"):
        write(folder / name, dict(ALL_FORMS[form].columns), rows)

    assert by_json(folder / "train.jsonl") == rows
    assert by_json(folder / "train.json") == rows
    assert by_pyarrow(folder / "train.parquet") == rows
    if rows:  # of none, pandas does not know the columns
        assert by_pandas(folder / "train.jsonl") == by_pandas(folder / "train.json") == rows
    assert by_pandas(folder / "train.parquet") == rows


def test_parquet_has_a_type_for_each_column_however_empty(tmp_path):
    write(tmp_path / "a.parquet", {"text": "text", "messages": "messages", "conversations": "conversations"}, [])

    schema = pq.read_schema(tmp_path / "a.parquet")

    assert schema.names == ["text", "messages", "conversations"]
    assert schema.field("text").type == pa.string()
    assert pa.types.is_list(schema.field("messages").type)
    for column, names in (("messages", ["role", "content"]), ("conversations", ["from", "value"])):
        entry = schema.field(column).type.value_type
        assert {entry.field(index).name: entry.field(index).type for index in range(entry.num_fields)} == dict.fromkeys(
            names, pa.string()
        )


def test_texts_that_look_like_something_else_stay_texts_in_parquet(tmp_path):
    rows: list[Row] = [{"text": "2024-01-01", "other": "1"}, {"text": "2024-01-02T00:00:00Z", "other": "2"}]

    write(tmp_path / "a.parquet", {"text": "text", "other": "text"}, rows)

    for reader, read in readers_of(tmp_path / "a.parquet").items():
        assert read(tmp_path / "a.parquet") == rows, reader


def test_parquet_of_much_text_is_cut_into_row_groups_and_has_all_of_it(tmp_path):
    rows: list[Row] = [{"text": f"{number} " + "x" * 1_000_000} for number in range(40)]

    write(tmp_path / "a.parquet", TEXTS, rows)

    groups = pq.read_metadata(tmp_path / "a.parquet")
    assert [groups.row_group(index).num_rows for index in range(groups.num_row_groups)] == [17, 17, 6]
    assert by_pyarrow(tmp_path / "a.parquet") == rows


@pytest.mark.parametrize("name", ["train.jsonl", "train.json", "train.jsonl.gz"])
def test_the_bytes_told_are_those_of_rows_before_compression(name, tmp_path):
    told = write(tmp_path / name, TEXTS, [{"text": "a"}, {"text": "\u2028"}])

    data = (tmp_path / name).read_bytes()
    content = gzip.decompress(data) if name.endswith(".gz") else data
    assert sum(told) == len(content.removesuffix(b"\n]\n"))


def test_json_is_an_array_with_a_row_on_each_line(tmp_path):
    write(tmp_path / "a.json", TEXTS, [{"text": "a"}, {"text": "b"}])
    write(tmp_path / "none.json", TEXTS, [])

    assert (tmp_path / "a.json").read_text() == '[\n{"text":"a"},\n{"text":"b"}\n]\n'
    assert (tmp_path / "none.json").read_text() == "[]\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_same_rows_make_the_same_file(name, tmp_path):
    rows: list[Row] = [{"text": "a"}, {"text": "b" * 1_000}]

    write(tmp_path / "one" / name, TEXTS, rows)
    write(tmp_path / "two" / name, TEXTS, rows)

    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_until_the_last_row_is_written_the_earlier_file_stays(name, tmp_path):
    (tmp_path / name).write_text("earlier")

    with opened(tmp_path / name, container_of(Path(name)), TEXTS) as put:
        put({"text": "x" * 1_000_000})
        assert (tmp_path / name).read_text() == "earlier"

    assert by_pandas(tmp_path / name) == [{"text": "x" * 1_000_000}]
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("error", [ValueError("the caller's"), OSError(5, "of what the caller reads")])
def test_after_an_error_of_the_callers_own_the_earlier_file_stays_and_nothing_else(error, name, tmp_path):
    (tmp_path / name).write_text("earlier")

    with pytest.raises(type(error)) as raised, opened(tmp_path / name, container_of(Path(name)), TEXTS) as put:
        put({"text": "a"})
        raise error

    assert raised.value is error
    assert (tmp_path / name).read_text() == "earlier"
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("container", CONTAINERS)
def test_a_full_disk_is_a_clear_error(container):
    with (
        pytest.raises(ExportError, match=r"^/dev/full cannot be written: No space left on device\.$"),
        opened(Path("/dev/full"), container, TEXTS) as put,
    ):
        for _ in range(200):
            put({"text": os.urandom(50_000).hex()})


@pytest.mark.parametrize("name", ["train.jsonl", "train.json"])
def test_a_pipe_is_written_to_and_stays_a_pipe(name, tmp_path):
    pipe = tmp_path / name
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()

    write(pipe, TEXTS, [{"text": "a"}])
    reader.join()

    (tmp_path / f"copy-{name}").write_bytes(received[0])
    assert by_json(tmp_path / f"copy-{name}") == [{"text": "a"}]
    assert pipe.is_fifo()


def test_a_link_stays_one_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "there.parquet").write_text("earlier")
    (tmp_path / "link.parquet").symlink_to(tmp_path / "there.parquet")

    write(tmp_path / "link.parquet", TEXTS, [{"text": "a"}])

    assert (tmp_path / "link.parquet").is_symlink()
    assert by_pyarrow(tmp_path / "there.parquet") == [{"text": "a"}]


def test_missing_folders_are_made(tmp_path):
    write(tmp_path / "new" / "folder" / "train.json", TEXTS, [])

    assert by_json(tmp_path / "new" / "folder" / "train.json") == []


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("name", [JOURNAL, SINK, JUDGEMENTS, MANIFEST, LOCK, INDEX, f"{INDEX}-wal", f"{INDEX}-shm"])
def test_a_file_of_a_run_is_never_written_over_also_not_by_a_link(name, container, tmp_path):
    (tmp_path / JOURNAL).write_text("")
    (tmp_path / "link").symlink_to(tmp_path / name)

    for path in (tmp_path / name, tmp_path / "link"):
        with (
            pytest.raises(ExportError, match="is a file of the run itself; name another one"),
            opened(path, container, TEXTS),
        ):
            pass

    assert (tmp_path / JOURNAL).read_text() == ""


@pytest.mark.parametrize("name", NAMES)
def test_a_place_that_cannot_be_written_is_a_clear_error(name, tmp_path):
    (tmp_path / "file").write_text("")

    for path in (tmp_path, tmp_path / "file" / name):
        with (
            pytest.raises(SetupError, match=r"cannot be written: (Is|Not) a directory"),
            opened(path, container_of(Path(name)), TEXTS),
        ):
            pass


@pytest.mark.parametrize("name", NAMES)
def test_text_that_no_file_can_hold_is_named_and_leaves_no_file(name, tmp_path):
    with (
        pytest.raises(ExportError, match=r"The row .*'caf\\udce9'.* cannot be written: .*surrogates.*; mend that text"),
        opened(tmp_path / name, container_of(Path(name)), TEXTS) as put,
    ):
        put({"text": "caf\udce9"})

    assert list(tmp_path.iterdir()) == []


def test_compressed_parquet_is_refused_for_nothing_reads_it(tmp_path):
    with (
        pytest.raises(ExportError, match=r"would be compressed twice.*leave out `\.gz`"),
        opened(tmp_path / "train.parquet.gz", "parquet", TEXTS),
    ):
        pass


def test_without_pyarrow_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with (
        pytest.raises(
            ExportError, match=r"^Parquet files need the extra `parquet`: pip install 'qloragen\[parquet\]'\.$"
        ),
        opened(tmp_path / "train.parquet", "parquet", TEXTS),
    ):
        pass

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_container_is_told_with_those_there_are(tmp_path):
    with (
        pytest.raises(ExportError, match=r"There is no container csv; the containers are jsonl, json, parquet\."),
        opened(tmp_path / "train.csv", "csv", TEXTS),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("a.jsonl", "jsonl"),
        ("a.JSON", "json"),
        ("a.json.gz", "json"),
        ("a.b.parquet", "parquet"),
        ("a.parquet.gz", "parquet"),
        ("a.ndjson", "jsonl"),
        ("json", "jsonl"),
        ("a.txt", "jsonl"),
        ("/dev/stdout", "jsonl"),
    ],
)
def test_the_ending_of_a_name_says_which_container_it_is(name, container):
    assert container_of(Path(name)) == container


@pytest.mark.parametrize("container", ["jsonl", "json"])
def test_rows_go_to_any_outlet(container, tmp_path):
    with (tmp_path / f"a.{container}").open("wb") as outlet, rows_to(outlet.write, container, TEXTS) as put:
        put({"text": "a"})

    assert by_json(tmp_path / f"a.{container}") == [{"text": "a"}]


@pytest.mark.parametrize("name", NAMES)
def test_memory_does_not_grow_with_the_rows(name, tmp_path):
    def export(rows: int) -> int:
        before = pa.total_allocated_bytes()
        tracemalloc.start()
        peak = 0
        with opened(tmp_path / name, container_of(Path(name)), TEXTS) as put:
            for number in range(rows):
                put({"text": f"{number} " + "x" * 100_000})
                peak = max(peak, pa.total_allocated_bytes() - before)
        peak += tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = export(400), export(800)

    assert many < few * 1.1 + 1_000_000
    assert few < 60_000_000
