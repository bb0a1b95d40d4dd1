"""Judging on the command line: real processes that are stopped and killed, and pay for nothing twice."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import orjson
import pytest

import qloragen as library
from qloragen.simulator import Call, Effect
from qloragen.store.run import read_run

from .judges import make_run
from .test_cli import qloragen
from .test_cli_signals import started, the_end

IN_FLIGHT = 3
CALLS = 40 + 20


@pytest.fixture
def run(tmp_path: Path) -> Path:
    make_run(tmp_path / "run")
    return tmp_path / "run"


def command(run: Path, server, *more: object) -> list[object]:
    return [
        *("judge", run, "--judge-model", "claude-judge", "--base-url", server.base_url, "--limit", 20),
        *("--concurrency", IN_FLIGHT, *more),
    ]


def asked(server) -> Counter[bytes]:
    """Return how often each request was sent."""
    return Counter(orjson.dumps(call.body) for call in server.calls)


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_signal_finishes_what_is_in_flight_and_the_same_command_pays_for_nothing_twice(run, serve, number):
    processes: list[subprocess.Popen[str]] = []

    def signal_at_the_tenth(call: Call) -> Effect | None:
        if call.index == 10:
            processes[0].send_signal(number)
        return None

    server = serve(faults=signal_at_the_tenth, delay_s=0.05)
    processes.append(started(*command(run, server)))
    code, (said,) = the_end(processes[0])
    stopped_at = len(server.calls)
    done = qloragen(*command(run, server))

    assert code == 128 + number
    assert said.startswith(f"qloragen: Stopped by {number.name}: ")
    assert stopped_at < CALLS
    assert done.returncode == 0, done.stderr
    assert set(asked(server).values()) == {1}
    assert len(server.calls) == CALLS


def test_killed_processes_lose_no_reply_and_repeat_at_most_what_was_in_flight(run, serve):
    processes: list[subprocess.Popen[str]] = []
    deadly = {4, 17, 18, 33, 51}

    def kill(call: Call) -> Effect | None:
        if call.index in deadly:
            processes[-1].send_signal(SIGKILL)
        return None

    server = serve(faults=kill, delay_s=0.02)
    while not processes or processes[-1].returncode:
        processes.append(started(*command(run, server)))
        processes[-1].communicate(timeout=60)

    killed = processes[:-1]
    assert {process.returncode for process in killed} == {-SIGKILL}
    assert 3 <= len(killed) <= len(deadly)  # a process may have more than one of these calls in flight
    state = read_run(run / "judge")
    repeated = len(server.calls) - len(asked(server))
    assert len(asked(server)) == CALLS
    assert repeated <= IN_FLIGHT * len(killed)
    assert state.totals.judgements.total() == CALLS
    assert state.ledger.total().calls == CALLS
    lines = [orjson.loads(line) for line in (run / "judge/judgements.jsonl").read_bytes().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == CALLS
    assert library.verify(run / "judge").problems == []


def test_a_limit_of_calls_ends_with_its_exit_code_and_says_what_is_known_so_far(run, serve):
    server = serve()

    done = qloragen(*command(run, server, "--max-calls", 7))

    assert done.returncode == 4
    assert len(server.calls) == 7
    assert "to be judged now: 20 records and 40 controls, 60 calls" in done.stderr
    assert "qloragen: " in done.stderr
    assert "No records are chosen by this judge" in done.stdout


def test_programs_get_json_and_people_a_plan_with_its_cost_before_the_first_call(run, serve):
    server = serve()
    price = 'models={"claude-judge": {"price": {"prompt": 1, "completion": 5}}}'

    done = qloragen(*command(run, server, "--json", "--set", price))

    found = orjson.loads(done.stdout)
    likely = float(done.stderr.partition("60 calls, about $")[2].split(".\n")[0].rstrip("."))
    assert done.returncode == 0
    assert (found["judged"], found["controls"]["planted"], found["controls"]["good"]) == (20, 20, 20)
    assert 0.5 < likely / float(found["cost_usd"]) < 2


def test_an_export_of_the_judged_needs_a_judge_that_can_be_believed(run, serve, tmp_path):
    server = serve()
    qloragen(*command(run, server))

    done = qloragen("export", run, "--format", "alpaca", "--judged", "--out", tmp_path / "out.jsonl")

    assert done.returncode == 2
    assert "cannot be chosen by their judge" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_relative_of_the_writer_is_refused_in_one_sentence(run, serve):
    done = qloragen("judge", run, "--judge-model", "gpt-6-sol", "--base-url", serve().base_url)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "--same-family" in done.stderr


def test_judging_in_batches_costs_half_and_brings_the_same(run, serve):
    server = serve()
    quick = ["--batch", "--set", "batch_poll_s=0.1", "--set", "batch_gather_s=0.1"]

    done = qloragen(*command(run, server, *quick))
    again = qloragen(*command(run, server, *quick))

    assert done.returncode == again.returncode == 0, done.stderr
    assert read_run(run / "judge").totals.judgements.total() == CALLS
    assert again.stdout == done.stdout
