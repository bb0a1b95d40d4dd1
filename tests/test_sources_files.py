"""Files, folders and globs: which are read, under which names, and what makes them unreadable."""

import gzip
import json
import os
import socket
import sys
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import SourceError
from qloragen.sources import Item, Options, read, read_paths
from qloragen.types import Article, Skip, SkipReason

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def about(name: object) -> str:
    """An article that is long enough."""
    return f"The coordinator of {name} sends the read to as many replicas as the level asks for, and waits. " * 3


TEXT = about("orders").strip()
DEFAULTS = Options()


def _write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(about(name))


def _line(name: str) -> bytes:
    return json.dumps({"id": name, "content": about(name)}).encode() + b"\n"


async def _ids(source, options: Options = DEFAULTS) -> list[str]:
    return [
        item.id if isinstance(item, Article) else f"{item.where}: {item.reason}" async for item in read(source, options)
    ]


async def test_a_folder_is_read_in_order_with_relative_names(tmp_path):
    _write(tmp_path, "b.md", "a.rst", "inner/c.HTML", "inner/deep/d.adoc", "e.txt")

    assert await _ids(tmp_path) == ["a.rst", "b.md", "e.txt", "inner/c.HTML", "inner/deep/d.adoc"]


async def test_hidden_unknown_and_configuration_files_are_counted_and_not_read(tmp_path):
    _write(tmp_path, "a.md", ".b.md", ".git/c.md", "d.png", "package.json")

    reading = read_paths(tmp_path)
    items = [item async for item in reading]

    assert len(items) == 1
    assert reading.summary.ignored_files == 4


async def test_links_that_lead_out_of_the_folder_are_not_followed(tmp_path):
    _write(tmp_path, "out/secret.md", "in/a.md")
    (tmp_path / "in" / "link.md").symlink_to(tmp_path / "out" / "secret.md")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "out").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "same.md").symlink_to(tmp_path / "in" / "a.md")

    assert await _ids(tmp_path / "in") == ["a.md", "same.md: duplicate"]


async def test_several_sources_are_named_from_the_folder_that_holds_them_all(tmp_path):
    _write(tmp_path, "one/README.md", "two/README.md", "two/sub/x.md", "three.md")

    ids = await _ids([tmp_path / "one", tmp_path / "two" / "**" / "*.md", tmp_path / "three.md"])

    assert ids == ["one/README.md", "two/README.md", "two/sub/x.md", "three.md"]


async def test_relative_paths_and_globs_are_understood(tmp_path, monkeypatch):
    _write(tmp_path, "docs/a.md", "docs/b.txt", "docs/c.png", "a[1].md")
    monkeypatch.chdir(tmp_path)

    assert await _ids("docs/*") == ["a.md", "b.txt"]
    assert await _ids("a[1].md") == ["a[1].md"]


async def test_a_list_of_texts_is_no_list_of_paths(tmp_path, monkeypatch):
    _write(tmp_path, "a.md")
    monkeypatch.chdir(tmp_path)

    [item] = [item async for item in read(["a.md"], Options(min_text=1))]

    assert isinstance(item, Article)
    assert item.content == "a.md"


async def test_only_the_wanted_endings_are_read(tmp_path):
    _write(tmp_path, "a.md", "b.txt")

    assert await _ids(tmp_path, Options(extensions=frozenset({".txt"}))) == ["b.txt"]


@pytest.mark.parametrize(
    "name", ["nothing.md", "no-*.md", "a.png", "empty", "broken.jsonl.gz", "broken.md.zst", "short.txt.gz"]
)
async def test_what_cannot_be_read_at_all_is_one_clear_sentence(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.png").touch()
    (tmp_path / "broken.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / "broken.md.zst").write_bytes(b"no zstandard")
    (tmp_path / "short.txt.gz").write_bytes(gzip.compress(b"text" * 99)[:5])

    with pytest.raises(SourceError, match=name.partition("*")[0].partition(".")[0]):
        await _ids(tmp_path / name)


async def test_a_missing_source_is_found_before_anything_is_read(tmp_path):
    _write(tmp_path, "a.md")
    reading = read_paths([tmp_path / "a.md", tmp_path / "b.md"])

    with pytest.raises(SourceError):
        await anext(reading)

    assert reading.summary.units == 0


async def _nothing(paths: list[Path]) -> None:
    reading = read_paths(paths)

    with pytest.raises(SourceError):
        await anext(reading)

    assert reading.summary.units == 0


@pytest.mark.parametrize(
    "wrong", ["nothing.md", "nothing/*.md", "pictures", "a.png", "pipe.md", "broken.md.gz", "x" * 300]
)
async def test_every_source_is_looked_up_before_the_first_is_given_out(tmp_path, wrong):
    _write(tmp_path, "a.md", "b/c.md", "pictures/d.png", "a.png", "broken.md.gz")
    os.mkfifo(tmp_path / "pipe.md")
    good = [tmp_path / "a.md", tmp_path / "b", tmp_path / "*.md"]

    for place in range(len(good) + 1):
        await _nothing([*good[:place], tmp_path / wrong, *good[place:]])


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
async def test_what_is_no_file_is_refused_in_a_sentence(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # addresses of sockets are short
    os.mkfifo("pipe.jsonl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.jsonl")

        with pytest.raises(SourceError, match="is neither a file nor a folder"):
            await _ids("/dev/null" if kind == "device" else f"{kind}.jsonl")


async def test_a_pipe_in_a_folder_is_passed_over_and_counted(tmp_path):
    _write(tmp_path, "a.md")
    os.mkfifo(tmp_path / "pipe.md")

    for source in (tmp_path, tmp_path / "*.md"):
        reading = read_paths(source)
        assert [item.id async for item in reading if isinstance(item, Article)] == ["a.md"]
        assert reading.summary.ignored_files == 1


@pytest.mark.parametrize("mark", ["run.json", ".lock"])
async def test_the_answers_of_a_run_within_the_sources_are_no_articles(tmp_path, mark):
    _write(tmp_path, "a.md", "journal.jsonl.md", "inner/run/journal.jsonl", f"inner/run/{mark}", "inner/run/raw/b.md")

    for source in (tmp_path, tmp_path / "**" / "*"):
        reading = read_paths(source)
        assert [item.id async for item in reading if isinstance(item, Article)] == ["a.md", "journal.jsonl.md"]
        assert reading.summary.ignored_files >= 2


async def test_a_journal_alone_is_a_source_like_others(tmp_path):
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "journal.jsonl").write_bytes(_line("one"))

    assert await _ids(tmp_path) == ["one"]


async def test_no_source_is_an_error():
    with pytest.raises(SourceError):
        await anext(read_paths([]))


@pytest.mark.parametrize(("ending", "compress"), [("", bytes), (".gz", gzip.compress), (".zst", zstd.compress)])
async def test_compression_is_seen_by_the_ending(tmp_path, ending, compress):
    (tmp_path / f"a.jsonl{ending}").write_bytes(compress(_line("one") + _line("two")))
    (tmp_path / f"b.md{ending}").write_bytes(compress(about("three").encode()))

    assert await _ids(tmp_path) == ["one", "two", f"b.md{ending}"]


async def test_compressed_data_that_ends_early_keeps_what_came_before(tmp_path):
    compressed = gzip.compress(b"".join(_line(str(number)) for number in range(2_000)))
    (tmp_path / "a.jsonl.gz").write_bytes(compressed[: len(compressed) // 2])

    items = [item async for item in read(tmp_path)]

    assert sum(isinstance(item, Article) for item in items) > 100
    detail = "cannot be read to the end: its compressed data is broken or ends early"
    assert items[-1] == Skip("a.jsonl.gz", SkipReason.MALFORMED, detail)


async def test_one_broken_file_of_a_folder_is_a_skip(tmp_path):
    _write(tmp_path, "b.md")
    (tmp_path / "a.md").write_bytes(b"caf\xe9 " * 99)
    (tmp_path / "c.md.gz").write_bytes(b"no gzip")

    assert await _ids(tmp_path) == ["a.md: malformed", "b.md", "c.md.gz: malformed"]


async def test_a_page_may_declare_its_encoding_and_utf_16_a_mark(tmp_path):
    page = "<html><head><meta charset='iso-8859-1'></head><body><p>Zürich: " + about("a") + "</p></body></html>"
    (tmp_path / "a.html").write_bytes(page.encode("latin-1"))
    (tmp_path / "b.txt").write_bytes(("Zürich: " + about("b")).encode("utf-16"))

    items = [item async for item in read(tmp_path)]

    assert all(isinstance(item, Article) and item.content.startswith("Zürich") for item in items)


async def test_an_array_of_objects_is_read_where_it_is_named(tmp_path):
    (tmp_path / "a.json").write_bytes(b"[" + _line("one") + b"," + _line("two") + b", 3]")

    assert await _ids(tmp_path / "a.json") == ["one", "two", "a.json:3: malformed"]


async def test_names_are_escaped_where_people_read_them(tmp_path):
    (tmp_path / "a\x1b[31m\n.md").write_bytes(b"\xff")

    [item] = [item async for item in read(tmp_path)]

    assert isinstance(item, Skip)
    assert item.where == "a\\x1b[31m\\n.md"


async def test_leaving_early_closes_the_files(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"".join(_line(str(number)) for number in range(500)))
    reading = read_paths(tmp_path)

    await anext(reading)
    await reading.aclose()

    assert reading.summary.units < 10
    with pytest.raises(StopAsyncIteration):
        await anext(reading)


async def _all(folder: Path) -> tuple[list[Item], int]:
    reading = read_paths(folder, Options(min_text=1))
    return [item async for item in reading], reading.summary.units


JUNK = st.binary(max_size=300) | st.lists(
    st.sampled_from(
        [
            b'{"content": "',
            b'"}',
            b"\n",
            b"\\ud800",
            b"\xff",
            b"\xef\xbb\xbf",
            b"[",
            b"]",
            b'{"id":',
            b"<p>",
            b"```",
            b"\0",
        ]
    )
).map(b"".join)


@given(JUNK)
def test_no_bytes_break_the_readers(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("junk")
    for ending in ("jsonl", "md", "html", "adoc", "rst", "txt"):
        (folder / f"a.{ending}").write_bytes(content)

    items, units = anyio.run(_all, folder)

    assert len(items) <= units
    for item in items:
        assert not isinstance(item, Skip) or (item.where + item.detail).isprintable()
