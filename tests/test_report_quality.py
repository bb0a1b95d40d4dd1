"""The quality table tells records that are as they should be from those that are not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import qloragen
from qloragen.domain.checks.grounding import GROUNDING
from qloragen.report.goals import OF_THE_TEXT
from qloragen.report.values import Goal
from qloragen.store.run import open_run
from qloragen.types import Article, Quality, Record

from .reports import goals_of, sound_report
from .values import NOON, a_cell, a_record, a_reply, key

ARTICLE = Article(
    "a",
    "Compaction merges SSTables in the background, so that reads have to look at fewer files.\n\n"
    "A tombstone marks what was deleted; it is dropped once gc_grace_seconds have passed, ten days unless set.",
    title="Compaction",
)
FIRST, SECOND = ARTICLE.content.split("\n\n")
GOOD = {
    "instruction": "Why does compaction merge SSTables in the background?",
    "input": FIRST,
    "output": "It merges them so that reads have to look at fewer files.",
}
OTHER = {
    "instruction": "When is a tombstone dropped?",
    "input": SECOND,
    "output": "A tombstone is dropped once gc_grace_seconds have passed, which is ten days unless set.",
}


LONG = {
    "instruction": "How do compaction and tombstones work together?",
    "input": ARTICLE.content,
    "output": "Compaction merges SSTables in the background, so that reads look at fewer files; what was deleted is "
    "marked by a tombstone, which is dropped once gc_grace_seconds have passed, ten days unless set.",
}


def reported(folder: Path, *records: Mapping[str, object]) -> Mapping[str, Goal]:
    """Return the rows for a run with these records of one article, each of a type of its own."""
    with open_run(folder) as run:
        run.add_article(ARTICLE)
        slugs = ("concept", "feature", "advice", "effect")
        for number, (slug, changes) in enumerate(zip(slugs, records, strict=False)):
            run.add_reply(a_reply(a_cell(f"c{number}", content_hash=ARTICLE.content_hash, type_slug=slug)))
            run.add_record(_record(number, slug, changes))
    return {goal.key: goal for goal in sound_report(folder).quality}


def _record(number: int, slug: str, changes: Mapping[str, object]) -> Record:
    fields = {"content_hash": ARTICLE.content_hash, "type_slug": slug, "title": ARTICLE.title, "time": NOON}
    return a_record(f"c{number}", **fields, **changes)


def test_records_that_are_as_they_should_be_miss_no_goal_of_their_own(tmp_path):
    rows = reported(tmp_path / "run", GOOD, OTHER)

    assert {name for name, goal in rows.items() if goal.passed is False} <= {"evenness", "largest_type", "price"}
    assert rows["verbatim"].value == rows["provenance"].value == rows["unique_instructions"].value == 1


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"instruction": "What does the article say about how compaction merges SSTables?"}, "article_talk"),
        ({"output": "[insert the answer here] It merges them so that reads look at fewer files."}, "text_defects"),
        ({"instruction": "Explain the main concept."}, "prompt_echo"),
        (
            {"output": "It merges them so that reads look at fewer files; ask h.lindqvist84@gmail.com for more."},
            "secrets",
        ),
        ({"input": f"{FIRST[:-1]} on a disk."}, "verbatim"),
        ({"input": "Bread dough rises for two hours under a wet towel, then the baker folds it twice."}, "ungrounded"),
        ({"output": "It merges 4711 of them so that reads have to look at fewer files."}, "unsupported"),
        ({"finish_reason": ""}, "provenance"),
        (OTHER, "unique_instructions"),
        (OTHER, "exact_duplicates"),
        ({**LONG, "output": LONG["output"].replace("fewer files", "fewer of them")}, "near_duplicates"),
    ],
)
def test_a_record_that_is_not_makes_a_row_fail(tmp_path, changes, row):
    rows = reported(tmp_path / "run", OTHER, GOOD, LONG, {**GOOD, **changes})

    assert rows[row].passed is False, rows[row]
    assert 0 < (rows[row].value or 0) < 1


def test_a_record_that_is_too_long_for_the_training_is_counted(tmp_path):
    rows = reported(tmp_path / "run", GOOD, {**OTHER, "input": f"{SECOND} " * 200})

    assert rows["over_context"].value == 0.5
    assert qloragen.quality_report(tmp_path / "run").over_context == 1


def test_the_worst_come_first_and_flags_make_a_record_worse(tmp_path):
    flagged = {**OTHER, "quality": Quality(flags=("alike",))}
    reported(tmp_path / "run", GOOD, flagged)

    found = qloragen.quality_report(tmp_path / "run")

    assert found.worst[0].flags == ("alike",)
    assert goals_of(found)["alike"] == 0.5
    assert {shown.id for shown in found.worst} == {key("c0"), key("c1")}


def test_what_is_found_about_the_grounds_of_a_record_is_no_defect_of_its_text():
    assert not {check.code for check in GROUNDING} & {*OF_THE_TEXT}
    assert {"empty", "truncated", "chrome", "dangling"} <= {*OF_THE_TEXT}
