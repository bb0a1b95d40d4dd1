"""Defects planted in clean records, and the arithmetic of how many of them are found."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.planting import KINDS, Clean, Kind, Voice, asked_anew, measure, paraphrased
from qloragen.domain.planting.figures import other_forms
from qloragen.packs import load_pack
from qloragen.types import Article, Draft, Shows

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from clean_records import articles_of, clean_records  # noqa: E402

SHOWS: Mapping[str, Shows] = {
    "code-analysis": "code",
    "caveats": "caution",
    "configuration": "option",
    "comparison": "pair",
}
DEFAULT = load_pack()
PACK = replace(DEFAULT, types=tuple(replace(kind, shows=SHOWS.get(kind.slug)) for kind in DEFAULT.types))
BY_NAME = {kind.name: kind for kind in KINDS}
PARAGRAPH = (
    "If the disk is full, the server stops. A snapshot takes about 10 minutes for 2,500 files. The `keep_days` option "
    "decides how long it is kept, because old snapshots need space. For example, seven days are usual in most firms."
)

SETTING = "The `keep_days` option decides how long a snapshot is kept; its default is 7."
LAMPS = Article(
    "lamps",
    "The old lamps of the harbour shine every night. Sailors see them from far away. Nobody has forgotten their "
    f"keeper.\n\n{SETTING}\n\nThe tower stands on a rock of grey stone. Gulls live there all year.",
)
CONFIGURATION = next(kind for kind in PACK.types if kind.shows == "option")


@pytest.fixture(scope="module")
def cleans() -> Sequence[Clean]:
    articles = articles_of([ROOT / "examples" / "articles", ROOT / "benchmarks" / "fields" / "taxes.jsonl"])
    articles.append(Article("long", "\n\n".join(article.content for article in articles[-9:])))
    made = [clean for mode in ("evidence", "written") for clean in clean_records(articles, PACK, mode, 7)]
    draft = Draft("What does `keep_days` do?", SETTING, SETTING)
    return [*made, Clean(draft, LAMPS, CONFIGURATION, PACK, "written", made)]


def seeded(seed: object) -> Random:
    return Random(str(seed))  # noqa: S311 - not for secrets


def planted(kind: Kind, cleans: Sequence[Clean], seed: int, count: int = 40) -> list[tuple[Clean, Draft]]:
    random = seeded(seed)
    found = ((clean, kind.plant(clean, random)) for clean in random.sample(cleans, min(len(cleans), 300)))
    return [(clean, draft) for clean, draft in found if draft is not None][:count]


# ------------------------------------------------------------------------------------------------------------ kinds


def test_there_are_at_least_23_kinds_with_names_of_their_own():
    assert len(KINDS) == len(BY_NAME) >= 23
    assert all(kind.caught_by for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_plants_something_that_the_clean_record_is_not(kind, cleans):
    found = planted(kind, cleans, 1)

    assert found
    for clean, draft in found:
        changed = (draft.instruction, draft.input, draft.output) != (
            clean.draft.instruction,
            clean.draft.input,
            clean.draft.output,
        )
        assert changed or kind.name == "exact duplicate"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_the_same_seed_plants_the_same(kind, cleans):
    assert planted(kind, cleans, 5) == planted(kind, cleans, 5)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_planting_leaves_the_clean_record_as_it_was(kind, cleans):
    before = [clean.draft for clean in cleans]

    planted(kind, cleans, 2)

    assert [clean.draft for clean in cleans] == before


@pytest.mark.parametrize("name", ["wrong article's input", "invented input", "half invented input"])
def test_an_input_word_for_word_from_the_article_cannot_be_invented(name, cleans):
    random = seeded(3)

    assert all(BY_NAME[name].plant(clean, random) is None for clean in cleans if clean.mode == "evidence")


def test_a_number_cannot_be_changed_where_there_is_none(cleans):
    bare = Clean(Draft("What is it?", "It is grey.", "It is grey."), cleans[0].article, cleans[0].type, PACK, "written")

    assert BY_NAME["number changed"].plant(bare, seeded(1)) is None
    assert BY_NAME["number of something else"].plant(bare, seeded(1)) is None


def test_a_changed_number_is_none_that_the_input_has(cleans):
    for clean, draft in planted(BY_NAME["number changed"], cleans, 4):
        new = set(draft.output.split()) - set(clean.draft.output.split())

        assert all(word.strip(".,;:()%").casefold() not in clean.draft.input.split() for word in new)


def test_a_number_of_something_else_stands_in_the_input(cleans):
    for clean, draft in planted(BY_NAME["number of something else"], cleans, 4):
        assert draft.input == clean.draft.input
        assert draft.output != clean.draft.output


def test_output_that_is_cut_off_is_a_beginning_of_the_whole(cleans):
    for clean, draft in planted(BY_NAME["cut off output"], cleans, 4):
        assert clean.draft.output.startswith(draft.output)
        assert draft.output[-1].isalnum()


# ------------------------------------------------------------------------------------------------------ other words


def test_other_words_are_deterministic_and_keep_names_and_code():
    said = paraphrased(f"{PARAGRAPH}\n\n```\nsnapshot --all\n```", Voice(seeded(1), 1.0), kept=PARAGRAPH, code=True)

    again = paraphrased(f"{PARAGRAPH}\n\n```\nsnapshot --all\n```", Voice(seeded(1), 1.0), kept=PARAGRAPH, code=True)
    assert said == again != PARAGRAPH
    assert "`keep_days`" in said
    assert said.endswith("```\nsnapshot --all\n```")


def test_sentences_that_an_output_rests_on_are_never_left_out():
    kept = "The server stops if the disk is full."
    for seed in range(30):
        said = paraphrased(PARAGRAPH, Voice(seeded(seed), 0.0), kept=kept)

        assert "disk" in said


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("It takes 10,000 rows.", "It takes 10000 rows."),
        ("About 5 % of them fail.", "About 5 percent of them fail."),
        ("They need 10 minutes.", "They need ten minutes."),
        ("They need ten minutes.", "They need 10 minutes."),
        ("It has 16 GB of memory.", "It has 16 gigabytes of memory."),
        ("It began in 2019.", "It began in 2019."),
        ("Version 3.11 is old.", "Version 3.11 is old."),
    ],
)
def test_numbers_take_other_forms_that_mean_the_same(text, other):
    assert other_forms(text, seeded(1), 1.0) == other


def test_a_question_asked_anew_is_about_the_same(cleans):
    changed = [
        (clean, asked_anew(clean.draft.instruction, clean.draft.input, clean.type, seeded(at)))
        for at, clean in enumerate(cleans)
    ]

    assert sum(asked != clean.draft.instruction for clean, asked in changed) > 0.9 * len(changed)


@given(st.text(max_size=300), st.integers(0, 99))
def test_any_text_can_be_put_in_other_words(text, seed):
    assert isinstance(paraphrased(text, Voice(seeded(seed), 0.7)), str)


# ------------------------------------------------------------------------------------------------------- arithmetic


def test_checks_that_catch_nothing_have_no_recall_and_no_false_alarms(cleans):
    found = measure(KINDS, cleans, lambda clean, draft, kind: (), 5, seeded(1))

    assert (found.recall, found.false_alarms, found.precision(0.4)) == (0.0, 0.0, 1.0)
    assert all(row.missed for row in found.rows if row.planted)


def test_checks_that_refuse_all_catch_all_and_are_right_as_often_as_there_are_defects(cleans):
    found = measure(KINDS, cleans, lambda clean, draft, kind: ("all",), 5, seeded(1))

    assert (found.recall, found.false_alarms) == (1.0, 1.0)
    assert found.precision(0.4) == pytest.approx(0.4)
    assert found.alarm_codes == {"all": len(cleans)}
    assert not any(row.named for row in found.rows)


def test_what_is_caught_under_its_name_is_counted(cleans):
    kind = BY_NAME["refusal"]

    found = measure([kind], cleans, lambda clean, draft, kind: ("refusal",) if kind else (), 9, seeded(1))

    [row] = found.rows
    assert (row.planted, row.caught, row.named, row.codes) == (9, 9, 9, {"refusal": 9})


def test_no_defect_is_planted_twice(cleans):
    seen: list[tuple[Draft, Draft]] = []

    def find(clean: Clean, draft: Draft, kind: Kind | None) -> Sequence[str]:
        seen.append((clean.draft, draft))
        return ()

    measure([BY_NAME["role swap"]], cleans[:4], find, 60, seeded(1))

    del seen[-4:]
    assert len(set(seen)) == len(seen)


def test_the_articles_of_other_fields_are_good_articles():
    for path in (ROOT / "benchmarks" / "fields").glob("*.jsonl"):
        lines = path.read_text("utf-8").splitlines()

        assert len(articles_of([path])) == len(lines) >= 15
        assert all(json.loads(line)["license"] == "CC0-1.0" for line in lines)


def test_the_table_is_printed_and_its_numbers_are_written(tmp_path):
    path = tmp_path / "numbers.json"
    script, corpus = ROOT / "benchmarks" / "planted.py", ROOT / "benchmarks" / "fields" / "kitchen.jsonl"
    command = [sys.executable, str(script), "--short", "--corpus", str(corpus), "--json", str(path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    found = json.loads(path.read_text("utf-8"))
    assert {row["kind"] for row in found["table"]} == set(BY_NAME)
    assert found["goals"]["recall of all"][0] > 0.9
    assert done.returncode == int(not all(reached for _, reached in found["goals"].values()))
    assert "| recall of all" in done.stdout
