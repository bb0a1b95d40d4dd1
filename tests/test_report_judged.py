"""What a judge has said is in the report of the run that it has judged."""

from __future__ import annotations

import qloragen
from qloragen.report.text import render

from .judges import MODEL, QUESTIONS, Oracle, always_yes, client_of, make_run
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
