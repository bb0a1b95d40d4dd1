"""Standard error of the commands for programs: JSON, from the first line to the last."""

from __future__ import annotations

import io
import os
import subprocess
import warnings
from pathlib import Path

import orjson
import pytest

from qloragen.cli import main
from qloragen.cli.exits import remark, told
from qloragen.errors import BudgetReached, Interrupted, ProviderUnavailable, SettingsError
from qloragen.logs import configure
from qloragen.simulator import error

from .judges import make_run
from .test_cli import QLORAGEN

JSON = ("--log-format", "json")


def said(capsys):
    """Read the lines on standard error, all of which are objects."""
    return [orjson.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    "command",
    [
        ["generate", "nowhere.jsonl", "--out", "run"],
        ["judge", "run", "--judge-model", "gpt-6-terra"],
        ["deliver", "run", "--to", "nowhere:7"],
        ["rehearse", "nowhere.jsonl"],
    ],
)
def test_a_command_that_is_refused_says_so_in_a_line_of_json(tmp_path, monkeypatch, capsys, command):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-0123456789")

    code = main([*command, *JSON])

    *_, event = said(capsys)
    assert (event["event"], event["level"], event["exit_code"]) == ("command_stopped", "error", code)
    assert event["why"]


def test_what_a_judge_is_to_do_is_an_event_where_lines_are_json(tmp_path, serve, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-key-0123456789")
    monkeypatch.setenv("QLORAGEN_BASE_URL", serve(faults={n: error(401) for n in range(9)}).base_url)
    make_run(tmp_path / "run", 2)

    main(["judge", str(tmp_path / "run"), "--judge-model", "other", *JSON])

    planned, *_, last = said(capsys)
    assert (planned["event"], planned["model"], planned["folder"]) == ("judge_planned", "other", str(tmp_path / "run"))
    assert planned["calls"] == planned["records"] + planned["controls"] > 0
    assert last["event"] == "command_stopped"


@pytest.mark.parametrize(
    ("reason", "level"),
    [
        (BudgetReached("The limit is reached."), "warning"),
        (Interrupted("Stopped by a signal."), "warning"),
        (SettingsError("It cannot be."), "error"),
        (ProviderUnavailable("It is away."), "error"),
    ],
)
def test_the_last_words_of_a_command_have_the_level_of_what_they_say(capsys, reason, level):
    configure("json", "info")

    code = told(reason)

    (event,) = said(capsys)
    assert {**event, "timestamp": ""} == {
        "event": "command_stopped",
        "level": level,
        "reason": type(reason).__name__,
        "why": str(reason),
        "exit_code": code,
        "timestamp": "",
    }


def test_people_get_sentences_as_before(capsys):
    configure("console", "info")

    told(SettingsError("It cannot be."))
    remark("By the way.")

    assert capsys.readouterr().err == "qloragen: It cannot be.\nBy the way.\n"


class Gone(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError


def test_a_remark_that_nobody_reads_ends_no_command(monkeypatch):
    configure("console", "info")
    monkeypatch.setattr("sys.stderr", Gone())

    remark("By the way.")

    assert told(SettingsError("It cannot be.")) == 2


def test_remarks_for_people_are_no_lines_for_programs_and_warnings_of_python_are(capsys):
    configure("json", "info")

    remark("By the way.")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("Something\nis old.", stacklevel=1)

    (event,) = said(capsys)
    assert event["level"] == "warning"
    assert "Something\\nis old." in event["event"]


@pytest.fixture
def no_reader():
    """A pipe whose reader has gone."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def full_disk():
    """A file that takes nothing."""
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a disk that is always full")
    with Path("/dev/full").open("wb") as full:
        yield full


@pytest.mark.parametrize(("errors", "form"), [("no_reader", "console"), ("full_disk", "json")])
def test_a_run_goes_on_and_its_code_tells_how_it_ended_where_nobody_reads_what_it_says(
    tmp_path, serve, source, request, errors, form
):
    server, unwritable = serve(), request.getfixturevalue(errors)
    command = [*QLORAGEN, "generate", str(source), "--out", str(tmp_path / "run"), "--base-url", server.base_url]

    code = subprocess.run([*command, "--log-format", form], stderr=unwritable, check=False, timeout=60).returncode
    refused = subprocess.run([*command, "--rpm", "none"], stderr=unwritable, check=False, timeout=60).returncode

    assert code == 0
    assert len((tmp_path / "run/records.jsonl").read_text().splitlines()) == 24
    assert refused == 2
