"""`qloragen checks`, and settings that are given with dots into tables."""

from __future__ import annotations

from argparse import ArgumentTypeError
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.catalogue import listed
from qloragen.cli.assignments import assignment, merged
from qloragen.cli.main import main
from qloragen.thresholds import Thresholds


def test_every_check_is_listed_with_its_action_and_thresholds(capsys):
    assert main(["checks", "--set", "checks.prompt_echo=0.8", "--set", "checks.actions.twin=flag"]) == 0

    told = capsys.readouterr().out
    assert all(f"\n{check.code} " in f"\n{told}" for check in listed(Thresholds()))
    assert "prompt_echo = 0.8" in told
    assert "(by itself: reject)" in next(line for line in told.splitlines() if line.startswith("twin "))


def test_programs_read_the_list_as_json(capsys, monkeypatch):
    monkeypatch.setenv("QLORAGEN_CHECKS", '{"chrome": 0.7, "actions": {"chrome": "off"}}')

    assert main(["checks", "--json"]) == 0

    chrome = next(check for check in orjson.loads(capsys.readouterr().out) if check["code"] == "chrome")
    assert (chrome["action"], chrome["usual"], chrome["thresholds"]) == ("off", "reject", {"chrome": 0.7})


def test_an_unknown_code_is_refused_with_the_known_ones(capsys):
    assert main(["checks", "--set", "checks.actions.twim=flag"]) == 2

    assert "did you mean twin?" in capsys.readouterr().err


def test_what_makes_twins_is_listed_with_both_of_its_thresholds():
    twin = next(check for check in listed(Thresholds()) if check.code == "twin")

    assert {*twin.thresholds} == {"twin_instruction", "near_duplicate"}


def test_the_readme_says_what_every_check_finds():
    readme = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    section = readme.partition("\n## What is checked\n")[2].partition("\n## ")[0]

    assert [check.code for check in listed(Thresholds()) if f"`{check.code}`" not in section] == []


def test_every_threshold_decides_in_some_check():
    named = {name for check in listed(Thresholds()) for name in check.thresholds}

    assert named == set(Thresholds.model_fields) - {"actions"}


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["rpm=5"], {"rpm": "5"}),
        (["max-types=3", "max_types=4"], {"max_types": "4"}),
        (["checks.copied=0.5", "checks.chrome=1"], {"checks": {"copied": "0.5", "chrome": "1"}}),
        (['checks={"copied": 1}', "checks.actions.twin=off"], {"checks": {"copied": 1, "actions": {"twin": "off"}}}),
        (['models."gpt-5.4=x".rpm=5'], {"models": {"gpt-5.4=x": {"rpm": "5"}}}),
        (["base_url=http://h/v1?a=b"], {"base_url": "http://h/v1?a=b"}),
        (["checks.copied=1", "checks=2"], {"checks": "2"}),
    ],
)
def test_assignments_add_up_to_tables(texts, values):
    assert merged(map(assignment, texts)) == values


@pytest.mark.parametrize("text", ["rpm", 'models."a.rpm=5', "checks..a=1", "checks.a b=1", "checks.#=1", "models={x"])
def test_what_is_no_assignment_is_said_to_be_none(text):
    with pytest.raises(ArgumentTypeError, match="is not"):
        assignment(text)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_is_an_assignment_or_refused(name, value):
    try:
        path, _ = assignment(f"{name}={value}")
    except ArgumentTypeError:
        return

    assert path
