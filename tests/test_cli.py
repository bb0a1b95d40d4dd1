"""The command line as a person uses it: real processes, real terminals."""

import os
import subprocess
import sys

import orjson
import pytest

from qloragen.cli import main
from qloragen.simulator import Call, Effect, error

from .test_main_job import lines_of

QLORAGEN = (sys.executable, "-m", "qloragen")


def qloragen(*arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*QLORAGEN, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_the_main_job_ends_with_a_summary_and_leaves_standard_output_clean(tmp_path, serve, source):
    server = serve()

    done = qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)

    assert done.returncode == 0
    assert done.stdout == ""
    assert "articles read        8" in done.stderr
    assert "gpt-6-luna, generate     24" in done.stderr
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 24


def test_a_process_without_standard_streams_writes_its_files_and_nothing_else_into_them(tmp_path, serve, source):
    command = [*QLORAGEN, *map(str, ("generate", source, "--out", tmp_path / "run", "--base-url", serve().base_url))]

    done = subprocess.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], check=False, timeout=60)

    assert done.returncode == 0
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 24
    assert b"run_opened" not in (tmp_path / "run/journal.jsonl").read_bytes()


def test_a_second_run_says_what_is_missing_before_it_starts(tmp_path, serve, source):
    server = serve()
    qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--limit", 5)
    before = len(server.calls)

    done = qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)

    assert before == 5 * 4
    assert len(server.calls) == 8 * 4
    assert "8 articles, 5 finished; 3 to classify" in done.stderr


def test_bad_lines_are_listed_with_their_numbers_and_the_exit_code_tells(tmp_path, serve, source):
    server = serve()
    source.write_bytes(source.read_bytes() + b'{"id": "x", "content": 7}\nnot json\n')

    done = qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)

    assert done.returncode == 3
    assert "articles.jsonl:9: malformed" in done.stderr
    assert "articles.jsonl:10: malformed" in done.stderr
    assert len(server.calls) == 8 * 4


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (error(401, code="invalid_api_key", message="Incorrect API key provided: sk-abcdefgh"), 5, "OPENAI_API_KEY"),
        (error(429, code="insufficient_quota"), 5, "credit"),
        (error(404, code="model_not_found"), 5, "model"),
        (Effect(prose="I cannot say."), 3, "unreadable"),
    ],
)
def test_each_way_to_end_has_its_exit_code_and_one_clear_sentence(tmp_path, serve, source, fault, code, words):
    server = serve(faults=lambda _: fault)

    done = qloragen(
        "generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, OPENAI_API_KEY="sk-abcdefgh"
    )

    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert "abcdefgh" not in done.stderr


def test_the_spending_limit_has_its_exit_code(tmp_path, serve, source):
    server = serve()

    done = qloragen(
        "generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--max-cost-usd", "0.001"
    )

    assert done.returncode == 4
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.jsonl"], "nowhere.jsonl"),
        (["--rpm", "0"], "rpm"),
        (["--set", "rmp=5"], "rpm"),
        (["--pack", "nowhere"], "nowhere"),
        (["--input", "dictated"], "evidence"),
        (["--local", "--batch"], "has no Batch API"),
    ],
)
def test_a_mistake_before_the_start_is_one_sentence_and_exit_code_2(tmp_path, serve, source, arguments, words):
    server = serve()

    done = qloragen("generate", source, *arguments, "--out", tmp_path / "run", "--base-url", server.base_url)

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert server.calls == []


def test_a_missing_key_says_what_to_do(tmp_path, source):
    done = qloragen("generate", source, "--out", tmp_path / "run")

    assert done.returncode == 5
    assert done.stderr.count("\n") <= 4
    assert "OPENAI_API_KEY" in done.stderr
    assert "--local" in done.stderr


def test_a_killed_run_goes_on_and_repeats_no_more_than_what_was_in_flight(tmp_path, serve, source):
    processes: list[subprocess.Popen[bytes]] = []

    def kill_at_the_tenth(call: Call) -> Effect | None:
        if call.index == 10:
            processes[0].kill()
        return None

    server = serve(faults=kill_at_the_tenth, delay_s=0.02)
    command = ["generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--concurrency", 4]
    processes.append(subprocess.Popen([*QLORAGEN, *map(str, command)], stderr=subprocess.DEVNULL))
    processes[0].wait(timeout=60)

    done = qloragen(*command)

    assert done.returncode == 0
    assert len(server.calls) <= 8 * 4 + 8
    records = lines_of(tmp_path / "run/records.jsonl")
    assert len(records) == len({record["id"] for record in records}) == 24


def test_log_lines_are_json_when_asked_for(tmp_path, serve, source):
    server = serve(faults={3: error(500)})

    done = qloragen(
        "generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--log-format", "json"
    )

    events = [orjson.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert len(events) == len(done.stderr.splitlines())
    assert [event["event"] for event in events[-2:]] == ["run_summary", "run_ended"]
    assert (events[-2]["records"], events[-1]["made"]) == (24, 24)


def test_status_shows_the_same_sums_for_people_and_programs(tmp_path, serve, source):
    server = serve()
    qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)

    people = qloragen("status", tmp_path / "run")
    programs = orjson.loads(qloragen("status", tmp_path / "run", "--json").stdout)

    assert "ended" in people.stdout
    assert "records              24" in people.stdout
    assert programs["run"]["status"] == "ended"
    assert programs["run"]["pack"]["name"] == "default"
    assert programs["summary"]["records"] == 24
    assert programs["summary"]["total"]["calls"] == 32
    assert programs["summary"]["articles"] == 8


def test_status_of_a_place_without_a_run_says_so(tmp_path):
    done = qloragen("status", tmp_path)

    assert done.returncode == 2
    assert "no run" in done.stderr


def test_reparse_reports_what_it_changed(tmp_path, serve, source):
    server = serve()
    qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)
    (tmp_path / "run/records.jsonl").unlink()

    done = qloragen("reparse", tmp_path / "run")

    assert done.returncode == 0
    assert "32 paid replies read again: 24 records (0 gained, 0 lost, 0 kept as they were)" in done.stdout
    assert len(lines_of(tmp_path / "run/records.jsonl")) == 24
    assert len(server.calls) == 32


@pytest.mark.parametrize("form", ["alpaca", "text", "messages"])
def test_records_are_exported_to_a_file_or_to_standard_output(tmp_path, serve, source, form):
    server = serve()
    qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url, "--limit", 1)

    to_file = qloragen("export", tmp_path / "run", "--format", form, "--out", tmp_path / "train.jsonl")
    to_output = qloragen("export", tmp_path / "run", "--format", form)

    assert to_file.returncode == to_output.returncode == 0
    assert to_output.stdout == (tmp_path / "train.jsonl").read_text()
    assert to_output.stdout.count("\n") == 3


def test_a_reader_that_has_seen_enough_causes_no_traceback(tmp_path, serve, source):
    server = serve()
    qloragen("generate", source, "--out", tmp_path / "run", "--base-url", server.base_url)
    records = tmp_path / "run/records.jsonl"
    records.write_bytes(records.read_bytes() * 200)

    command = f"{' '.join(QLORAGEN)} export {tmp_path / 'run'} --format alpaca | head -1"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=True)

    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


def test_packs_lists_the_fourteen_types_and_settings_lists_every_knob_with_its_origin(tmp_path):
    packs = qloragen("packs")
    knobs = qloragen("settings", "--set", "rpm=7", QLORAGEN_TPM="9000")

    assert packs.returncode == knobs.returncode == 0
    assert sum(line[:3].strip().isdigit() for line in packs.stdout.splitlines()) == 14
    assert "rpm = 7\n" in knobs.stdout
    assert "QLORAGEN_RPM; from argument" in knobs.stdout
    assert "QLORAGEN_TPM; from environment QLORAGEN_TPM" in knobs.stdout


def test_help_names_the_exit_codes():
    done = qloragen("--help")

    assert done.returncode == 0
    for code in ("0 ", "2 ", "3 ", "4 ", "5 ", "130", "143"):
        assert f"\n  {code}" in done.stdout


@pytest.mark.parametrize("command", [["status"], ["status", "--follow"], ["report"], ["verify"]])
def test_a_path_that_the_system_refuses_is_a_sentence(capsys, command):
    name, *flags = command
    folder = "a" * 300

    code = main([name, folder, *flags])

    said = capsys.readouterr().err
    assert code == 5
    assert said.startswith(f"qloragen: {folder}")
    assert said.endswith(" cannot be used (File name too long); mend that, or name another place.\n")
