"""Real processes that are killed at any step of a delivery: the same command completes the table."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from .killed_deliveries import MOST_LIVES
from .test_sinks import rows_of

ROOT = Path(__file__).resolve().parents[1]
SEED = os.environ.get("SOAK_SEED")

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked after imports")


def test_a_table_is_complete_and_up_to_date_whenever_processes_were_killed(tmp_path):
    seed = SEED or str(random.SystemRandom().randrange(10**9))
    program = [sys.executable, "-m", "tests.killed_deliveries", str(tmp_path), seed]

    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, f"SOAK_SEED={seed}\n{done.stderr[-4000:]}"
    found = json.loads(done.stdout)
    assert found["wrong"] == [[], []], f"SOAK_SEED={seed}"
    assert all(0 <= killed < MOST_LIVES for killed in found["killed"]), f"SOAK_SEED={seed}"
    assert len(rows_of(tmp_path / "x.db")) > 5, f"SOAK_SEED={seed}"
