"""The leakage check: it finds what splits must not share, however they were made, and says nothing of clean ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import orjson
import pytest

from qloragen.dataset.assigning import Assigner
from qloragen.dataset.groups import groups_of
from qloragen.dataset.leakage import Leaks, leaks_in
from qloragen.dataset.splits import SPLITS, TEST, TRAIN, VALIDATION, Split, proportions_of
from qloragen.export import Example, ExportError
from qloragen.types import Article

from .conftest import SHARED
from .dataset_runs import Told, changed, example, page, words

PROPORTIONS = proportions_of("80/10/10")
SLUGS = ("summary", "concept", "code")
NAMELESS = {"instruction": "Does compaction merge SSTables?", "input": "", "output": "Yes."}
Rows = Sequence[tuple[Split, Example]]


def text(number: object, count: int = 200) -> str:
    return " ".join(words(count, number))


def corpus(count: int = 60) -> list[Article]:
    """Return articles that have nothing in common."""
    return [Article(f"a{number}", text(number)) for number in range(count)]


def check(rows: Rows, articles: Sequence[Article], similarity: float = 0.6) -> Leaks:
    texts = {article.content_hash: article.content for article in articles}
    return leaks_in(lambda: iter(rows), texts.get, similarity)


def dealt(articles: Sequence[Article]) -> Rows:
    """Return every article's records in one split, dealt in turn whatever the articles say."""
    return [
        ((TRAIN, TRAIN, TRAIN, VALIDATION, TEST)[number % 5], example(article, slug))
        for number, article in enumerate(articles)
        for slug in SLUGS
    ]


def planned(articles: Sequence[Article], seed: int = 0) -> Rows:
    """Return records in the splits that they are exported in."""
    assigner = Assigner(groups_of(Told(articles)), PROPORTIONS, seed)
    records = [example(article, slug) for article in articles for slug in SLUGS]
    found = [(assigner.assign(record), record) for record in records]
    return [(split, record) for split, record in found if split]


def with_copies(share: float) -> list[Article]:
    """Return articles of which every fifth is there once more, with so many of its words changed here and there."""
    articles = corpus(100)
    return [*articles, *(Article(f"{one.id} copied", changed(one.content, share, one.id)) for one in articles[::5])]


def test_splits_by_article_of_articles_that_have_nothing_in_common_are_clean():
    articles = corpus()

    leaks = check(dealt(articles), articles)

    assert not leaks
    assert str(leaks) == "no leaks among 180 records of 60 articles"


def test_splits_by_record_leak():
    articles = corpus()
    rows = [(SPLITS[number % 3], one) for number, (_, one) in enumerate(dealt(articles))]

    leaks = check(rows, articles)

    assert leaks.counts == {"the same article": 120, "the same text": 120}


def test_splits_by_part_leak():
    articles = [Article(f"manual#part-{number}", text(number)) for number in range(1, 6)]

    leaks = check(dealt(articles), articles)

    assert leaks.counts == {"the same article": 2}


def test_ids_that_only_look_like_those_of_parts_are_different_articles():
    articles = [Article(f"https://example.org/words#part-{name}", text(name)) for name in ("of-speech", "time", "1st")]

    leaks = check(list(zip(SPLITS, map(example, articles), strict=True)), articles)

    assert not leaks


def test_records_that_name_no_text_are_told_by_their_article_ids():
    first, second = (
        Example(**row) for row in [{**NAMELESS, "article_id": "a"}, {**NAMELESS, "article_id": "b", "output": "No."}]
    )

    leaks = [check([(TRAIN, first), (TEST, other)], corpus(1)).counts for other in (second, first)]

    assert leaks == [{}, {"the same article": 1, "records alike": 1}]


def test_one_text_under_two_ids_leaks():
    one, other = Article("a", text(1)), Article("b", text(1))

    leaks = check([(TRAIN, example(one)), (TEST, example(other))], [one])

    assert leaks.counts == {"the same text": 1}


@pytest.mark.parametrize("share", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("split", [TEST, VALIDATION])
def test_a_near_copy_planted_in_what_is_held_out_leaks(share, split):
    articles = corpus()
    rows = list(dealt(articles))
    original = next(one for number, one in enumerate(articles) if number % 5 == 0)
    copy = Article("planted", changed(original.content, share, "planted"))

    leaks = check([*rows, (split, example(copy))], [*articles, copy])

    assert leaks.counts == {"articles alike": 1}
    assert leaks.found[0][:5] == ("articles alike", TRAIN, original.id, split, "planted")
    assert "planted" in str(leaks)


def test_a_near_copy_in_validation_of_what_is_tested_with_leaks():
    article, copy = Article("a", text(1)), Article("b", changed(text(1), 0.1, 1))

    leaks = check([(TEST, example(article)), (VALIDATION, example(copy))], [article, copy])

    assert [leak[:5] for leak in leaks.found] == [("articles alike", VALIDATION, "b", TEST, "a")]


@pytest.mark.parametrize("share", [0.02, 0.1])
def test_splits_that_know_nothing_of_near_copies_leak(share):
    articles = with_copies(share)

    leaks = check(dealt(articles), articles)

    assert leaks.counts == {"articles alike": 8}


@pytest.mark.parametrize("share", [0.02, 0.1, 0.15, 0.3])
@pytest.mark.parametrize("seed", [0, 1])
def test_splits_as_they_are_exported_are_clean_whatever_is_copied(share, seed):
    articles = with_copies(share)

    rows = planned(articles, seed)

    assert len(rows) == 3 * len(articles)
    assert not check(rows, articles)


@pytest.mark.parametrize("boilerplate", [50, 100, 120, 130])
def test_pages_of_a_template_of_which_up_to_two_thirds_are_the_same_may_be_in_different_splits(boilerplate):
    articles = [Article(f"a{number}", page(boilerplate, 200 - boilerplate, number)) for number in range(60)]

    assert not check(dealt(articles), articles)
    assert {split for split, _ in planned(articles)} == {*SPLITS}


def test_pages_of_a_template_of_which_four_fifths_are_the_same_leak():
    articles = [Article(f"a{number}", page(160, 40, number)) for number in range(20)]

    leaks = check(dealt(articles), articles)

    assert leaks.counts["articles alike"] >= 20
    assert not check(planned(articles), articles)


def test_the_same_question_and_answer_from_two_articles_leak():
    articles = corpus(2)
    said = {"instruction": "What does compaction do?", "output": "It merges SSTables."}

    leaks = check([(TRAIN, example(articles[0], **said)), (TEST, example(articles[1], **said))], articles)

    assert leaks.counts == {"records alike": 1}


@pytest.mark.parametrize(("share", "leaking"), [(0, 1), (0.03, 1), (0.5, 0)])
def test_nearly_the_same_answer_from_two_articles_leaks(share, leaking):
    articles, answer = corpus(2), text("answer", 60)
    first, second = example(articles[0], output=answer), example(articles[1], output=changed(answer, share, 1))

    leaks = check([(TRAIN, first), (TEST, second)], articles)

    assert leaks.counts.total() == leaking


def test_the_same_answer_within_one_split_is_no_leak():
    articles, answer = corpus(4), text("answer", 60)

    assert not check([(TEST, example(article, output=answer)) for article in articles], articles)


def test_general_data_leaks_by_what_it_says():
    article = Article("a", text(1))
    record = example(article)
    general = Example(instruction=record.instruction, input="", output=record.output, source="alpaca")

    leaks = check([(TRAIN, general), (TRAIN, general), (TEST, record)], [article])

    assert leaks.counts == {"records alike": 2}


def test_general_data_is_not_counted_among_the_records():
    article = Article("a", text(1))
    general = Example(instruction="How many legs has a spider?", input="", output="Eight.", source="alpaca")

    leaks = check([(TRAIN, general), (TRAIN, general), (TEST, example(article))], [article])

    assert str(leaks) == "no leaks among 1 record of 1 article and 2 general examples"


@pytest.mark.parametrize("count", [8, 600, 9_000])
def test_near_copies_of_short_and_long_articles_leak(count):
    article = Article("a", text(1, count))
    copy = Article("copy", changed(article.content, 0.08, 1))

    leaks = check([(TRAIN, example(article)), (TEST, example(copy))], [article, copy])

    assert leaks.counts == {"articles alike": 1}


def test_articles_whose_texts_are_lost_are_told_by_their_ids():
    lost, other = Article("a", text(1)), Article("a", text(2))

    leaks = check([(TRAIN, example(lost)), (TEST, example(other))], [])

    assert leaks.counts == {"the same article": 1}


def test_how_many_leaks_there_are_is_said_though_only_the_first_are_named():
    articles = corpus(100)
    rows = [(SPLITS[number % 3], one) for number, (_, one) in enumerate(dealt(articles))]

    leaks = check(rows, articles)

    assert str(leaks).startswith("400 leaks between splits, such as the same article: 'a0' in validation")
    assert len(leaks.found) == 20


def test_real_articles_and_their_edited_copies_do_not_leak_as_they_are_exported_and_do_when_dealt_out():
    path = SHARED / "data" / "corpus-dev.jsonl"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    originals = [Article(row["id"], row["content"]) for row in map(orjson.loads, path.read_bytes().splitlines())][:101]
    copies = [Article(f"{one.id} copied", changed(one.content, 0.08, one.id)) for one in originals[:20]]
    articles = [*originals, *copies]

    clean, exported, leaking = (
        check(rows, articles) for rows in (dealt(originals), planned(articles), dealt(articles))
    )

    assert not clean
    assert not exported
    assert leaking.counts == {"articles alike": 12}


def test_examples_are_read_anew_each_time():
    articles = corpus(10)
    read: list[int] = []

    def placed() -> Iterator[tuple[Split, Example]]:
        read.append(1)
        yield from dealt(articles)

    leaks = leaks_in(placed, {one.content_hash: one.content for one in articles}.get)

    assert (bool(leaks), len(read)) == (False, 2)


@pytest.mark.parametrize("boilerplate", [100, 120, 140])
def test_few_templates_make_no_pairs_to_compare_however_many_their_pages_are(boilerplate):
    articles = [Article(f"a{number}", page(boilerplate, 200 - boilerplate, number)) for number in range(500)]
    copy = Article("copy", changed(articles[0].content, 0.08, 1))

    clean, leaking = (check([*dealt(articles), *more], [*articles, copy]) for more in ([], [(TEST, example(copy))]))

    assert not clean
    assert clean.pairs <= len(articles)
    assert leaking.counts == {"articles alike": 1}


def test_of_a_text_that_is_like_hundreds_so_many_are_compared_that_it_is_found():
    articles = [Article(f"a{number}", page(180, 20, number)) for number in range(401)]
    rows = [(TRAIN, example(articles[0])), *((TEST, example(article)) for article in articles[1:])]

    leaks = check(rows, articles)

    assert leaks.counts == {"articles alike": 256}
    assert leaks.pairs == 400


def test_a_likeness_that_cannot_be_looked_for_is_refused():
    with pytest.raises(ExportError, match=r"similarity is 0\.3"):
        check([], [], 0.3)
