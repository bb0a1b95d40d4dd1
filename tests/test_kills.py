"""Real processes that are killed, stopped, refused or shut out at random moments, by the scripts in benchmarks/.

Each test prints its seed when it fails; SOAK_SEED=<seed> gives it to all of them. It replays articles, latencies and
dice, but not what a process was doing at a moment of wall time (see benchmarks/kills.py), so to see a failure again may
take several tries.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
SEED = os.environ.get("SOAK_SEED")
IN_FLIGHT = 8
"""Of each of two models."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked after imports")


def test_processes_killed_at_random_moments_lose_nothing_and_repeat_at_most_what_was_in_flight(tmp_path):
    found = run("kills.py", tmp_path, "--kills", "80")

    assert (found["lost"], found["duplicates"], found["twice"], found["findings"]) == (0, 0, 0, [])
    assert found["kills"] == 80
    assert max(map(int, found["repeats"])) <= 2 * IN_FLIGHT
    # The kills must have met processes at work, or all this would say nothing.
    assert sum(count for calls, count in found["in_flight"].items() if int(calls) > 1) > 20


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGINT"])
def test_stopped_processes_finish_what_is_in_flight_and_repeat_nothing(tmp_path, signal):
    found = run("kills.py", tmp_path, "--kills", "50", "--signal", signal, "--articles", "20")

    assert (found["lost"], found["duplicates"], found["twice"], found["findings"]) == (0, 0, 0, [])
    assert found["kills"] == 50
    assert found["repeats"] == {"0": 50}


@pytest.mark.parametrize("fatal", ["quota", "401"])
def test_once_the_account_is_shut_out_no_more_is_sent_than_was_in_flight_and_a_resume_repeats_nothing(tmp_path, fatal):
    found = run("kills.py", tmp_path, "--kills", "8", "--fatal", fatal, "--articles", "20")

    assert found["findings"] == []
    assert found["fatal"] == found["kills"] == 8
    assert found["most_late"] <= 2 * IN_FLIGHT
    assert found["repeats"] == {"0": 8}
    assert found["codes"]["5"] == 8


def test_of_ten_processes_that_open_one_run_nine_are_refused_by_name_and_a_dead_ones_lock_is_taken_over(tmp_path):
    found = run("races.py", tmp_path, "--rounds", "10")

    assert found["findings"] == []
    assert found["taken_over"] == 5
    assert found["refused"] == (10 + 5) * 9


def run(script, folder, *options):
    """Run a script, in a process without threads that it can fork, and return the numbers that it wrote."""
    path = folder / "numbers.json"
    seed = SEED or str(random.SystemRandom().randrange(10**9))
    command = [sys.executable, str(BENCHMARKS / script), "--json", str(path), "--seed", seed, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"SOAK_SEED={seed}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return json.loads(path.read_text("utf-8"))
