"""The command `report`: what it prints, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

import qloragen
from qloragen.cli.main import main
from qloragen.errors import SettingsError
from qloragen.report.text import coloured, render
from qloragen.report.values import Report, Shown

from .test_main_job import articles
from .test_reparse import Refusing


@pytest.fixture
def run(serve, tmp_path: Path) -> Path:
    """12 records, and two pairs that were given up."""
    server = serve(faults=Refusing("generate", "refusal", most=2))
    source = tmp_path / "articles.jsonl"
    source.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in [*articles(4), articles(1)[0]]))
    code = main(["generate", str(source), "--out", str(tmp_path / "run"), "--base-url", server.base_url])
    assert code == 3
    return tmp_path / "run"


def words(path: Path) -> Path:
    """Write a tokenizer to which each word and each sign is a token."""
    tokenizer = Tokenizer(WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(path))
    return path


def test_the_text_says_every_part_of_a_report_in_words(run, capsys):
    capsys.readouterr()

    assert main(["report", str(run)]) == 0

    shown = capsys.readouterr().out
    for part in ("Funnel", "Quality", "Types", "Lengths in tokens", "Diversity", "Cost", "Worst accepted", "Rejected"):
        assert f"\n{part}" in shown
    assert "lost: 1 duplicate" in shown
    assert "lost: 2 refusal" in shown
    assert "pass  says where it comes from" in shown
    assert "FAIL  share of the most frequent type" in shown
    assert "refusal: The model refused to answer." in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_json_is_what_the_library_returns(run, capsys):
    capsys.readouterr()

    assert main(["report", str(run), "--json"]) == 0

    printed = orjson.loads(capsys.readouterr().out)
    assert {**printed, "made": ""} == {**qloragen.quality_report(run).as_dict(), "made": ""}
    assert [step["name"] for step in printed["funnel"]][-1] == "records"


def test_a_page_is_written_and_its_place_is_said(run, tmp_path, capsys):
    capsys.readouterr()

    assert main(["report", str(run), "--html", str(tmp_path / "page.html"), "--most", "5"]) == 0

    assert "4 of 10 accepted records, 1 of 2 rejected pairs; those whose ids come first" in capsys.readouterr().err
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("name", ["records.jsonl", "journal.jsonl", "run.json", "index.sqlite"])
def test_a_page_never_takes_the_place_of_a_file_of_a_run(run, tmp_path, capsys, name):
    before = (run / name).read_bytes()
    (tmp_path / "page.html").symlink_to(run / name)

    for out in (run / name, tmp_path / "page.html"):
        assert main(["report", str(run), "--html", str(out)]) == 2
        assert "is a file of the run itself; name another one." in capsys.readouterr().err

    assert (run / name).read_bytes() == before


def test_a_page_is_written_though_nobody_reads_on_what_is_printed(run, tmp_path):
    command = [sys.executable, "-m", "qloragen", "report", str(run), "--html", str(tmp_path / "page.html")]
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)

    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert done.stderr.startswith("page written to")
    assert (tmp_path / "page.html").exists()


def test_a_missed_goal_is_an_exit_code_only_where_that_is_asked_for(run):
    assert main(["report", str(run)]) == 0
    assert main(["report", str(run), "--strict"]) == 3


def test_a_folder_without_a_run_is_a_sentence_and_an_exit_code(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "There is no run in" in capsys.readouterr().err


def test_tokens_are_counted_by_the_tokenizer_that_is_given(run, tmp_path):
    found = qloragen.quality_report(run, tokenizer=words(tmp_path / "words.json"))

    shortest = min(len(shown.instruction.split()) for shown in found.worst)
    (instruction, *_) = found.lengths
    assert found.tokenizer == "counted by words.json"
    assert shortest < instruction.p50 < shortest + 20


@pytest.mark.parametrize("content", ["{}", "no JSON"])
def test_a_file_that_is_no_tokenizer_is_said_to_be_none(run, tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)

    with pytest.raises(SettingsError, match=r"tokenizer.json is no tokenizer.json"):
        qloragen.quality_report(run, tokenizer=tmp_path / "tokenizer.json")


def test_without_the_extra_the_way_to_it_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tokenizers", None)

    with pytest.raises(SettingsError, match=r"qloragen\[tokenizer\]"):
        qloragen.quality_report(run, tokenizer=tmp_path / "tokenizer.json")


def a_shown(report: Report, **changes: object) -> Shown:
    return replace(report.worst[0], **changes)  # type: ignore[arg-type] # any field may be changed


def test_long_texts_are_wrapped_and_shortened_and_none_of_them_commands_the_terminal(run):
    found = qloragen.quality_report(run)
    long = a_shown(found, instruction="Word " * 500, input="\x1b[2J\x07" * 9, output="line\n" * 50)

    shown = render(replace(found, worst=(long,)))

    assert "more lines]" in shown
    assert "\x1b" not in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_colours_change_nothing_but_the_colour(run):
    found = qloragen.quality_report(run)

    painted = render(found, coloured)

    assert "\x1b[31mFAIL\x1b[0m" in painted
    for code in ("\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[0m"):
        painted = painted.replace(code, "")
    assert painted == render(found)
