"""Articles that belong together: by id, by text, by likeness; and that nothing which comes later changes it."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.dataset.alike import jaccard, pairs_of
from qloragen.dataset.groups import Groups, groups_of
from qloragen.dataset.splits import Split, proportions_of, split_of
from qloragen.dataset.texts import reading_texts
from qloragen.errors import SetupError
from qloragen.export import Example, ExportError
from qloragen.store.names import JOURNAL
from qloragen.types import Article

from .dataset_runs import Told, add, changed, example, grouped, page, words

SIMILARITY = 0.6
THIRDS = proportions_of("34/33/33")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "run"


def text(number: int, count: int = 200) -> str:
    return " ".join(words(count, number))


def test_articles_of_their_own_are_groups_of_their_own_named_after_them(folder):
    articles = [Article(f"a{number}", text(number)) for number in range(20)]
    add(folder, articles)

    groups = grouped(folder)

    assert [groups.of(example(one)) for one in articles] == [(one.id,) for one in articles]
    assert len(groups) == 20


def test_parts_belong_to_their_article(folder):
    parts = [Article(f"manual#part-{number}", text(number)) for number in range(1, 12)]
    add(folder, parts)

    groups = grouped(folder)

    assert {groups.of(example(part)) for part in parts} == {("manual",)}


def test_ids_that_only_look_like_those_of_parts_are_different_articles(folder):
    articles = [
        Article(f"https://example.org/words#part-{name}", text(number)) for number, name in enumerate(["of", "1st"])
    ]
    add(folder, articles)

    groups = grouped(folder)

    assert [groups.of(example(one)) for one in articles] == [(one.id,) for one in articles]


def test_an_article_that_was_edited_stays_where_it_was(folder):
    first, second = Article("a", text(1)), Article("a", text(2))
    add(folder, [first, Article("b", text(3)), second])

    groups = grouped(folder)

    assert groups.of(example(first)) == groups.of(example(second)) == ("a",)


@pytest.mark.parametrize("share", [0, 0.02, 0.05, 0.1])
def test_a_copy_of_which_every_tenth_word_was_changed_is_in_the_same_group(folder, share):
    originals = [Article(f"a{number}", text(number)) for number in range(20)]
    copies = [Article(f"copy of {one.id}", changed(one.content, share, one.id)) for one in originals]
    add(folder, [*originals, *copies])

    groups = grouped(folder)

    assert [groups.of(example(one)) for one in copies] == [(one.id,) for one in originals]


def test_a_copy_under_other_headings_and_with_other_code_is_a_copy(folder):
    body = text(1)
    add(folder, [Article("a", f"# One\n\n{body}\n\n    a = 1"), Article("b", f"# Another\n\n{body}\n\n    b = 2 + 3")])

    groups = grouped(folder)

    assert len(groups) == 1


@pytest.mark.parametrize(("boilerplate", "own", "groups"), [(120, 120, 50), (160, 100, 50), (200, 40, 1)])
def test_pages_of_a_template_belong_together_when_most_of_them_is_the_same(folder, boilerplate, own, groups):
    add(folder, [Article(f"a{number}", page(boilerplate, own, number)) for number in range(50)])

    found = grouped(folder)

    assert len(found) == groups


def test_pages_that_are_just_about_alike_are_not_left_between_two_splits(folder):
    articles = [Article(f"a{number}", page(300, 40 + number % 80, number)) for number in range(200)]
    add(folder, articles)

    groups = grouped(folder)

    assert {len(groups.of(example(one))) for one in articles} == {1}


def test_an_article_that_is_like_two_others_is_in_both_of_their_groups(folder):
    common, one, other = text(0, 50), text(1, 40), text(2, 40)
    add(folder, [Article("a", f"{common} {one}"), Article("b", f"{common} {other}")])
    both = Article("c", f"{one} {common} {other}")
    add(folder, [both])

    groups = grouped(folder)

    assert groups.of(example(both)) == ("a", "b")
    assert len(groups) == 2


def test_one_text_under_two_ids_is_one_group(folder):
    add(folder, [Article("a", text(1)), Article("b", text(1), format="html"), Article("b", text(2), format="html")])

    groups = grouped(folder)

    assert groups.of(example(Article("b", text(1)))) == groups.of(example(Article("b", text(2)))) == ("a",)


def test_a_record_under_another_id_than_its_text_came_with_ties_that_id_to_the_text(folder):
    renamed = Article("new", text(1))
    add(folder, [Article("old", text(1))], [example(renamed)])
    edited = Article("new", text(2))
    add(folder, [edited])

    groups = grouped(folder)

    assert groups.of(example(renamed)) == groups.of(example(edited)) == ("old",)


def test_a_record_whose_article_is_damaged_is_with_its_article_id_and_its_text(folder):
    lost, kept = Article("lost", text(1)), Article("kept", text(2))
    add(folder, [lost, kept], [example(lost), example(lost, "concept"), example(kept)])
    journal = folder / JOURNAL
    lines = journal.read_bytes().split(b"\n")
    lines[0] = lines[0].replace(b'"content":"w', b'"content":"?')
    journal.write_bytes(b"\n".join(lines))

    groups = grouped(folder)

    assert groups.of(example(lost)) == groups.of(example(lost, "concept")) == ("lost",)
    assert groups.of(example(Article("lost", text(3)))) == ("lost",)
    assert groups.of(example(Article("another", text(1)))) == ("lost",)
    assert groups.of(example(kept)) == ("kept",)


def test_a_record_that_the_journal_knows_nothing_of_is_with_its_article_id(folder):
    add(folder, [Article("a", text(1))])

    groups = grouped(folder)

    assert groups.of(example(Article("b#part-2", text(2)))) == ("b",)
    assert groups.of(Example(instruction="", input="", output="", article_id="c")) == ("c",)


def test_groups_are_the_same_in_every_process(folder):
    articles = [Article(f"a{number}", page(300, 140 + 3 * number, number)) for number in range(60)]
    add(folder, articles)
    program = (
        "import sys; from pathlib import Path; from qloragen.dataset.texts import reading_texts\n"
        "from qloragen.dataset.groups import groups_of\n"
        "with reading_texts(Path(sys.argv[1])) as texts:\n"
        "    print(groups_of(texts).names)"
    )

    command = [sys.executable, "-c", program, str(folder)]
    env = {**os.environ, "PYTHONHASHSEED": "1"}
    printed = subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout

    assert printed.strip() == str(grouped(folder).names)


@pytest.mark.parametrize("similarity", [0.49, 1.01, -1, float("nan")])
def test_a_likeness_that_cannot_be_looked_for_is_refused(folder, similarity):
    add(folder, [Article("a", text(1))])

    with pytest.raises(ExportError, match=r"has to be from 0\.5 to 1"):
        grouped(folder, similarity)


def test_how_much_alike_may_be_asked_for(folder):
    original = Article("a", text(1))
    copies = [Article(f"{percent} %", changed(original.content, percent / 100, percent)) for percent in (1, 5, 10, 15)]
    add(folder, [original, *copies])

    found = {
        similarity: [one.id for one in copies if grouped(folder, similarity).of(example(one)) == ("a",)]
        for similarity in (0.5, 0.6, 0.8, 1)
    }

    assert found == {
        0.5: ["1 %", "5 %", "10 %", "15 %"],
        0.6: ["1 %", "5 %", "10 %", "15 %"],
        0.8: ["1 %", "5 %"],
        1: ["1 %"],
    }


def test_without_a_run_there_are_no_groups(folder):
    with pytest.raises(SetupError, match="run"):
        grouped(folder)


def test_the_texts_of_articles_are_found_by_their_hashes(folder):
    article = Article("a", "Das Maß: \u2028 1 < 2")
    add(folder, [article])

    with reading_texts(folder) as texts:
        assert texts.text(article.content_hash) == article.content
        assert texts.text(Article("b", "other").content_hash) is None


# ------------------------------------------------------------------------------------------------- what always holds


@st.composite
def articles(draw: st.DrawFn) -> Article:
    """Draw one that may be a part, a later text or a near copy of others that are drawn."""
    name = draw(st.sampled_from(["a", "b", "c", "d", "e", "f", "a#part-1", "a#part-2", "b#part-1"]))
    family = draw(st.integers(0, 3))
    kept = draw(st.integers(0, 4)) * 15
    return Article(name, " ".join([*words(kept, family), *words(60 - kept, draw(st.integers(0, 5)))]))


histories = st.lists(articles(), min_size=2, max_size=12)


@settings(max_examples=100, deadline=None)
@given(histories, st.integers(0, 12))
def test_what_is_added_or_edited_later_changes_the_group_of_no_record(history, count):
    records = [example(one) for one in history[:count]]

    before, after = groups_of(Told(history[:count])), groups_of(Told(history))

    assert [before.of(one) for one in records] == [after.of(one) for one in records]


@settings(max_examples=200, deadline=None)
@given(histories, st.integers(0, 20))
def test_two_articles_that_are_alike_are_never_in_two_splits(history, seed):
    groups = groups_of(Told(history))

    for one, other in combinations(history, 2):
        if one.id.split("#")[0] == other.id.split("#")[0] or likeness(one, other) >= SIMILARITY:
            assert len(splits(groups, one, seed) | splits(groups, other, seed)) <= 1


def likeness(one: Article, other: Article) -> float:
    return jaccard(set(pairs_of(one.content)), set(pairs_of(other.content)))


def splits(groups: Groups, article: Article, seed: int) -> set[Split]:
    """Return the split of an article's records; none where its groups are in several."""
    found = {split_of(group, THIRDS, seed) for group in groups.of(example(article))}
    return found if len(found) == 1 else set()
