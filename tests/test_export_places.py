"""Where exports are written: old or new and never in between, whoever else is at it, and nothing left of the dead."""

from __future__ import annotations

import gzip
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from qloragen.dataset.folders import exchange_in_steps, exchanged, opened_folder, write_about
from qloragen.export import ExportError, opened
from qloragen.store.names import INDEX, JOURNAL

from .exports import contents

_HALFWAY = """
import sys
from pathlib import Path
from qloragen.dataset.folders import opened_folder
from qloragen.export import opened
with opened(Path(sys.argv[1], "a.jsonl"), "jsonl", {}) as put, opened_folder(Path(sys.argv[1], "b")) as folder:
    put({"text": "half"})
    (folder / "train.jsonl").write_text("half")
    print("halfway", flush=True)
    sys.stdin.read()
"""


def make_file(out: Path, text: str = "new") -> None:
    with opened(out, "jsonl", {"text": "text"}) as put:
        put({"text": text})


def make_folder(out: Path, *names: str) -> None:
    with opened_folder(out) as folder:
        for name in names:
            (folder / name).write_text(name)
        write_about(folder, {"made": names})


def at_work(folder: Path) -> subprocess.Popen[bytes]:
    """Start a process that is halfway through a file and a folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HALFWAY, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout
    assert process.stdout.readline() == b"halfway\n"
    return process


def test_what_a_killed_export_has_left_goes_with_the_next_one_and_what_another_works_at_stays(tmp_path):
    dead, living = tmp_path / "dead", tmp_path / "living"
    with at_work(dead) as killed, at_work(living) as busy:
        killed.kill()
        killed.wait()
        left = [path.name for path in dead.iterdir()]

        for folder in (dead, living):
            make_file(folder / "a.jsonl")
            make_folder(folder / "b", "train.jsonl")

        assert len(left) == 2
        assert sorted(contents(dead)) == ["a.jsonl", "b/export.json", "b/train.jsonl"]
        assert len([*living.iterdir()]) == 4
        busy.communicate(b"")

    assert sorted(path.name for path in living.iterdir()) == ["a.jsonl", "b"]


def test_only_what_has_the_name_of_a_draft_is_swept_away(tmp_path):
    mine = [".a.jsonl.notes.partial", ".a.jsonl.0123456789abcdef.partial.txt", "a.jsonl.0123456789abcdef.partial"]
    for name in mine:
        (tmp_path / name).write_text("mine")

    make_file(tmp_path / "a.jsonl")

    assert sorted(contents(tmp_path)) == sorted([*mine, "a.jsonl"])


def test_a_folder_is_there_at_every_moment_while_it_is_replaced(tmp_path):
    make_folder(tmp_path / "out", "0")
    done = Event()

    def missed() -> int:
        times = 0
        while not done.is_set():
            times += not (tmp_path / "out").is_dir()
        return times

    with ThreadPoolExecutor() as pool:
        looking = pool.submit(missed)
        for number in range(200):
            make_folder(tmp_path / "out", str(number))
        done.set()

    assert looking.result() == 0
    assert contents(tmp_path / "out")["199"] == b"199"


def test_exports_to_one_place_at_the_same_time_are_each_whole_and_the_last_one_stays(tmp_path):
    def make(name: str) -> None:
        for _ in range(40):
            make_folder(tmp_path / "out", f"{name}1", f"{name}2")
            make_file(tmp_path / "file", name)

    with ThreadPoolExecutor() as pool:
        for finished in [pool.submit(make, name) for name in ("a", "b", "c")]:
            finished.result()

    (first, second) = [name for name in contents(tmp_path / "out") if name != "export.json"]
    assert (first[0], second[0]) == (second[0], first[0])
    assert (tmp_path / "file").read_text() in {'{"text":"a"}\n', '{"text":"b"}\n', '{"text":"c"}\n'}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "out"]


def test_what_is_put_into_a_folder_while_it_is_made_anew_is_not_lost(tmp_path):
    make_folder(tmp_path / "out", "old")

    with (
        pytest.raises(ExportError, match=r"holds adapter, which no export has made"),
        opened_folder(tmp_path / "out") as folder,
    ):
        (tmp_path / "out/adapter").write_text("hours of work")
        write_about(folder, {"made": []})

    assert set(contents(tmp_path / "out")) == {"old", "export.json", "adapter"}


def test_a_file_that_cannot_be_written_is_named_by_where_it_would_have_been(tmp_path):
    with (
        pytest.raises(ExportError, match=rf"^{tmp_path}/out/train\.jsonl cannot be written: Is a directory\.$"),
        opened_folder(tmp_path / "out") as folder,
    ):
        (folder / "train.jsonl").mkdir()
        make_file(folder / "train.jsonl")

    assert not list(tmp_path.iterdir())


def test_a_link_in_a_folder_is_no_file_of_an_export(tmp_path):
    make_folder(tmp_path / "out", "old")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ExportError, match="holds link, which no export has made"):
        make_folder(tmp_path / "out", "new")


@pytest.mark.parametrize("exchange", [exchanged, exchange_in_steps])
def test_folders_exchange_their_names(exchange, tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "name").write_text(name)

    exchange(tmp_path / "one", tmp_path / "other")

    assert contents(tmp_path) == {"one/name": b"other", "other/name": b"one"}


def test_a_folder_that_cannot_take_the_name_of_another_leaves_it_where_it_is(tmp_path):
    (tmp_path / "other").mkdir()

    for exchange in (exchanged, exchange_in_steps):
        with pytest.raises(FileNotFoundError):
            exchange(tmp_path / "one", tmp_path / "other")

    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_links_that_lead_in_a_circle_are_a_clear_error(tmp_path):
    (tmp_path / "loop").symlink_to("loop")

    for make in (make_file, make_folder):
        with pytest.raises(ExportError, match=r"loop cannot be written: Too many levels of symbolic links\."):
            make(tmp_path / "loop")


def test_the_ending_gz_says_that_a_file_is_compressed_in_any_case(tmp_path):
    make_file(tmp_path / "a.jsonl.GZ")

    assert gzip.decompress((tmp_path / "a.jsonl.GZ").read_bytes()) == b'{"text":"new"}\n'


def test_the_sum_of_a_runs_index_is_a_file_of_the_run(tmp_path):
    (tmp_path / JOURNAL).write_text("")

    with pytest.raises(ExportError, match="is a file of the run itself"):
        make_file(tmp_path / f"{INDEX}-sum")
