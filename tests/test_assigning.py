"""Records in splits: each in that of its article, none of which another split has the like."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.dataset.assigning import ALIKE, STRADDLING, Assigner
from qloragen.dataset.groups import groups_of
from qloragen.dataset.splits import TEST, TRAIN, VALIDATION, Proportions, proportions_of, split_of
from qloragen.export import Example
from qloragen.types import Article

from .dataset_runs import Told, changed, example, words

THIRDS = proportions_of("34/33/33")
OUTPUT = " ".join(words(40, "output"))
ARTICLES = [Article(f"a{number}", " ".join(words(60, number))) for number in range(24)]


def article_in(split: str, number: int = 0) -> Article:
    """Return an article whose records go into a split, with a text of its own."""
    found = [one for one in ARTICLES if split_of(one.id, THIRDS) == split]
    return found[number]


def assigner_of(*articles: Article, proportions: Proportions = THIRDS) -> Assigner:
    return Assigner(groups_of(Told(articles)), proportions)


def test_records_of_an_article_go_into_its_split():
    assigner = assigner_of(*ARTICLES)

    found = {one.id: {assigner.assign(example(one, slug)) for slug in ("summary", "concept")} for one in ARTICLES}

    assert found == {one.id: {split_of(one.id, THIRDS)} for one in ARTICLES}
    assert not assigner.left_out


def test_a_record_of_an_article_between_two_splits_is_left_out_and_counted():
    common, first, second = (" ".join(words(count, count)) for count in (50, 40, 41))
    one = Article(article_in(TRAIN).id, f"{common} {first}")
    other = Article(article_in(TEST).id, f"{common} {second}")
    between = Article("between", f"{first} {common} {second}")
    assigner = assigner_of(one, other, between)

    found = [assigner.assign(example(article)) for article in (one, other, between)]

    assert found == [TRAIN, TEST, None]
    assert assigner.left_out == {STRADDLING: 1}


def test_an_article_between_two_groups_of_one_split_stays():
    common, first, second = (" ".join(words(count, count)) for count in (50, 40, 41))
    one = Article(article_in(TRAIN).id, f"{common} {first}")
    other = Article(article_in(TRAIN, 1).id, f"{common} {second}")
    between = Article("between", f"{first} {common} {second}")
    assigner = assigner_of(one, other, between)

    assert assigner.assign(example(between)) == TRAIN


def test_records_of_before_hashes_were_kept_are_compared_too():
    assigner = assigner_of(*ARTICLES)

    found = [
        assigner.assign(example(article_in(split), content_hash="", output=OUTPUT, instruction="What?"))
        for split in (TRAIN, TEST)
    ]

    assert found == [TRAIN, None]
    assert assigner.left_out == {ALIKE: 1}


@pytest.mark.parametrize(("first", "second"), [(TRAIN, TEST), (TEST, TRAIN), (VALIDATION, TEST)])
@pytest.mark.parametrize("share", [0, 0.025, 0.05])
def test_of_two_records_of_different_splits_that_say_the_same_the_later_one_is_left_out(first, second, share):
    earlier, later = article_in(first), article_in(second)
    assigner = assigner_of(*ARTICLES)
    records = [example(earlier, output=OUTPUT), example(later, output=changed(OUTPUT, share, 0))]

    found = [assigner.assign(record) for record in records]

    assert found == [first, None]
    assert assigner.left_out == {ALIKE: 1}


def test_records_of_one_split_may_say_the_same():
    assigner = assigner_of(*ARTICLES)

    found = [assigner.assign(example(article_in(TRAIN, number), output=OUTPUT)) for number in range(2)]

    assert found == [TRAIN, TRAIN]


def test_short_answers_are_the_same_only_to_the_same_question():
    assigner = assigner_of(*ARTICLES)
    asked = "Does compaction in Cassandra merge SSTables while the node is serving reads?"
    told = {"output": "Yes, it does."}

    found = [
        assigner.assign(example(article_in(TRAIN), instruction=asked, **told)),
        assigner.assign(example(article_in(TEST), instruction=asked, **told)),
        assigner.assign(example(article_in(TEST, 1), instruction="May hints be stored for three hours?", **told)),
    ]

    assert found == [TRAIN, None, TEST]


# ------------------------------------------------------------------------------------------------- what always holds

records = st.lists(
    st.builds(
        lambda article, slug, said: example(article, slug, output=changed(OUTPUT, said / 40, said)),
        st.sampled_from(ARTICLES),
        st.sampled_from(["summary", "concept", "code"]),
        st.integers(0, 9),
    ),
    max_size=16,
    unique_by=lambda one: one.id,
)
GROUPS = groups_of(Told(ARTICLES))


def assigned(made: list[Example], proportions: Proportions = THIRDS) -> dict[str, str]:
    """Return the splits of those that are in any."""
    assigner = Assigner(GROUPS, proportions)
    found = [(one, assigner.assign(one)) for one in made]
    assert all(assigner.split(one) == split for one, split in found)
    assert assigner.left_out.total() == sum(split is None for _, split in found)
    return {one.id: split for one, split in found if split}


@settings(deadline=None)
@given(records, st.sets(st.integers(0, 15)), st.integers(0, 16))
def test_records_that_are_added_or_replaced_take_no_other_out_of_its_split(made, replaced, count):
    before = assigned(made[:count])
    remaining = [one for number, one in enumerate(made) if number >= count or number not in replaced]

    after = assigned(remaining)

    assert {
        key: split for key, split in before.items() if key in {one.id for one in remaining}
    }.items() <= after.items()


@settings(deadline=None)
@given(records, st.integers(1, 98))
def test_what_is_tested_with_does_not_depend_on_how_the_rest_is_shared(made, percent):
    rest = 1 - THIRDS.test
    other = Proportions(rest * percent / 99, rest * (99 - percent) / 99, THIRDS.test)

    before, after = assigned(made), assigned(made, other)

    assert {key for key, split in before.items() if split == TEST} == {
        key for key, split in after.items() if split == TEST
    }


@settings(deadline=None)
@given(records)
def test_no_record_is_lost_without_being_counted(made):
    assigner = Assigner(GROUPS, THIRDS)

    found = Counter(assigner.assign(one) is None for one in made)

    assert found[True] == assigner.left_out.total()
