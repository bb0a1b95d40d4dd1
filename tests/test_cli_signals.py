"""Signals and closed terminals on the command line: real processes, and files that do not answer."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from qloragen.simulator import Call, Effect

from .test_cli import QLORAGEN, qloragen

COMMAND = Path(__file__).resolve().parents[1] / "scripts/command.py"
SIGNALS = [signal.SIGINT, signal.SIGTERM]

LEASE = """
import fcntl, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
try:
    fcntl.fcntl(os.open(sys.argv[1], os.O_RDWR), fcntl.F_SETLEASE, fcntl.F_WRLCK)
except OSError as error:
    sys.exit(f"no leases here: {error}")
print("held", flush=True)
signal.sigwait({signal.SIGIO})
print("wanted", flush=True)
sys.stdin.read()
"""
"""A program that makes whoever opens a file wait, as for a disk that does not answer, and says when somebody does.
After 45 s the kernel takes the lease away."""


@contextmanager
def hanging(file: Path) -> Iterator[Callable[[], None]]:
    """Let nobody open `file` within the block; the function that is yielded waits until somebody tries."""
    if sys.platform != "linux":
        pytest.skip("only Linux has leases")
    holder = subprocess.Popen(
        [sys.executable, "-c", LEASE, str(file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stderr is not None
        if holder.stdout.readline() != "held\n":
            pytest.skip(holder.stderr.read())

        def wait() -> None:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "wanted\n"

        yield wait
        holder.communicate()


def started(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*QLORAGEN, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def the_end(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Return the exit code, and the lines on standard error that are no log lines."""
    _, errors = process.communicate(timeout=40)
    return process.returncode, [line for line in errors.splitlines() if line.startswith(("qloragen: ", "Traceback"))]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_finishes_what_is_in_flight_and_the_same_command_pays_for_nothing_twice(
    tmp_path, serve, source, number
):
    processes: list[subprocess.Popen[str]] = []

    def signal_at_the_tenth(call: Call) -> Effect | None:
        if call.index == 10:
            processes[0].send_signal(number)
        return None

    server = serve(faults=signal_at_the_tenth, delay_s=0.05)
    command = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--set", "open_articles=3"]
    processes.append(started(*command))
    code, (said,) = the_end(processes[0])
    stopped_at = len(server.calls)

    assert code == 128 + number
    assert said.startswith(f"qloragen: Stopped by {number.name}: ")
    assert said.endswith("finished, and everything is kept. Run the same command again to go on.")
    assert stopped_at < 8 * 4
    assert qloragen(*command).returncode == 0
    assert len(server.calls) == 8 * 4


def test_a_terminal_that_is_closed_finishes_what_is_in_flight_and_nothing_is_paid_for_twice(tmp_path, serve, source):
    keyboard, side = pty.openpty()

    def close_at_the_tenth(call: Call) -> Effect | None:
        if call.index == 10:
            os.close(keyboard)
        return None

    server = serve(faults=close_at_the_tenth, delay_s=0.05)
    command = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--set", "open_articles=3"]
    process = subprocess.Popen(
        [*QLORAGEN, *map(str, command)],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        preexec_fn=lambda: _at_terminal(side),  # noqa: PLW1509 - it needs a controlling terminal
    )
    os.close(side)
    code = process.wait(timeout=40)
    stopped_at = len(server.calls)

    assert code == 128 + signal.SIGHUP
    assert stopped_at < 8 * 4
    assert qloragen(*command).returncode == 0
    assert len(server.calls) == 8 * 4


def _at_terminal(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may be run by nohup


@pytest.fixture
def stuck(serve):
    """A server that answers two calls and lets all others wait, and the event that two of those have arrived."""
    waiting = threading.Event()

    def answer_two(call: Call) -> Effect:
        if call.index == 3:
            waiting.set()
        return Effect(delay_s=0 if call.index < 2 else 3600)

    return serve(faults=answer_two), waiting


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_leaves_at_once_and_says_what_may_be_paid_for_again(tmp_path, source, stuck, number):
    server, waiting = stuck
    process = started("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)
    assert process.stderr is not None
    waiting.wait()

    process.send_signal(number)
    next(line for line in process.stderr if "run_stopping" in line)
    process.send_signal(number)

    code, (said,) = the_end(process)
    assert code == 128 + number
    assert said.startswith(f"qloragen: Left at once by a second signal, {number.name}: ")
    assert "calls in flight were cancelled and may be paid for again" in said


@pytest.mark.parametrize("number", SIGNALS)
def test_calls_that_outlast_the_grace_period_are_cancelled(tmp_path, source, stuck, number):
    server, waiting = stuck
    command = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url]
    process = started(*command, "--set", "grace_s=0.2")
    waiting.wait()

    process.send_signal(number)

    code, (said,) = the_end(process)
    assert code == 128 + number
    assert said.startswith(f"qloragen: Left 0.2 s after {number.name}, as grace_s says: ")
    assert "calls in flight were cancelled and may be paid for again" in said


@pytest.mark.parametrize("number", SIGNALS)
def test_a_file_that_does_not_answer_holds_up_no_stop_of_a_run_at_work(tmp_path, serve, source, number):
    server = serve()
    folder = tmp_path / "folder"
    folder.mkdir()
    source.rename(folder / "a.jsonl")
    (folder / "b.jsonl").write_text("")
    command = ["generate", folder, "--out", tmp_path / "run", "--base-url", server.base_url]
    with hanging(folder / "b.jsonl") as wait_until_wanted:
        process = started(*command)
        wait_until_wanted()
        process.send_signal(number)
        code, (said,) = the_end(process)

    assert code == 128 + number
    assert said.startswith(f"qloragen: Stopped by {number.name}: ")
    assert qloragen(*command).returncode == 0
    assert len(server.calls) == 8 * 4


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_run_is_planned_ends_with_one_sentence(tmp_path, serve, source, number):
    server = serve()
    folder = tmp_path / "folder"
    folder.mkdir()
    source.rename(folder / "a.jsonl")
    (folder / "b.jsonl").write_text("")
    command = ["generate", folder, "--out", tmp_path / "run", "--base-url", server.base_url]
    qloragen(*command, "--limit", 5)
    with hanging(folder / "b.jsonl") as wait_until_wanted:
        process = started(*command)
        wait_until_wanted()
        process.send_signal(number)
        _, errors = process.communicate(timeout=40)

    assert process.returncode == 128 + number
    assert errors == (
        f"qloragen: Stopped by {number.name} before any call was sent. Run the same command again to go on.\n"
    )
    assert len(server.calls) == 5 * 4


def test_a_second_signal_leaves_a_run_directory_that_does_not_answer(tmp_path, serve, source):
    server = serve()
    command = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url]
    qloragen(*command)
    with hanging(tmp_path / "run/journal.jsonl") as wait_until_wanted:
        process = started(*command)
        wait_until_wanted()
        # Of two equal signals the system may deliver one, and of two others the later first.
        for number in SIGNALS:
            process.send_signal(number)
        _, errors = process.communicate(timeout=40)

    second = signal.Signals(process.returncode - 128)
    assert second in SIGNALS
    assert errors == (
        f"qloragen: Left at once by a second signal, {second.name}, before any call was sent. "
        "Run the same command again to go on.\n"
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_before_there_is_an_event_loop_ends_with_one_sentence(tmp_path, number):
    settings = tmp_path / "qloragen.toml"
    settings.write_text("rpm = 500\n")
    with hanging(settings) as wait_until_wanted:
        process = started("generate", "articles", "--out", "run")
        wait_until_wanted()
        process.send_signal(number)
        _, errors = process.communicate(timeout=40)

    assert process.returncode == 128 + number
    assert errors == f"qloragen: Stopped by {number.name}. Run the same command again to go on.\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_python_loads_the_command_ends_with_one_sentence(tmp_path, number):
    (tmp_path / "orjson.py").write_text("import sys\nprint('loading', flush=True)\nsys.stdin.read()\n")
    process = subprocess.Popen(
        [sys.executable, COMMAND, "packs"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "loading\n"

    process.send_signal(number)

    assert process.wait() == 128 + number
    _, errors = process.communicate()
    assert errors == f"qloragen: Stopped by {number.name}. Run the same command again to go on.\n"


def test_the_command_that_is_installed_runs_every_command():
    done = subprocess.run([sys.executable, COMMAND, "packs"], check=False, capture_output=True, text=True)

    assert done.returncode == 0
    assert done.stdout.startswith("default ")
