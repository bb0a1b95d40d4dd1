"""Changed circumstances on the command line: what is said, what is asked, and what an answer does."""

import fcntl
import os
import pty
import subprocess
import termios
from functools import partial
from pathlib import Path

import orjson
import pytest

from qloragen import agenerate

from .test_cli import QLORAGEN, qloragen
from .test_main_job import article, lines_of

ASK_ALWAYS = ("--set", "confirm_above_usd=0")
MINI = ("--generate-model", "gpt-5.4-mini")


@pytest.fixture
def generate(tmp_path: Path, portal, serve, source: Path):
    """A server, and the command whose work is done already: 8 classifications and 24 records."""
    server = serve()
    portal.call(partial(agenerate, source, tmp_path / "run", base_url=server.base_url))
    return server, ("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)


def test_a_change_is_told_by_cause_with_its_cells_and_dollars_and_what_becomes_of_the_old(tmp_path, generate):
    server, command = generate

    done = qloragen(*command, *MINI)

    assert done.returncode == 0
    assert "8 articles, 0 finished; 24 records to make, about $0.0" in done.stderr
    assert "changed: generate model gpt-6-luna -> gpt-5.4-mini: 24 records, about $0.0" in done.stderr
    assert "stays in records.jsonl" in done.stderr
    assert len(server.calls) == 8 * 4 + 24
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 48


def test_above_the_limit_nobody_to_ask_ends_with_one_sentence_and_no_call(generate):
    server, command = generate

    done = qloragen(*command, *MINI, *ASK_ALWAYS)

    assert done.returncode == 2
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("qloragen: ")]
    for word in ("24 records", "about $0.0", "generate model gpt-6-luna -> gpt-5.4-mini", "--yes", "another --out"):
        assert word in sentence
    assert "articles read" not in done.stderr
    assert "run_stopping" not in done.stderr
    assert len(server.calls) == 8 * 4


@pytest.mark.parametrize("consent", [{"flag": "--yes"}, {"variable": "true"}], ids=["flag", "variable"])
def test_consent_goes_on_and_keeps_what_still_holds(generate, consent):
    server, command = generate
    flags = [consent["flag"]] if "flag" in consent else []
    variables = {"QLORAGEN_ACCEPT_CHANGES": consent["variable"]} if "variable" in consent else {}

    done = qloragen(*command, *MINI, *ASK_ALWAYS, *flags, **variables)

    assert done.returncode == 0
    assert len(server.calls) == 8 * 4 + 24
    assert qloragen(*command, *MINI, *ASK_ALWAYS).returncode == 0
    assert len(server.calls) == 8 * 4 + 24


def test_an_unchanged_run_asks_nothing(source, generate):
    server, command = generate
    source.write_bytes(source.read_bytes() + orjson.dumps(article(100)) + b"\n")

    done = qloragen(*command, *ASK_ALWAYS)

    assert done.returncode == 0
    assert "changed:" not in done.stderr
    assert "9 articles, 8 finished; 1 to classify, about 3 records to make, " in done.stderr
    assert len(server.calls) == 9 * 4


@pytest.mark.parametrize(("answer", "code", "calls"), [(b"y\n", 0, 24), (b"n\n", 2, 0), (b"\n", 2, 0), (b"\x04", 2, 0)])
def test_a_person_at_the_terminal_is_asked(generate, answer, code, calls):
    server, command = generate

    process, shown = at_a_terminal(*command, *MINI, *ASK_ALWAYS, answer=answer)

    assert process.returncode == code
    assert b"Pay for 24 records again, about $0.0" in shown
    assert len(server.calls) == 8 * 4 + calls


def test_ctrl_c_is_an_answer(generate):
    server, command = generate

    process, shown = at_a_terminal(*command, *MINI, *ASK_ALWAYS, answer=b"\x03")

    assert process.returncode == 130
    assert b"Traceback" not in shown
    assert len(server.calls) == 8 * 4


def test_json_logs_hold_the_plan(generate):
    _, command = generate

    done = qloragen(*command, *MINI, "--log-format", "json")

    (plan,) = [event for line in done.stderr.splitlines() if (event := orjson.loads(line))["event"] == "run_resumed"]
    assert plan["generations"] == 24
    assert plan["changes"][0]["cause"] == "generate model gpt-6-luna -> gpt-5.4-mini"
    assert plan["changes"][0]["cost_usd"] == plan["cost_usd"]


def test_a_lost_history_is_told(tmp_path, generate):
    _, command = generate
    (tmp_path / "run/run.json").write_bytes(b"{")

    done = qloragen(*command)

    assert done.returncode == 0
    assert "run.json does not say what earlier sessions worked with" in done.stderr


def at_a_terminal(*command: object, answer: bytes) -> tuple["subprocess.Popen[bytes]", bytes]:
    """Run the command at a terminal of its own, type `answer` at its question, and return all that it showed."""
    keyboard, side = pty.openpty()
    process = subprocess.Popen(
        [*QLORAGEN, *map(str, command)],
        stdin=side,
        stdout=subprocess.DEVNULL,
        stderr=side,
        start_new_session=True,
        preexec_fn=lambda: _control(side),  # noqa: PLW1509 - Ctrl-C needs a controlling terminal
    )
    os.close(side)
    shown, answered = b"", False
    while block := _read(keyboard):
        shown += block
        if not answered and b"[y/N]" in shown:
            os.write(keyboard, answer)
            answered = True
    process.wait(timeout=60)
    os.close(keyboard)
    return process, shown


def _control(terminal: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:
        return b""
