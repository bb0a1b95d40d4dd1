"""The files of the operating system, where they promise more than it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qloragen.store.files import Disk

SYNCED_FOLDERS = """
import os, sys
from pathlib import Path
from qloragen.store.files import Disk

opened = []
sys.addaudithook(lambda event, args: opened.append(args[0]) if event == "open" else None)
Disk().make_folder(Path(sys.argv[1]))
print(*dict.fromkeys(os.fspath(path) for path in opened if os.path.isdir(path)), sep="\\n")
"""
"""Only who syncs a folder opens it. An audit hook cannot be taken out again: it needs a process of its own."""


def synced_folders(path: Path) -> set[Path]:
    """The folders that are synced when `path` is made."""
    done = subprocess.run([sys.executable, "-c", SYNCED_FOLDERS, str(path)], capture_output=True, text=True, check=True)
    return {Path(line) for line in done.stdout.splitlines()}


def test_a_new_folder_and_all_new_ones_above_it_survive_a_loss_of_power(tmp_path):
    assert synced_folders(tmp_path / "deep/er/run") == {tmp_path, tmp_path / "deep", tmp_path / "deep/er"}
    assert (tmp_path / "deep/er/run").stat().st_mode & 0o777 == 0o700


def test_a_folder_whose_maker_may_have_died_is_made_durable_again(tmp_path):
    (tmp_path / "run").mkdir()

    assert synced_folders(tmp_path / "run") == {tmp_path}


def test_a_file_is_not_taken_for_a_folder(tmp_path):
    (tmp_path / "run").touch()

    with pytest.raises(FileExistsError):
        Disk().make_folder(tmp_path / "run")


def test_deleting_a_file_that_is_not_there_is_no_failure(tmp_path):
    (tmp_path / "f").touch()

    Disk().remove(tmp_path / "f")
    Disk().remove(tmp_path / "f")

    assert list(tmp_path.iterdir()) == []
