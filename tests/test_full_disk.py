"""The whole main job on a disk that is really full: a small file system in memory, mounted for the test."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest

import qloragen
from qloragen import Interrupted, Session, StorageFailed

from .disks import expected_sink
from .judges import Oracle, client_of, make_run
from .simulated import Simulated
from .test_main_job import articles, lines_of

MOUNT, UMOUNT = shutil.which("mount"), shutil.which("umount")
ARTICLES = 40
CALLS, RECORDS = ARTICLES * 4, ARTICLES * 3
IN_FLIGHT = 4
"""Of each of the two models."""
ROOM_BYTES = 240_000
"""Enough for about a third of the job."""


@dataclass
class Small:
    """A small file system, most of which is taken until it is freed."""

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    def leave(self, count: int) -> None:
        """Take all room but `count` bytes."""
        state = os.statvfs(self.folder)
        with self._ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - count)

    def free(self) -> None:
        """Make room."""
        self._ballast.unlink()

    def forbid(self) -> None:
        """Let nobody write any more."""
        assert MOUNT
        subprocess.run([MOUNT, "-o", "remount,ro", self.folder], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Small]:
    folder = tmp_path / "small"
    folder.mkdir()
    if MOUNT is None or UMOUNT is None:
        pytest.skip("there is no mount here")
    options = ("-t", "tmpfs", "-o", "size=16m", "qloragen-test")
    mounted = subprocess.run([MOUNT, *options, folder], check=False, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    yield Small(folder)
    subprocess.run([UMOUNT, "--lazy", folder], check=True)


@dataclass
class Disturbances(logging.Handler):
    """Lets a test wait for the words of the library about its disk."""

    seen: list[str] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        super().__init__()

    def __hash__(self) -> int:
        return id(self)

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.msg)
        self._news.set()
        self._news = anyio.Event()

    async def refusals(self, count: int) -> None:
        """Return once the disk has refused so often."""
        while self.seen.count("disk_refuses") < count:
            await self._news.wait()


@contextmanager
def listening() -> Iterator[Disturbances]:
    heard, logger = Disturbances(), logging.getLogger("qloragen")
    logger.addHandler(heard)
    logger.setLevel(logging.INFO)
    yield heard
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(heard)


def knobs(server: Simulated) -> dict[str, Any]:
    return {"base_url": server.base_url, "max_concurrency": IN_FLIGHT}


def assert_complete(run: Path) -> None:
    assert len({line["id"] for line in lines_of(run / "records.jsonl")}) == RECORDS
    assert (run / "records.jsonl").read_bytes() == expected_sink((run / "journal.jsonl").read_bytes())


async def test_on_a_full_disk_no_call_is_sent_and_once_there_is_room_the_run_goes_on_with_nothing_paid_twice(small):
    small.leave(ROOM_BYTES)
    async with Simulated() as server, Session(small.folder / "run", **knobs(server)) as session:
        with listening() as heard:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.process, articles(ARTICLES))
                await heard.refusals(1)
                at_first = len(server.calls)
                await heard.refusals(2)
                sent, pauses = len(server.calls), session.pauses
                await heard.refusals(3)
                assert len(server.calls) == sent < CALLS
                assert sent - at_first <= 2 * IN_FLIGHT
                assert pauses.keys() == {"gpt-6-luna", "gpt-6-sol"}
                small.free()

    assert heard.seen.count("disk_writes_again") == 1
    assert len(server.calls) == CALLS
    assert_complete(small.folder / "run")


async def test_who_stops_while_the_disk_is_full_pays_again_at_most_for_what_was_in_flight(small):
    small.leave(ROOM_BYTES)
    async with Simulated() as server:
        with listening() as heard, pytest.raises(StorageFailed, match="No space left on device") as stopped:
            async with Session(small.folder / "run", **knobs(server)) as session, anyio.create_task_group() as tasks:
                tasks.start_soon(session.process, articles(ARTICLES))
                await heard.refusals(2)
                session.stop(Interrupted("enough"))
        small.free()
        await qloragen.agenerate(articles(ARTICLES), small.folder / "run", **knobs(server))

    assert "\n" not in str(stopped.value)
    assert len(server.calls) <= CALLS + 2 * IN_FLIGHT
    assert_complete(small.folder / "run")


async def test_a_disk_that_cannot_be_written_is_said_at_once_and_nothing_is_sent(small):
    async with Simulated() as server:
        await qloragen.agenerate(articles(1), small.folder / "run", **knobs(server))
        sent = len(server.calls)
        small.forbid()
        for name in ("run", "new"):
            with pytest.raises(StorageFailed, match="Read-only file system") as refused:
                await qloragen.agenerate(articles(2), small.folder / name, **knobs(server))
            assert str(small.folder / name) in str(refused.value)

    assert len(server.calls) == sent


async def test_a_judge_waits_for_room_as_well_and_pays_for_nothing_twice(small):
    records = make_run(small.folder / "run")
    client = client_of(Oracle(records).perfect)
    small.leave(150_000)
    with listening() as heard:

        async def judge() -> None:
            await qloragen.ajudge(
                small.folder / "run", client=client, judge_model="claude-judge", max_concurrency=IN_FLIGHT
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(judge)
            await heard.refusals(2)
            sent = len(client.calls)
            await heard.refusals(3)
            assert len(client.calls) == sent < len(records) + 40
            small.free()

    assert len(client.calls) == len(records) + 40
    assert qloragen.verify(small.folder / "run/judge").problems == []
