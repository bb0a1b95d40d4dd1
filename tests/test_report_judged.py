"""What a judge has said is in the report of the run that it has judged."""

from __future__ import annotations

import re

import qloragen
from qloragen.report.text import render

from .judges import MODEL, QUESTIONS, Oracle, always_no, always_yes, client_of, make_run
from .reports import goals_of, sound_report


async def judged(folder, client):
    await qloragen.ajudge(folder, client=client, judge_model=MODEL)
    return sound_report(folder)


async def test_the_rates_of_a_judge_are_rows_of_their_own(tmp_path):
    records = make_run(tmp_path / "run", most=2)

    before = sound_report(tmp_path / "run")
    found = await judged(tmp_path / "run", client_of(Oracle(records).perfect))

    assert before.judged is None
    assert found.judged is not None
    assert found.judged.records == len(records)
    assert goals_of(found)["judge_accepted"] == goals_of(found)["judge_recall"] == 1
    assert all(goals_of(found)[f"judge_{question}"] == 1 for question in QUESTIONS)
    assert f"accepted by {MODEL}" in render(found)
    assert found.diversity == before.diversity


async def test_a_judge_that_finds_nothing_fails_its_goal(tmp_path):
    make_run(tmp_path / "run", most=2)

    found = await judged(tmp_path / "run", client_of(always_yes))

    assert "judge_recall" in {goal.key for goal in found.failed}
    assert "it has not shown yet that it can be trusted" in " ".join(render(found).split())


async def test_a_judge_that_refuses_everything_fails_by_its_good_controls_and_not_by_what_it_finds(tmp_path):
    make_run(tmp_path / "run", most=2)

    found = await judged(tmp_path / "run", client_of(always_no))

    rows = {goal.key: goal for goal in found.quality}
    assert (rows["judge_recall"].value, rows["judge_recall"].passed) == (1, True)
    assert (rows["judge_good"].value, rows["judge_good"].passed) == (0, False)
    assert found.judged is not None
    assert re.search(r"refused (\d+) of \1 controls without a defect", str(found.judged.refusal))


async def test_the_goal_of_a_judge_is_the_one_that_is_set(tmp_path, monkeypatch):
    records = make_run(tmp_path / "run", most=2)
    monkeypatch.setenv("QLORAGEN_JUDGE_MIN_RECALL", "0.95")

    found = await judged(tmp_path / "run", client_of(Oracle(records).perfect))

    assert next(goal.goal for goal in found.quality if goal.key == "judge_recall") == ">= 95 %"


async def test_without_controls_a_judge_has_neither_passed_nor_failed(tmp_path):
    make_run(tmp_path / "run", most=2)

    await qloragen.ajudge(tmp_path / "run", client=client_of(always_no), judge_model=MODEL, judge_controls=0)
    found = sound_report(tmp_path / "run")

    rows = {goal.key: goal for goal in found.quality}
    assert rows["judge_recall"].passed is rows["judge_good"].passed is None
    assert "it takes 16 to tell" in rows["judge_recall"].note
