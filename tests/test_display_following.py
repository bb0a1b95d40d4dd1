"""A run in another process is seen from its files alone, for as long as that process works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import orjson
import pytest

from qloragen.display.following import Shown, follow
from qloragen.store.lock import locked
from qloragen.testing import VirtualLoop, wait_for_threads
from qloragen.view import View
from qloragen.watching.file import Glimpse, Standing, glimpse, write_view

from .screens import answering_two, seated
from .test_cli import QLORAGEN
from .test_display_terminal import Photo, generating, has, is_as_it_was
from .views import a_model, a_view


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@pytest.fixture
def said():
    return []


def now(**changes):
    return replace(a_view(**changes), time=datetime.now(UTC))


async def test_what_a_process_shows_is_seen_until_it_has_ended(tmp_path, said):
    seen = Shown(tmp_path, said.append)
    found: list[Glimpse] = []
    await wait_for_threads()

    async def followed():
        found.append(await follow(tmp_path, seen))
        seen.end(found[0])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(followed)
        await anyio.sleep(3)
        with locked(tmp_path, "records.jsonl"):
            await anyio.sleep(3)
            write_view(tmp_path, now(made=1))
            await anyio.sleep(3)
            assert seen.view is not None
            assert seen.view.made == 1
            write_view(tmp_path, now(made=2, ended=True))

    assert found[0].standing == Standing.ENDED
    assert seen.view is not None
    assert seen.view == found[0].view
    assert seen.view.made == 2
    assert said == [
        f"{tmp_path}: no process is at work; waiting for a process to begin here (Ctrl-C leaves)",
        f"{tmp_path}: a process is at work, and there is nothing to be seen of it yet",
    ]


async def test_a_directory_that_is_not_there_yet_is_waited_for(tmp_path, said):
    await wait_for_threads()

    with anyio.move_on_after(60):
        await follow(tmp_path / "run", Shown(tmp_path / "run", said.append))

    assert said == [
        f"{tmp_path / 'run'}: there is no such directory; waiting for a process to begin here (Ctrl-C leaves)"
    ]


@pytest.mark.parametrize(("ended", "words"), [(True, "has ended"), (False, "ended without a word")])
async def test_what_an_earlier_process_has_left_is_not_shown_as_work(tmp_path, said, ended, words):
    with locked(tmp_path, "records.jsonl"):
        write_view(tmp_path, now(ended=ended))
    seen = Shown(tmp_path, said.append)
    await wait_for_threads()

    with anyio.move_on_after(5):
        await follow(tmp_path, seen)

    assert seen.view is None
    assert said == [f"{tmp_path}: the last process {words}; waiting for a process to begin here (Ctrl-C leaves)"]


async def test_what_an_earlier_process_has_left_is_not_shown_as_the_end_of_one_that_showed_nothing(tmp_path, said):
    with locked(tmp_path, "records.jsonl"):
        write_view(tmp_path, now(ended=True))
    seen = Shown(tmp_path, said.append)
    found = glimpse(tmp_path)

    seen.end(found)

    assert found.view is not None
    assert seen.view is None


async def test_a_process_that_shows_nothing_new_is_said_to_and_so_again_after_it_has_gone_on(tmp_path, said):
    seen = Shown(tmp_path, said.append)
    old = replace(a_view(), time=datetime.now(UTC) - timedelta(minutes=1))
    await wait_for_threads()
    with locked(tmp_path, "records.jsonl"), anyio.move_on_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow, tmp_path, seen)
            for view in (old, now(), old):
                write_view(tmp_path, view)
                await anyio.sleep(2)

    assert len(said) == 2
    assert all("has been seen to do nothing for some seconds" in sentence for sentence in said)


@pytest.fixture
def stuck(serve):
    """A server that answers two calls and lets all others wait, and the event that two of those have arrived."""
    waiting = threading.Event()
    return serve(faults=answering_two(waiting)), waiting


def following(folder, *more):
    return [*QLORAGEN, "status", str(folder), "--follow", *more]


def test_a_run_is_seen_in_another_terminal_until_it_is_killed(tmp_path, source, stuck):
    server, waiting = stuck
    run = tmp_path / "run"
    with ExitStack() as exits:
        watcher = exits.enter_context(seated(following(run)))
        programs = exits.enter_context(subprocess.Popen(following(run, "--json"), stdout=subprocess.PIPE, text=True))
        worker = exits.enter_context(subprocess.Popen(generating(source, run, server), stderr=subprocess.DEVNULL))
        waiting.wait()
        watcher.until(has("waits for replies to 12 calls"))
        photo = Photo.of(watcher.screen)
        worker.kill()
        codes = [watcher.to_the_end()]
        found = [orjson.loads(line) for line in programs.communicate(timeout=30)[0].splitlines()]
        codes.append(programs.returncode)

    assert codes == [0, 0]
    assert len(photo.rules) == 1
    assert any(row.startswith("articles") and "0 of 8" in row for row in photo.text[photo.rules[0] :])
    assert is_as_it_was(watcher)
    assert "ended without a word; the same command goes on" in "\n".join(watcher.screen.text)
    assert found[-1]["standing"] == "died"
    assert View.from_dict(found[-1]["view"]).in_flight == 12


def test_what_is_no_directory_is_not_waited_for(tmp_path):
    file = tmp_path / "sink.jsonl"
    file.write_text("{}")
    command = [sys.executable, "-m", "qloragen", "status", str(file), "--follow"]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert done.stderr == f"qloragen: {file} is no run directory, but a file: name what --out named.\n"


def test_a_judge_is_followed_where_it_works_and_on_a_terminal_that_knows_no_codes_by_lines_until_ctrl_c(tmp_path):
    folder = tmp_path / "run/judge"
    folder.mkdir(parents=True)
    with locked(folder, "judgements.jsonl"):
        fresh = datetime.now(UTC) + timedelta(minutes=10)  # however long the process takes to begin
        write_view(folder, a_view(makes="judgements", made=7, time=fresh))
        with seated(following(folder), columns=400, environment={"TERM": "dumb"}) as seat:
            seat.until(has("| judgements 7 (0.6/min) |"))
            seat.type("\x03")
            code = seat.to_the_end()

    assert code == 130
    assert b"\x1b" not in seat.written
    assert b"qloragen:" not in seat.written


@pytest.fixture
def at_work(tmp_path):
    """A run directory in which a process works, under limits such as nobody has."""
    with locked(tmp_path, "records.jsonl"):
        fresh = datetime.now(UTC) + timedelta(minutes=10)  # however long the process takes to begin
        write_view(tmp_path, a_view(models={"m": a_model(tpm=10**20)}, time=fresh))
        yield tmp_path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is always full")
@pytest.mark.parametrize("more", [(), ("--json",)])
def test_whoever_has_seen_enough_of_a_run_may_go_and_a_full_disk_is_a_sentence(at_work, more):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone, Path("/dev/full").open("w") as full:
        left, refused = (
            subprocess.run(following(at_work, *more), stdout=out, stderr=subprocess.PIPE, timeout=60, check=False)
            for out in (gone, full)
        )

    assert (left.returncode, left.stderr) == (0, b"")
    assert refused.returncode == 5
    assert refused.stderr.decode() == (
        f"qloragen: Standard output cannot be written (No space left on device); mend that and follow {at_work} again: "
        "the run there goes on.\n"
    )


def test_limits_beyond_those_of_other_programs_are_lines_for_programs_too(at_work):
    with subprocess.Popen(following(at_work, "--json"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.terminate()

    assert View.from_dict(json.loads(line)["view"]).models["m"].tpm == 10**20
