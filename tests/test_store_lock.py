"""The lock of a run directory, where several processes look at it, take it, or have inherited it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qloragen.store.lock import in_use, locked
from qloragen.store.names import JOURNAL

LOOKED_AT = """
import fcntl, sys
from pathlib import Path
from qloragen.store.lock import locked

folder = Path(sys.argv[1])
looking = open(folder / ".lock", "wb")
fcntl.flock(looking, fcntl.LOCK_SH)
tries = []

def look_away(event, args):
    if event == "fcntl.flock" and args[1] & fcntl.LOCK_EX:
        tries.append(args)
        if len(tries) == 3:
            looking.close()

sys.addaudithook(look_away)
with locked(folder, "journal.jsonl"):
    print("locked")
"""

FORKED = """
import os, sys
from pathlib import Path
from qloragen.errors import RunLocked
from qloragen.store.lock import locked

folder = Path(sys.argv[1])
mine, its = os.pipe()
with locked(folder, "journal.jsonl"):
    child = os.fork()
    if not child:
        os.close(its)
        os.read(mine, 1)  # until the parent has closed its end
        os._exit(0)
with locked(folder, "journal.jsonl"):
    print("locked again")
os.close(its)
os.waitpid(child, 0)
"""

LEFT_BY_A_CHILD = """
import os, sys
from pathlib import Path
from qloragen.errors import RunLocked
from qloragen.store.lock import locked

folder = Path(sys.argv[1])
parent = os.getpid()
with locked(folder, "journal.jsonl"):
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        try:
            with locked(folder, "journal.jsonl"):
                print("taken away")
        except RunLocked:
            print("kept")
if os.getpid() != parent:
    os._exit(0)
"""


def said(script: str, folder: Path) -> str:
    """What a script that gets `folder` prints; it may fork, and have audit hooks, which cannot be taken out again."""
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nobody_is_refused_because_someone_looked_at_that_moment(tmp_path):
    assert said(LOOKED_AT, tmp_path) == "locked"


def test_a_forked_process_that_lives_on_does_not_keep_the_lock(tmp_path):
    assert said(FORKED, tmp_path) == "locked again"


def test_a_forked_process_that_leaves_the_block_does_not_take_the_lock_away(tmp_path):
    assert said(LEFT_BY_A_CHILD, tmp_path) == "kept"


@pytest.mark.parametrize("name", [".lock", JOURNAL])
def test_a_file_that_is_deleted_while_it_is_locked_is_made_anew_by_the_next(tmp_path, name):
    with locked(tmp_path, JOURNAL):
        (tmp_path / name).unlink()
    with locked(tmp_path, JOURNAL):
        assert in_use(tmp_path)

    assert (tmp_path / name).exists()
    assert not in_use(tmp_path)
