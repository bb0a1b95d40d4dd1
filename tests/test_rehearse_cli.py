"""`qloragen rehearse` as people type it: the flags of `generate` and of `simulate`, terminals, signals, encodings."""

import argparse
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress

import orjson
import pytest

from qloragen.cli import main
from qloragen.cli.parser import parser_for

from .rehearsals import some_articles

QLORAGEN = (sys.executable, "-m", "qloragen")


@pytest.fixture
def articles(tmp_path):
    file = tmp_path / "some.jsonl"
    rows = [{"id": one.id, "content": one.content} for one in some_articles(5)]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return str(file)


def rehearsed(capsys, *arguments):
    """Return what the command prints as JSON, without advice."""
    assert main(["rehearse", *arguments, "--no-advice", "--json"]) == 0
    return orjson.loads(capsys.readouterr().out)


def test_the_report_goes_to_standard_output_and_nothing_to_standard_error(articles, capsys):
    code = main(["rehearse", articles, "--rpm", "100", "--no-advice"])

    printed = capsys.readouterr()
    assert code == 0
    assert printed.out.startswith("Rehearsal of 5 articles\n")
    assert printed.err == ""


def test_what_is_no_article_is_said_with_its_reason(articles, tmp_path, capsys):
    other = tmp_path / "other.jsonl"
    other.write_text('{"id": "short", "content": "Too short."}\nno JSON\n')

    main(["rehearse", articles, str(other), "--no-advice"])

    assert "skips       1 too_short, 1 malformed\n" in capsys.readouterr().out


def options_of(command):
    """Return the flags of a command, by the names that people type."""
    commands = parser_for({name: lambda _: 0 for name in NAMES})
    found = next(action for action in commands._actions if isinstance(action, argparse._SubParsersAction))  # noqa: SLF001
    return {flag for action in found.choices[command]._actions for flag in action.option_strings}  # noqa: SLF001


NAMES = (
    *("generate", "estimate", "rehearse", "calibrate", "judge", "status", "report", "reparse", "export", "deliver"),
    *("verify", "rebuild", "retry", "packs", "checks", "settings", "simulate"),
)


def test_it_takes_every_flag_of_generate_and_every_flag_of_simulate_that_says_what_a_provider_is_like():
    ours, of_generate, of_simulate = (options_of(command) for command in ("rehearse", "generate", "simulate"))

    assert of_generate - ours == set()
    assert of_simulate - ours == {"--port", "--api-key", "--model"}
    assert {"--server-rpm", "--server-tpm", "--server-concurrency"} <= ours


def test_limits_of_the_provider_may_be_others_than_those_of_the_run(articles, capsys):
    found = rehearsed(capsys, articles, "--rpm", "5000", "--server-rpm", "60", "--no-headers", "--burst-s", "1")

    assert found["without_answer"]["rejected_rpm"] > 0
    assert any("60 RPM" in sentence for sentence in found["assumptions"])


def test_faults_outages_and_latencies_are_said_by_flags(articles, capsys):
    quick = rehearsed(capsys, articles, "--ttft-median-s", "0.1")
    troubled = rehearsed(
        capsys, articles, "--ttft-median-s", "0.1", "--fault", "500=0.3", "--outage", "1:40", "--seed", "4"
    )

    assert troubled["without_answer"]["500"] > 0
    assert troubled["without_answer"]["outage"] > 0
    assert troubled["makespan_s"] > 40 > quick["makespan_s"]


def test_what_happens_in_it_is_news_only_for_those_who_ask(articles, capsys):
    quiet = main(["rehearse", articles, "--no-advice", "--fault", "unauthorized=1"])
    of_quiet = capsys.readouterr()
    main(["rehearse", articles, "--no-advice", "--fault", "unauthorized=1", "--log-level", "warning"])
    of_loud = capsys.readouterr()

    assert quiet == 0
    assert "ends early" in of_quiet.out
    assert of_quiet.err == ""
    assert "run_stopping" in of_loud.err
    assert "rehearsal=True" in of_loud.err


def test_the_same_command_prints_the_same(articles, capsys):
    one, other = (rehearsed(capsys, articles, "--ttft-median-s", "1", "--ttft-p99-s", "9") for _ in range(2))

    for name in ("cpu", "memory"):
        del one[name], other[name]
    one["makespan_s"] = pytest.approx(other["makespan_s"], abs=0.002)
    assert {name: one[name] for name in one if name != "models"} == {
        name: other[name] for name in other if name != "models"
    }


def test_a_file_describes_the_whole_provider(articles, tmp_path, capsys):
    file = tmp_path / "provider.toml"
    file.write_text('[models."*"]\nlatency = { median_s = 30.0 }\n')

    found = rehearsed(capsys, articles, "--config", str(file))

    assert found["makespan_s"] > 60
    assert any("30 s" in sentence for sentence in found["assumptions"])


def test_an_earlier_run_tells_what_the_provider_is_like(articles, tmp_path, capsys, serve):
    server = serve(delay_s=0.0)
    run = str(tmp_path / "run")
    main(["generate", articles, "--out", run, "--base-url", server.base_url, "--log-level", "error"])
    capsys.readouterr()

    found = rehearsed(capsys, articles, "--profile", run)

    assert any("Learned from" in sentence for sentence in found["assumptions"])
    assert not any("guess, which --profile" in sentence for sentence in found["assumptions"])


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--config", "none.toml"), "none.toml cannot be read"),
        (("--config", "none.toml", "--slots", "3"), "--slots cannot be used with --config"),
        (("--config", "none.toml", "--server-rpm", "3"), "--server-rpm cannot be used with --config"),
        (("--config", "none.toml", "--profile", "runs/a"), "--profile cannot be used with --config"),
        (("--fault", "nonsense=1"), "nonsense"),
        (("--fault", "503"), "KIND=RATE"),
        (("--outage", "5"), "START:SECONDS"),
        (("--ttft-median-s", "2", "--ttft-p99-s", "1"), "p99_s"),
        (("--profile", "nowhere"), "nowhere"),
        (("--local",), "leave out local"),
        (("--max-cost-usd", "typo=3"), "typo is none of the models"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_the_code_of_usage(articles, capsys, flags, said):
    code = main(["rehearse", articles, *flags])

    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert said in printed.err
    assert len(printed.err.splitlines()) == 1


def test_a_terminal_without_block_characters_gets_others(articles):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}

    done = subprocess.run(
        [*QLORAGEN, "rehearse", articles, "--no-advice", "--rpm", "60"],
        capture_output=True,
        env=environment,
        check=True,
    )

    assert b"over time" in done.stdout
    assert done.stdout.isascii()


def test_a_person_at_a_terminal_sees_what_is_played_and_then_only_the_report(articles):
    ours, theirs = pty.openpty()

    with subprocess.Popen(
        [*QLORAGEN, "rehearse", articles, "--no-advice", "--whole", "3"], stdout=subprocess.PIPE, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # what a terminal says at its end
            while part := os.read(ours, 4096):
                shown += part
        assert process.stdout is not None
        report = process.stdout.read()
    os.close(ours)

    assert process.returncode == 0
    assert b"reading the source" in shown
    assert b"a sample of 3 articles, played by the real pipeline" in shown
    assert shown.endswith(b"\r\x1b[K")
    assert report.startswith(b"Rehearsal of 5 articles")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_sentence_and_nothing_is_left_behind(tmp_path, articles, number):
    place = tmp_path / "place"
    place.mkdir()
    environment = {**os.environ, "TMPDIR": str(place)}
    command = [*QLORAGEN, "rehearse", articles, "--articles", "2000000", "--rpm", "100"]

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
    ) as process:
        while not list(place.iterdir()) and process.poll() is None:
            os.sched_yield()
        process.send_signal(number)
        out, err = process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert out == ""
    assert err == "qloragen: The rehearsal was stopped; nothing was paid for.\n"
    assert list(place.iterdir()) == []
