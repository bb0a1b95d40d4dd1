"""Parquet and Arrow files, folders of `datasets` and its objects as sources."""

import gzip
import os
import struct
import sys
import tracemalloc
from pathlib import Path
from uuid import UUID

import anyio
import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import qloragen
from qloragen.cli import main
from qloragen.sources import Fields, Item, Options, read, read_items, read_paths
from qloragen.sources.files import OBJECTS
from qloragen.types import Article, Skip, SkipReason

from .test_sources_files import about

DEFAULTS = Options()
SMALL = Options(min_text=1)


@pytest.fixture(autouse=True)
def no_progress_bars():
    datasets.disable_progress_bars()


def rows(*names: object) -> dict[str, list[object]]:
    return {"id": [*names], "content": [about(name) for name in names]}


def write(file: Path, columns: dict[str, list[object]] | pa.Table, batch: int = 1_000) -> Path:
    """Write a table in the way that the file's name says; `stream.arrow` is a stream, as `datasets` writes it."""
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".parquet":
        pq.write_table(table, file, row_group_size=batch)
        return file
    kind = pa.ipc.new_stream if file.name == "stream.arrow" else pa.ipc.new_file
    with kind(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=batch)
    return file


async def found(source, options: Options = DEFAULTS) -> list[str]:
    return [
        item.id if isinstance(item, Article) else f"{item.where}: {item.reason}" async for item in read(source, options)
    ]


KINDS = pytest.mark.parametrize("name", ["a.parquet", "file.arrow", "stream.arrow"])


@KINDS
@pytest.mark.parametrize("batch", [1, 3, 1_000])
async def test_each_row_is_an_article_in_order(tmp_path, name, batch):
    file = write(tmp_path / name, {**rows(*"abcdefg"), "title": ["T"] * 7, "url": ["https://x.test/"] * 7}, batch)

    items = [item async for item in read(file)]

    assert items == [Article(one, about(one).strip(), "T", "https://x.test/") for one in "abcdefg"]


@KINDS
async def test_a_bad_row_is_a_skip_with_its_number_and_costs_no_other(tmp_path, name):
    columns = rows(*(str(number) for number in range(200)))
    columns["content"][16] = None
    columns["content"][150] = "short"

    items = [item async for item in read(write(tmp_path / name, columns, 70))]

    assert len(items) == 200
    assert items[16] == Skip(f"{name}:17", SkipReason.MALFORMED, "content is null, not text or a list of texts")
    assert isinstance(items[150], Skip)
    assert items[150].where == f"{name}:151"


@KINDS
async def test_a_text_that_is_not_utf_8_is_malformed_and_nothing_else_is(tmp_path, name):
    texts = [about(one).encode() for one in "abc"]
    texts[1] = b"\xff" + texts[1]
    as_bytes = pa.array(texts)
    column = pa.Array.from_buffers(pa.string(), 3, as_bytes.buffers())

    assert await found(write(tmp_path / name, {"id": [*"abc"], "content": column})) == [
        "a",
        f"{name}:2: malformed",
        "c",
    ]


@KINDS
async def test_fields_are_mapped_into_structs_and_to_columns_with_dots(tmp_path, name):
    columns = {
        "_source": [{"text": about("a"), "meta": {"key": 7}}],
        "page.title": ["Read path"],
        "_id": ["not this one"],
        "vectors": [[0.5] * 100],
    }
    fields = Fields(content="_source.text", id="_source.meta.key", title="page.title")

    items = [item async for item in read(write(tmp_path / name, columns), Options(fields=fields))]

    assert items == [Article("int:7", about("a").strip(), "Read path", None)]


@KINDS
async def test_lists_of_chunks_dictionaries_and_large_texts_are_text(tmp_path, name):
    half = len(about("a")) // 2
    for number, column in enumerate(
        (
            pa.array([[about("a")[:half], about("a")[half:]]]),
            pa.array([about("a")]).dictionary_encode(),
            pa.array([about("a")], pa.large_string()),
        )
    ):
        file = write(tmp_path / str(number) / name, pa.table({"id": ["a"], "content": column}))
        assert [item async for item in read(file)] == [Article("a", about("a").strip(), None, None)]


@KINDS
async def test_of_several_columns_with_one_name_one_is_read(tmp_path, name):
    texts = pa.array([about("a"), about("b")])
    table = pa.Table.from_arrays([pa.array([*"ab"]), texts, texts], ["id", "content", "content"])

    assert await found(write(tmp_path / name, table)) == ["a", "b"]


@KINDS
async def test_uuids_of_databases_are_ids(tmp_path, name):
    ids = [UUID(int=1), UUID(int=2)]
    table = pa.table({"id": pa.array([one.bytes for one in ids], pa.uuid()), "content": [about("a"), about("b")]})

    assert await found(write(tmp_path / name, table)) == [str(one) for one in ids]


@KINDS
async def test_a_file_without_a_column_for_the_content_is_one_skip_with_the_remedy(tmp_path, name):
    elsewhere = write(tmp_path / "one" / name, {"id": [1, 2], "text": ["a", "b"]})
    nowhere = write(tmp_path / "two" / name, {"instruction": ["a", "b"], "output": ["c", "d"]})

    assert [item async for item in read(elsewhere)] == [
        Skip(name, SkipReason.MALFORMED, "no column for the content; there is `text`, map content to it")
    ]
    assert [item async for item in read(nowhere)] == [
        Skip(name, SkipReason.MALFORMED, "no column for the content; its columns are instruction, output")
    ]


@KINDS
async def test_broken_files_of_a_folder_are_skips_and_the_rest_is_read(tmp_path, name):
    whole = write(tmp_path / "b" / name, rows(*range(500)), 20).read_bytes()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_bytes(whole[: len(whole) // 2])
    (tmp_path / f"c{Path(name).suffix}").write_bytes(b"no such thing")
    (tmp_path / f"d{Path(name).suffix}").touch()

    items = [item async for item in read(tmp_path)]

    skips = [item for item in items if isinstance(item, Skip) and item.reason is SkipReason.MALFORMED]
    assert {skip.where for skip in skips} == {f"a/{name}", f"c{Path(name).suffix}", f"d{Path(name).suffix}"}
    assert all(skip.detail.startswith("cannot be read on after row ") for skip in skips)
    assert {f"int:{number}" for number in range(500)} == {item.id for item in items if isinstance(item, Article)}


@pytest.mark.parametrize("name", ["file.arrow", "stream.arrow"])
async def test_lengths_that_lead_out_of_an_arrow_file_are_seen_before_anything_is_read_there(tmp_path, name):
    file = write(tmp_path / name, rows("a", "b"))
    ends = struct.pack("<iii", 0, len(about("a")), len(about("a") + about("b")))
    content = file.read_bytes()
    assert content.count(ends) == 1

    file.write_bytes(content.replace(ends, struct.pack("<iii", 0, 2**31 - 1, len(about("a") + about("b")))))

    assert await found(file) == [f"{name}:1: malformed", f"{name}:2: malformed"]


@KINDS
async def test_compressed_once_more_they_are_read_too(tmp_path, name):
    file = write(tmp_path / name, rows("a", "b"))
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))

    assert await found(packed) == ["a", "b"]


@KINDS
def test_what_is_in_memory_does_not_grow_with_the_file(tmp_path, name):
    texts = [os.urandom(1_200).hex() for _ in range(10_000)]  # hardly to be compressed
    columns = {"content": texts, "picture": ["left alone " * 200] * len(texts)}
    file = write(tmp_path / name, columns, 10_000 if name == "a.parquet" else 500)
    del texts, columns
    before, most = pa.total_allocated_bytes(), 0

    tracemalloc.start()
    with file.open("rb") as stream:
        for _ in OBJECTS[file.suffix](stream, name, DEFAULTS):
            most = max(most, pa.total_allocated_bytes() - before + tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()

    assert 0 < most < 8_000_000


async def _all(folder: Path) -> tuple[list[Item], int]:
    reading = read_paths(folder, SMALL)
    return [item async for item in reading], reading.summary.units


@given(st.data())
def test_no_bytes_break_the_readers(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("junk")
    for name in ("a.parquet", "file.arrow", "stream.arrow"):
        content = bytearray(write(folder / name, rows(*range(5)), 2).read_bytes())
        for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
            content[place] = data.draw(st.integers(0, 255))
        (folder / name).write_bytes(content[: data.draw(st.integers(0, len(content)) | st.just(len(content)))])

    items, units = anyio.run(_all, folder)

    assert len(items) <= units
    for item in items:
        assert not isinstance(item, Skip) or (item.where + item.detail).isprintable()


def test_without_pyarrow_one_sentence_says_what_to_install(tmp_path, monkeypatch, capsys):
    write(tmp_path / "inner" / "b.parquet", rows("b"))
    (tmp_path / "a.md").write_text(about("a"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    code = main(["generate", str(tmp_path), "--out", str(tmp_path / "run"), "--base-url", "http://127.0.0.1:9/v1"])

    said = capsys.readouterr().err
    assert code == 2
    assert "b.parquet cannot be read: Parquet and Arrow files need the extra `parquet`" in said
    assert "pip install 'qloragen[parquet]'" in said


async def test_a_folder_that_datasets_has_saved_is_read_without_what_it_has_cached(tmp_path):
    datasets.Dataset.from_dict(rows(*"abcdef")).save_to_disk(tmp_path / "saved", num_shards=3)
    kept = datasets.load_from_disk(tmp_path / "saved").filter(lambda row: row["id"] < "c")
    kept.map(lambda row: {"content": row["content"] + " Mapped."})

    assert len([*(tmp_path / "saved").glob("cache-*.arrow")]) == 2
    assert await found(tmp_path / "saved") == [*"abcdef"]
    assert await found(str(tmp_path / "saved" / "*.arrow")) == [*"abcdef"]


async def test_a_folder_as_the_hub_lays_it_out_is_read_without_its_card(tmp_path):
    for number, shard in enumerate(("ab", "cd")):
        datasets.Dataset.from_dict(rows(*shard)).to_parquet(tmp_path / f"data/train-{number:05}-of-00002.parquet")
    (tmp_path / "README.md").write_text(f"---\nlicense: mit\n---\n{about('this dataset')}")
    (tmp_path / "guide.md").write_text(f"---\ntitle: Guide\n---\n{about('a guide')}")

    assert await found(tmp_path) == ["guide.md", *"abcd"]
    assert await found(tmp_path / "README.md") == ["README.md"]


async def test_a_readme_beside_no_rows_or_without_front_matter_is_an_article(tmp_path):
    (tmp_path / "README.md").write_text(f"---\ntitle: Guide\n---\n{about('a guide')}")
    write(tmp_path / "inner" / "a.parquet", rows("a"))
    (tmp_path / "inner" / "README.md").write_text(about("the inner folder"))

    assert await found(tmp_path) == ["README.md", "inner/README.md", "a"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_dataset_is_an_iterable_of_articles(streaming):
    dataset = datasets.Dataset.from_dict({"_id": [1, 2, 3], "text": [about("a"), "", about("c")]})
    source = dataset.to_iterable_dataset() if streaming else dataset

    items = [item async for item in read_items(source, Options(fields=Fields(content="text")))]

    assert [item.id for item in items if isinstance(item, Article)] == ["int:1", "int:3"]
    assert [item.where for item in items if isinstance(item, Skip)] == ["items:2"]


async def test_of_a_dataset_with_all_its_splits_one_is_to_be_given():
    split = datasets.Dataset.from_dict(rows("a"))

    with pytest.raises(qloragen.SourceError, match=r"DatasetDict is no .*; give one of those in it \(train, test\)"):
        read(datasets.DatasetDict({"train": split, "test": split}))
    with pytest.raises(qloragen.SourceError, match="dict is no collection of articles; put it in a list"):
        read({"id": "a", "content": [about("a")]})


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_session_streams_the_records_of_a_dataset_and_buys_none_twice(tmp_path, serve, streaming):
    server = serve()
    dataset = datasets.Dataset.from_dict(rows("a", "b"))
    source = dataset.to_iterable_dataset() if streaming else dataset
    settings = qloragen.Settings(base_url=server.base_url)

    streamed = []
    for _ in range(2):
        async with qloragen.Session(tmp_path / "run", settings=settings) as session:
            streamed.append([record async for record in session.stream(source)])

    assert {record.article_id for record in streamed[0]} == {"a", "b"}
    assert len(streamed[1]) == len(streamed[0]) == len(server.calls) - 2


@pytest.mark.parametrize("streaming", [False, True])
async def test_a_dataset_is_read_before_changes_are_refused_where_it_can_be_read_twice(tmp_path, serve, streaming):
    settings = qloragen.Settings(base_url=serve().base_url, confirm_above_usd=0)
    async with qloragen.Session(tmp_path / "run", settings=settings) as session:
        await session.process(datasets.Dataset.from_dict(rows("a")))
    new = datasets.Dataset.from_dict(rows("b"))

    changed = settings.model_copy(update={"generate_model": "gpt-5.4-mini"})
    async with qloragen.Session(tmp_path / "run", settings=changed) as session:
        if streaming:  # nobody knows whether another article would come
            with pytest.raises(qloragen.ChangesNotAccepted):
                await session.process(new.to_iterable_dataset())
        else:
            await session.process(new)

    assert session.summary.records == (3 if streaming else 6)


def test_generate_takes_a_parquet_file_as_any_other(tmp_path, serve):
    file = write(tmp_path / "a.parquet", rows("a", "b"))

    outcome = qloragen.generate(file, tmp_path / "run", base_url=serve().base_url)

    assert {record.article_id for record in outcome.records()} == {"a", "b"}
