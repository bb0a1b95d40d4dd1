"""Real processes that work in batches over HTTP, killed by SIGKILL at each station and gone on with by the next."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qloragen.oneshot import summary
from qloragen.simulator import Effect, Fault, Provider, Simulation, SimulatorServer
from qloragen.simulator.batch_settings import Batches
from qloragen.store.run import open_run

from .batch_lives import bill_of

BATCHES = Batches(median_s=1.5, validating_s=0.2)
SLOW = Fault("slow", effect=Effect(delay_s=0.3), endpoints=("files", "batches"))
"""So that a process can be killed after the provider has done what it was asked for, and before it knows."""


class Watched(Provider):
    """Tells when a call to files or batches comes."""

    def __init__(self) -> None:
        super().__init__(Simulation(batches=BATCHES, faults=(SLOW,)))
        self.came = threading.Event()
        self.awaited = ""
        self.base_url = ""

    def manage(self, ask, route, headers, clock_s):
        plan = super().manage(ask, route, headers, clock_s)
        if self.awaited and f"{ask.method} {ask.path.removeprefix('/v1')}".startswith(self.awaited):
            self.came.set()
        return plan


class Runs:
    """The same command, over and over."""

    def __init__(self, source: Path, folder: Path, base_url: str, *knobs: str) -> None:
        settings = ("batch_poll_s=0.2", "batch_gather_s=0.3", "commit_ms=5", *knobs)
        self._command = [sys.executable, "-m", "qloragen", "generate", str(source), "--out", str(folder), "--batch"]
        self._command += ["--base-url", base_url, *(part for knob in settings for part in ("--set", knob))]
        self._environment = {**os.environ, "OPENAI_API_KEY": "k"}

    @contextmanager
    def begun(self) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, env=self._environment) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def provider(portal):
    watched = Watched()
    context = portal.wrap_async_context_manager(SimulatorServer(watched))
    watched.base_url = context.__enter__().base_url
    yield watched
    context.__exit__(None, None, None)


def test_processes_killed_at_each_station_of_a_batch_pay_for_everything_once(provider, source, tmp_path):
    runs = Runs(source, tmp_path / "run", provider.base_url)
    first = ["POST /files", "POST /batches", "GET /batches", "GET /files"]
    stations = [*first, "POST /files", "POST /batches", "GET /files"]

    for station in stations:
        provider.came.clear()
        provider.awaited = station
        with runs.begun() as process:
            assert provider.came.wait(30)
            process.kill()
            assert process.wait(30) == -signal.SIGKILL
    with runs.begun() as last:
        _, said = last.communicate(timeout=60)

    assert last.returncode == 0, said
    found, seen = summary(tmp_path / "run"), provider.statistics
    calls = sum(counts.outcomes["answered"] for counts in seen.services["batch"].values())
    assert seen.duplicates == 0
    assert found.calls == calls == 8 + found.records
    assert found.cost_usd == bill_of(provider)
    with open_run(tmp_path / "run") as run:
        assert run.state.submissions.open() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_process_at_once_and_says_what_goes_on(provider, source, tmp_path, number):
    runs = Runs(source, tmp_path / "run", provider.base_url, "batch_poll_s=60")
    provider.awaited = "POST /batches"
    with runs.begun() as process:
        assert provider.came.wait(30)
        while not (left := summary(tmp_path / "run").batches) or left[0].id is None:
            assert process.poll() is None
        process.send_signal(number)
        _, said = process.communicate(timeout=20)

    assert process.returncode == 128 + number
    assert "1 batch with 8 requests goes on at the provider. Run the same command again to go on." in said
    assert (
        "1 batch with 8 requests"
        in subprocess.run(
            [sys.executable, "-m", "qloragen", "status", str(tmp_path / "run")],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
