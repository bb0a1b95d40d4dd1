"""`qloragen export` as it is typed: what is written where, and what is said of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest

from qloragen.cli.main import main
from qloragen.export import FORMS

from .exports import contents, general_data, make_run, rows_of


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of 24 articles with 60 records."""
    return make_run(tmp_path_factory.mktemp("made") / "run", 24)


@pytest.mark.parametrize(("form", "dash"), [(form, []) for form in FORMS] + [("alpaca", ["--out", "-"])])
def test_every_form_goes_to_a_file_and_to_standard_output_alike(run, tmp_path, form, dash, capfd):
    out = tmp_path / "out.jsonl"

    assert main(["export", str(run), "--format", form, "--out", str(out)]) == 0
    assert capfd.readouterr() == ("", f"60 examples written to {out}\n")
    assert main(["export", str(run), "--format", form, *dash]) == 0

    assert capfd.readouterr() == (out.read_text("utf-8"), "")
    assert len(rows_of(out)) == 60


@pytest.mark.parametrize(("name", "container"), [("a.json", "json"), ("a.parquet", "parquet"), ("plain", "parquet")])
def test_the_ending_of_the_file_says_which_container_it_is_unless_a_flag_does(run, tmp_path, name, container):
    asked = ["--container", "parquet"] if name == "plain" else []

    assert main(["export", str(run), "--format", "alpaca", "--out", str(tmp_path / name), *asked]) == 0

    found = (
        orjson.loads((tmp_path / name).read_bytes())
        if container == "json"
        else pq.read_table(tmp_path / name).to_pylist()
    )
    assert [set(row) for row in found] == [{"instruction", "input", "output"}] * 60


def test_people_are_told_of_splits_what_was_left_out_and_of_leakage(run, tmp_path, capsys):
    general_data(tmp_path / "general.jsonl", 40)
    flags = ["--split", "60/20/20", "--types", "summary,concept", "--balance", "1", "--seed", "1"]
    mix = ["--mix", f"{tmp_path}/general.jsonl:0.2", "--mix-order", "general-first"]

    assert main(["export", str(run), "--format", "alpaca", "--out", str(tmp_path / "out"), *flags, *mix]) == 0

    said = capsys.readouterr()
    lines = said.err.splitlines()
    assert said.out == ""
    assert lines[0] == f"48 examples written to {tmp_path / 'out'}"
    assert lines[2].split() == ["type", "train", "validation", "test"]
    assert lines[6].split()[0] == "total"
    assert "left out: 12 of other types" in lines
    assert any(line.startswith("mixed in: ") for line in lines)
    assert any(line.startswith("leakage: no leaks among ") for line in lines)
    assert set(contents(tmp_path / "out")) == {"export.json", "train.jsonl", "validation.jsonl", "test.jsonl"}
    assert rows_of(tmp_path / "out/train.jsonl")[0]["source"] == "general"


def test_what_was_left_out_is_said_beside_standard_output_too(run, capfd):
    assert main(["export", str(run), "--format", "alpaca", "--types", "effect"]) == 0

    said = capfd.readouterr()
    assert said.out.count("\n") == 12
    assert said.err == "left out: 48 of other types\n"


def test_programs_get_the_summary_as_json(run, tmp_path, capsys):
    flags = ["--out", str(tmp_path / "out"), "--container", "datasets", "--license", "cc-by-4.0", "--json"]

    assert main(["export", str(run), "--format", "messages", *flags]) == 0

    said = capsys.readouterr()
    found = orjson.loads(said.out)
    assert said.err == ""
    assert (found["records"], found["container"], found["asked"]) == (60, "datasets", {"license": "cc-by-4.0"})
    assert found["files"][0]["names"] == ["data/train-00000-of-00001.parquet"]
    assert 'license: "cc-by-4.0"' in (tmp_path / "out/README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--json"], "--json needs --out"),
        (["--split", "90/5/5"], "Splits cannot go to standard output"),
        (["--types", "nonsense"], "No record is of the type nonsense; types that occur: concept, effect, summary."),
        (["--without-flags", "nonsense"], "without_flags has nonsense, which no check notes"),
        (["--similarity", "0.9"], "similarity does nothing without split"),
        (["--mix", "nowhere.json:0.1"], "nowhere.json"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(run, flags, words, capfd):
    assert main(["export", str(run), "--format", "alpaca", *flags]) == 2

    said = capfd.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_a_template_and_an_end_marker_of_ones_own_make_the_texts(run, tmp_path):
    (tmp_path / "template.md").write_text("Q: ${instruction}\n${input}\nA:\n${output}\n")
    flags = ["--template", str(tmp_path / "template.md"), "--eos", "</s>", "--out", str(tmp_path / "out.jsonl")]

    assert main(["export", str(run), "--format", "prompt-completion", *flags]) == 0

    row = rows_of(tmp_path / "out.jsonl")[0]
    assert row["prompt"].startswith("Q: What does a0 say of its summary?\n")
    assert row["prompt"].endswith("\nA:\n")
    assert row["completion"].endswith(".</s>")


def test_the_help_lists_every_flag(capsys):
    with pytest.raises(SystemExit):
        main(["export", "--help"])

    told = capsys.readouterr().out
    flags = """--format --out --container --split --seed --similarity --balance --types --without-flags --min-grounded
    --min-supported --judged --max-tokens --tokenizer --system --template --eos --mix --mix-order --license --pack
    --json"""
    assert [flag for flag in flags.split() if flag not in told] == []


def test_standard_output_that_takes_no_more_is_one_sentence_and_one_whose_reader_is_gone_none(run):
    command = [sys.executable, "-m", "qloragen", "export", run, "--format", "alpaca"]
    reading, writing = os.pipe()
    os.close(reading)

    with Path("/dev/full").open("wb") as full, os.fdopen(writing, "wb") as gone:
        failed = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        left_alone = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, check=False)

    assert failed.stderr.startswith(b"qloragen: Standard output cannot be written: No space left on device.\n")
    assert b"Traceback" not in failed.stderr
    assert failed.returncode != 0
    assert (left_alone.stderr, left_alone.returncode) == (b"", 0)


def test_without_a_standard_output_a_file_is_asked_for(run, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)

    code = main(["export", str(run), "--format", "alpaca"])

    assert code == 2
    assert "Standard output is closed; name a file to write to." in capsys.readouterr().err


def test_records_that_are_missing_from_their_file_are_exported_from_the_journal(tmp_path):
    run = make_run(tmp_path / "run", 4)
    records = (run / "records.jsonl").read_bytes()
    (run / "records.jsonl").write_bytes(records[: len(records) // 2])

    main(["export", str(run), "--format", "alpaca", "--out", str(tmp_path / "train.jsonl")])

    assert len(rows_of(tmp_path / "train.jsonl")) == 10
