"""A disk that fails at each of its operations in turn, in every stage of a run's life.

Each time the store says so in one sentence, keeps what it has acknowledged, leaves no file open, and goes on with a
sound disk to the very records of an undisturbed run.
"""

from __future__ import annotations

import asyncio
import errno
import selectors
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
import pytest

from qloragen.errors import StorageFailed
from qloragen.store.committer import Durability, Terms, committing
from qloragen.store.files import Files
from qloragen.store.handle import Run
from qloragen.store.names import JOURNAL, SINK
from qloragen.store.run import open_run

from .disks import Faulty, Memory, Operation, expected_sink, quick_folder
from .lives import index_files, put_index
from .values import a_cell, a_record, a_reply, an_article, key

CELLS = [f"c{n}" for n in range(30)]
GROUP = 10
"""Cells that are acknowledged together."""
HALF = -1
"""Instead of an errno: the operation does half of what it was asked for."""
FULL = -2
"""Instead of an errno: this write is refused, and all that follow."""
FAULTS = [errno.ENOSPC, errno.EIO, errno.EINTR, HALF, FULL]


@dataclass
class Work:
    """What is to be done in a run, and what of it the store has acknowledged."""

    acknowledged: set[str] = field(default_factory=set)

    def do(self, folder: Path, files: Files) -> None:
        """Do all that is missing, with an acknowledgement now and then."""
        with open_run(folder, files=files) as run:
            for first in range(0, len(CELLS), GROUP):
                names = CELLS[first : first + GROUP]
                for name in names:
                    do_one(run, name)
                run.flush()
                self.acknowledged.update(map(key, names))

    def revise(self, folder: Path, files: Files) -> None:
        """Read all replies again and replace what they come to, as `reparse` does."""
        self.acknowledged.update(map(key, CELLS))
        with open_run(folder, files=files) as run:
            for reply in run.all_replies():
                run.add_record(replace(a_record(output="Revised."), id=reply.cell.key), revised=True)
            run.flush()

    def commit(self, folder: Path, files: Files, durability: Durability) -> None:
        """Do all that is missing through a committer, which waits for a disk until it has refused three times."""
        anyio.run(self._commit, folder, files, durability, backend_options={"loop_factory": HastyLoop})

    async def _commit(self, folder: Path, files: Files, durability: Durability) -> None:
        troubles: list[str | None] = []

        def trouble(words: str | None) -> None:
            troubles.append(words)
            if len(troubles) >= 3:
                committer.hurry()

        with open_run(folder, files=files) as run:
            async with committing(run, Terms(durability, trouble=trouble)) as committer:
                for name in CELLS:
                    do_one(run, name)
                    if name in CELLS[:: GROUP // 2]:
                        await committer.kept()
                    if name in CELLS[::GROUP]:
                        await committer.durable()
                        self.acknowledged.add(key(name))
            if committer.failed:
                raise committer.failed


def do_one(run: Run, name: str) -> None:
    cell = a_cell(name)
    if not run.state.settled(cell.key):
        run.add_article(an_article())
        if not run.replies(cell.key):
            run.add_reply(a_reply(cell))
        run.add_record(a_record(name))


class HastyLoop(asyncio.SelectorEventLoop):
    """Waits for threads, but hardly for clocks: when nothing has come for a moment, the next timer is due."""

    def __init__(self) -> None:
        self._ahead_s = 0.0
        super().__init__(_HastySelector(self._skip))

    def time(self) -> float:
        return super().time() + self._ahead_s

    def _skip(self, seconds: float) -> None:
        self._ahead_s += seconds


class _HastySelector(selectors.DefaultSelector):
    def __init__(self, skip: Callable[[float], None]) -> None:
        super().__init__()
        self._skip = skip

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(min(timeout, 0.005))
        if not ready:
            self._skip(timeout)
        return ready


# ---------------------------------------------------------------------------------------------------------- the stages


class Stage(Protocol):
    """Something that is done in a run directory with some disk."""

    def __call__(self, folder: Path, files: Files) -> None: ...


def nothing(folder: Path, disk: Memory) -> None:
    """Leave the folder as it is."""


def finished(folder: Path, disk: Memory) -> None:
    """Let all be done."""
    Work().do(folder, disk)


def damaged(folder: Path, disk: Memory) -> None:
    """Leave a run as an accident would: with a torn tail, a damaged line, and half a sink; nothing tells where."""
    Work().do(folder, disk)
    lines = disk.data(folder / JOURNAL).split(b"\n")
    lines[5] = lines[5].replace(b"}", b"]")
    disk.put(folder / JOURNAL, b"\n".join(lines[:-9]) + b'\n{"k":"torn')
    disk.put(folder / SINK, disk.data(folder / SINK)[:-5_000])
    put_index(folder, {})


def unended(folder: Path, disk: Memory) -> None:
    """Leave out the LF of the last line, and much of the sink, with an index that knows it otherwise."""
    Work().do(folder, disk)
    disk.put(folder / JOURNAL, disk.data(folder / JOURNAL)[:-1])
    disk.put(folder / SINK, b"other\n" + disk.data(folder / SINK)[:3_000])


STAGES: dict[str, tuple[Callable[[Path, Memory], None], Callable[[Work], Stage]]] = {
    "a new run": (nothing, lambda work: work.do),
    "a damaged run": (damaged, lambda work: work.do),
    "a run without its last LF": (unended, lambda work: work.do),
    "a revision": (finished, lambda work: work.revise),
    "a commit to the kernel": (nothing, lambda work: partial(work.commit, durability="process")),
    "a commit in groups": (nothing, lambda work: partial(work.commit, durability="group")),
    "a commit of each line": (nothing, lambda work: partial(work.commit, durability="record")),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: {HALF: "half", FULL: "full"}.get(fault) or errno.errorcode[fault]
)
@pytest.mark.parametrize("stage", STAGES)
def test_whichever_operation_fails_nothing_acknowledged_is_lost_and_the_next_try_ends_as_if_it_had_not(
    folder, stage, fault
):
    prepare, act = STAGES[stage]
    before = Memory()
    prepare(folder, before)
    index = index_files(folder)

    def tried(disk: Faulty) -> list[bytes]:
        put_index(folder, index)
        disk.disk = Memory(before.image())
        return assert_recovers(folder, act, disk)

    sound = Faulty()
    undisturbed = tried(sound)
    assert len(undisturbed) == len(CELLS)
    for operation in sound.log:
        if fault > 0 or operation.name in {"read", "write"}:
            disk = Faulty(partial(failing, fault, operation.number))
            assert tried(disk) == undisturbed, f"after {disk.failed}"


def failing(fault: int, number: int, operation: Operation) -> int | None:
    if fault == FULL:
        return errno.ENOSPC if operation.number >= number and operation.name == "write" else None
    return fault if operation.number == number else None


def assert_recovers(folder: Path, act: Callable[[Work], Stage], disk: Faulty) -> list[bytes]:
    """Return the lines of the sink once all is done, with a sound disk in the end."""
    work = Work()
    said: StorageFailed | None = None
    try:
        act(work)(folder, disk)
    except StorageFailed as error:
        said = error
    assert said is None or not disk.only_half
    assert disk.left_open == [], f"after {disk.failed}"
    assert_no_second_sync(disk)
    sound = disk.disk
    assert isinstance(sound, Memory)
    with open_run(folder, files=sound) as run:
        assert [key for key in work.acknowledged if run.state.record_offset(key) is None] == []
    act(Work())(folder, sound)
    sink = sound.data(folder / SINK)
    assert sink == expected_sink(sound.data(folder / JOURNAL))
    return sorted(sink.splitlines())


def assert_no_second_sync(disk: Faulty) -> None:
    """A sync that has failed is not tried again, for it would succeed. A draft is written anew, so it may."""
    for failed in disk.failed:
        if failed.name == "sync":
            later = disk.log[failed.number + 1 :]
            again = [other for other in later if (other.name, other.path) == ("sync", failed.path)]
            assert not again or failed.path.suffix == ".new", f"after {failed}"
