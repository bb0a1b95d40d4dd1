"""What is set aside: how it is told apart, and how little it costs."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest

from qloragen.store.aside import Part, keep_lines, keep_part, keep_parts
from qloragen.store.files import opened
from qloragen.store.names import ASIDE
from qloragen.store.projection import rebuild

from .disks import Faulty, Memory, Operation

TIME = re.compile(r", set aside [-\d]+ [:\d]+ UTC")
MIB = 1 << 20


def disk_with(path: Path, data: bytes) -> Faulty:
    memory = Memory()
    memory.put(path, data)
    return Faulty(disk=memory)


def aside(disk: Faulty, path: Path) -> str:
    """What is in `aside/`, without the times."""
    assert isinstance(disk.disk, Memory)
    return TIME.sub("", disk.disk.data(path.parent / ASIDE / path.name).decode())


def test_many_parts_are_appended_below_what_they_are_and_synced_once(tmp_path):
    path = tmp_path / "f"
    disk = disk_with(path, b"0123456789\0\0")

    with opened(disk, path) as file:
        keep_parts(disk, path, file, [Part(1, 3, "one"), Part(8, 12, "two")])
        keep_part(disk, path, file, (4, 5), "three")

    assert aside(disk, path) == ("# one: bytes 1 to 3\n12\n# two: bytes 8 to 12\n89\n# three: bytes 4 to 5\n4\n")
    assert [operation.name for operation in disk.log].count("sync") == 2


def test_damaged_lines_that_follow_each_other_are_one_part(tmp_path):
    path = tmp_path / "f"
    disk = disk_with(path, b"aa\nbb\ncc\ndd\n")

    with opened(disk, path) as file:
        keep_lines(disk, path, file, [(1, 0, 3), (2, 3, 6), (4, 9, 12)])

    assert (
        aside(disk, path) == "# damaged lines 1 to 2: bytes 0 to 6\naa\nbb\n\n# damaged line 4: bytes 9 to 12\ndd\n\n"
    )


def test_ten_thousand_damaged_lines_cost_one_sync_and_few_writes(tmp_path):
    path = tmp_path / "f"
    disk = disk_with(path, b"x\n" * 10_000)

    with opened(disk, path) as file:
        keep_lines(disk, path, file, [(n + 1, 2 * n, 2 * n + 2) for n in range(10_000)])

    assert [operation.name for operation in disk.log].count("sync") == 1
    assert len(disk.log) < 20


def test_zeros_at_the_end_of_a_long_line_are_not_copied_though_another_follows(tmp_path):
    path = tmp_path / "f"
    disk = disk_with(path, b"start" + bytes(3 * MIB) + b"end\n")

    with opened(disk, path) as file:
        keep_lines(disk, path, file, [(1, 0, 3 * MIB + 5), (2, 3 * MIB + 5, 3 * MIB + 9)])

    assert len(aside(disk, path)) < 200


def test_the_folder_is_made_durable_before_anything_is_put_into_it(tmp_path):
    path = tmp_path / "f"
    disk = disk_with(path, b"0123")

    with opened(disk, path) as file:
        keep_part(disk, path, file, (0, 2), "x")

    done = [(operation.name, operation.path) for operation in disk.log]
    assert done.index(("make_folder", tmp_path / ASIDE)) < done.index(("open", tmp_path / ASIDE / "f"))


@pytest.mark.parametrize("failing", ["write", "sync", "replace"])
def test_a_rebuild_that_fails_gives_back_the_space_of_its_draft(tmp_path, failing):
    path = tmp_path / "f"

    def fault(operation: Operation) -> int | None:
        return errno.ENOSPC if operation.name == failing else None

    disk = Faulty(fault, disk_with(path, b"old\n").disk)

    with pytest.raises(OSError, match="No space"):
        rebuild(disk, path, [b"new\n"])

    assert isinstance(disk.disk, Memory)
    assert list(disk.disk.image()) == [path]
    assert disk.disk.data(path) == b"old\n"
