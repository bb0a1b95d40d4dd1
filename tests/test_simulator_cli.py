"""`qloragen simulate` as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import pytest

from qloragen.cli import main

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})


@contextmanager
def simulating(*flags: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Yield the process and its base URL; whoever forgot to stop it has it killed."""
    command = [sys.executable, "-m", "qloragen", "simulate", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on http://127.0.0.1:")
            yield process, line.removeprefix("listening on ").strip()
        finally:
            process.kill()


def status(base_url: str, key: str = "any", model: str = "m") -> int:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    request = Request(f"{base_url}/chat/completions", BODY.replace(b'"m"', orjson.dumps(model)), headers)  # noqa: S310 - on loopback
    try:
        with urlopen(request, timeout=30) as reply:  # noqa: S310 - as above
            assert reply.status == 200
            return 200
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_listens_until_it_is_told_to_stop_and_says_what_it_saw(number):
    with simulating("--rpm", "6", "--seed", "3") as (process, base_url):
        assert base_url.endswith("/v1")
        assert [status(base_url), status(base_url)] == [200, 429]

        process.send_signal(number)
        _, table = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "answered 1, rejected_rpm 1" in table
    assert "Traceback" not in table


def test_flags_shape_the_provider():
    flags = ("--api-key", "k", "--fault", "503=1@0:999", "--model", "m", "--ttft-median-s", "0.01")
    with simulating(*flags) as (process, base_url):
        assert [status(base_url), status(base_url, "k")] == [401, 503]

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def test_a_file_shapes_each_model_by_itself(tmp_path):
    described = tmp_path / "simulation.toml"
    described.write_text("[models.m]\nlimits = { rpm = 6 }\n[models.n]\n")
    with simulating("--config", str(described)) as (process, base_url):
        assert [status(base_url), status(base_url), status(base_url, model="n")] == [200, 429, 200]

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--fault", "nope=0.1"), "There is no fault 'nope'"),
        (("--fault", "503"), "KIND=RATE"),
        (("--fault", "503=x"), "'x' is not a number"),
        (("--fault", "503=2"), "from 0 to 1"),
        (("--fault", "503=0.1@60:30"), "must end after it starts"),
        (("--outage", "10"), "is not of the form START:SECONDS"),
        (("--outage", "nan:3"), "start_s must be 0 or more"),
        (("--outage", "10:5:flood"), "503, reset, refuse"),
        (("--rpm", "-5"), "rpm must be above 0"),
        (("--rpm", "inf"), "rpm must be above 0 and at most"),
        (("--tpm", "nan"), "tpm must be above 0 and at most"),
        (("--token-s", "1e400"), "token_s must be 0 or more and at most"),
        (("--cache-ttl-s", "nan"), "ttl_s must be above 0"),
        (("--ttft-median-s", "1", "--ttft-p99-s", "0.5"), "needs a median above 0 that it is not below"),
        (("--seed", "9" * 42), "seed must be"),
        (("--model", ""), "must not be empty"),
        (("--api-key", ""), "must not be empty"),
        (("--config", "nowhere.toml"), "nowhere.toml cannot be read"),
        (("--config", "x.toml", "--rpm", "5"), "--rpm cannot be used with --config"),
        (("--port", "99999"), "Port 99999"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(flags, message, capsys):
    assert main(["simulate", *flags]) == 2

    told = capsys.readouterr()
    assert message in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
