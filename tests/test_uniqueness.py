"""What says nearly the same as something else: found among all, and never what only looks alike."""

from __future__ import annotations

from array import array
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.pipeline.uniqueness.prints import Subject, likeness, print_of
from qloragen.pipeline.uniqueness.records import Records
from qloragen.pipeline.uniqueness.siblings import Siblings, Stands, sibling_of
from qloragen.pipeline.uniqueness.texts import content_words, jaccard, said, shingles
from qloragen.sources.bands import Bands
from qloragen.sources.sketch import words
from qloragen.thresholds import Thresholds
from qloragen.types import digest

LIMIT = 0.6
CLEARLY = 0.12
"""Four standard deviations of what is estimated."""
QUESTION = "How does {} repair work?"


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - not for secrets


def prose(seed: int, words: int = 90) -> str:
    random = seeded(seed)
    return " ".join(f"w{random.randrange(10_000)}" for _ in range(words))


def edited(text: str, share: float, seed: int) -> str:
    """Return a text with a share of its words replaced, all over it."""
    random = seeded(seed)
    return " ".join(f"x{random.randrange(10_000)}" if random.random() < share else word for word in text.split())


def printed(name: str, instruction: str, output: str, *, article: str = "", type: str = "concept"):
    article = article or f"article of {name}"
    return print_of(Subject(digest(name), article, digest(f"text of {article}"), type), instruction, output)


@cache
def runs(text: str) -> frozenset[str]:
    return frozenset(shingles(words(text)))


def exact(one: str, other: str) -> float:
    return jaccard(runs(one), runs(other))


# ------------------------------------------------------------------------------------------- across the whole run


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_among_many_is_what_comparing_each_with_each_finds(seed):
    random = seeded(seed)
    texts = [prose(1_000 * seed + number) for number in range(150)]
    texts += [edited(random.choice(texts), random.random() / 3, number) for number in range(150)]
    records = Records()

    for number, text in enumerate(texts):
        one = printed(str(number), QUESTION.format(number), text)
        like = records.find(one, LIMIT)
        best = max((exact(text, other) for other in texts[:number]), default=0.0)
        if best >= LIMIT + CLEARLY:
            assert like is not None
        if best < LIMIT - CLEARLY:
            assert like is None
        records.add(one)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_likeness_is_estimated_within_its_bounds(seed, share):
    text = prose(seed)
    other = edited(text, share / 2, seed + 1)

    estimated = likeness(printed("a", "", text).sketch, printed("b", "", other).sketch)

    assert estimated == pytest.approx(exact(text, other), abs=0.16)


def test_of_several_that_are_alike_the_one_that_is_most_so_is_named():
    text, records = prose(1), Records()
    for name, share in (("far", 0.1), ("near", 0.02), ("middle", 0.06)):
        records.add(printed(name, QUESTION.format(name), edited(text, share, 7)))

    like = records.find(printed("new", QUESTION.format("new"), text), LIMIT)

    assert like is not None
    assert like.key == digest("near")
    assert not like.exact


def test_an_exact_duplicate_differs_in_case_and_punctuation_at_most():
    records, text = Records(), prose(1)
    records.add(printed("first", "How does it repair?", text))

    same = records.find(printed("second", "how does it REPAIR", text.upper() + "."), LIMIT)
    other = records.find(printed("third", "Why does it repair?", text), LIMIT)

    assert same is not None
    assert same.exact
    assert other is not None
    assert not other.exact


@pytest.mark.parametrize("few", ["Yes.", "The default is 10.", "是的。"])
def test_a_short_answer_counts_together_with_its_question(few):
    records = Records()
    records.add(printed("a", "Does the commit log survive a crash of the node by default?", few))

    assert records.find(printed("b", "Are hints replayed once the other replica is up again?", few), LIMIT) is None
    assert records.find(printed("c", "Does the commit log survive a crash of the node by default?", few), LIMIT)


def test_chinese_is_compared_by_its_characters():
    text = "在使用压缩时需要注意磁盘空间因为新的文件会在旧的文件删除之前写入" * 2
    records = Records()
    records.add(printed("a", "什么是压缩？", text))

    assert records.find(printed("b", "压缩有什么影响？", f"{text}所以要小心"), LIMIT)
    assert (
        records.find(
            printed("c", "什么是修复？", "节点之间的数据会定期比较并且在发现差异之后互相传送缺失的部分"), LIMIT
        )
        is None
    )


def test_a_record_is_not_compared_with_the_one_that_it_takes_the_place_of():
    records, text = Records(), prose(1)
    records.add(printed("old", "How?", text, article="a", type="concept"))

    assert records.find(printed("new", "How?", text, article="a", type="concept"), LIMIT) is None
    assert records.find(printed("other", "How?", text, article="a", type="caveats"), LIMIT)
    assert records.find(printed("other", "How?", text, article="b", type="concept"), LIMIT)


def test_an_article_that_was_changed_may_say_anything_that_it_said_before():
    records, text = Records(), prose(1)
    old = Subject(digest("old"), "a", digest("the text before"), "concept", "markdown")
    records.add(print_of(old, "How?", text))

    changed = old._replace(key=digest("new"), content_hash=digest("the text"), type_slug="caveats")
    marked_up = old._replace(key=digest("new"), article_id="a.html", markup="html", type_slug="caveats")
    elsewhere = changed._replace(article_id="b")

    assert records.find(print_of(changed, "How?", text), LIMIT) is None
    assert records.find(print_of(marked_up, "How?", text), LIMIT) is None
    assert records.find(print_of(elsewhere, "How?", text), LIMIT)


def test_of_records_that_stand_one_that_is_noted_to_repeat_is_not_repeated():
    records, text = Records(), prose(1)
    records.add(printed("first", "How?", text)._replace(noted=True))
    second = printed("second", "How?", text)

    assert records.find(second, LIMIT, before=1) is None
    assert records.find(second, LIMIT)
    records.note(0, noted=False)
    assert records.find(second, LIMIT, before=1)


def test_a_forgotten_record_is_found_no_more_and_no_record_finds_itself():
    records, one = Records(), printed("a", "How?", prose(1))
    records.add(one)
    again = printed("b", "How?", prose(1))

    assert records.find(one, LIMIT) is None
    number = records.number_of(one)
    assert number == 0
    records.forget(number)

    assert records.find(again, LIMIT) is None
    assert records.number_of(one) is None


def test_those_that_came_later_can_be_left_out():
    records, text = Records(), prose(1)
    for name in ("first", "second"):
        records.add(printed(name, "How?", text))
    second = records.number_of(printed("second", "How?", text))

    assert records.find(printed("first", "How?", text), LIMIT, before=0) is None
    assert second == 1
    assert records.find(printed("second", "How?", text), LIMIT, before=second)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 1)), max_size=60), st.integers(0, 50))
def test_a_sketch_finds_all_that_share_a_band_as_long_as_they_are_few(rows, expected):
    bands = Bands(2, 3, corner_bits=2, expected=expected)
    sketches = [array("I", row) for row in rows]

    for number, sketch in enumerate(sketches):
        for band in range(2):
            sharing = {n for n in range(number) if (sketches[n][band], sketches[n][2]) == (sketch[band], sketch[2])}
            assert len(bands.sharing(sketch) & sharing) >= min(len(sharing), 8)
        assert all(
            any((sketches[n][band], sketches[n][2]) == (sketch[band], sketch[2]) for band in range(2))
            for n in bands.sharing(sketch)
        )
        assert bands.add(sketch) == number
        assert bands.sketch(number) == sketch


# --------------------------------------------------------------------------------------------- within one article


def found(*others: tuple[str, str], one: tuple[str, str], **thresholds: object) -> list[tuple[str, str]]:
    siblings = Siblings()
    for number, (instruction, output) in enumerate(others):
        siblings.put(sibling_of(digest(str(number)), number + 1, instruction, output), Stands(number, ()))
    compared = siblings.compare(sibling_of(digest("one"), 9, *one), Thresholds.model_validate(thresholds))
    return [(finding.code, finding.instruction) for finding in compared]


def test_the_same_question_is_a_twin_however_it_is_written():
    assert found(("What is a memtable?", prose(1)), one=("what is a MEMTABLE", prose(2)))[0][0] == "twin"


def test_a_question_in_other_words_about_the_same_things_is_a_twin():
    first = "How does the commit log protect memtable writes in Apache Cassandra?"
    second = "Explain how memtable writes are protected by the commit log in Apache Cassandra."

    assert ("alike", first) in found((first, prose(1)), one=(second, prose(2)))
    assert ("twin", first) in found((first, prose(1)), one=(second, prose(2)), twin_instruction=0.7)


def test_an_answer_that_says_nearly_the_same_is_a_twin():
    text = prose(1)

    assert found(("What is compaction?", text), one=("Why are hints kept?", edited(text, 0.05, 3))) == [
        ("twin", "What is compaction?")
    ]
    assert found(("What is compaction?", text), one=("Why are hints kept?", prose(2))) == []


def test_what_is_off_is_not_looked_for():
    off = {"actions": {"twin": "off", "alike": "off"}}

    assert found(("What is a memtable?", prose(1)), one=("What is a memtable?", prose(1)), **off) == []


def test_others_are_told_of_records_and_drafts_in_the_order_of_their_types_and_never_of_themselves():
    siblings = Siblings()
    siblings.put(sibling_of(digest("b"), 2, "Second?", "x"), Stands(0, ()))
    siblings.draft(digest("c"), 1, "First?")
    siblings.draft(digest("d"), 3, "Third?")

    assert siblings.instructions(digest("d")) == ("First?", "Second?")
    siblings.withdraw(digest("c"))
    siblings.drop(digest("b"))
    assert siblings.instructions(digest("x")) == ("Third?",)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_words_of_a_text_are_the_same_whatever_else_is_in_it(text):
    """Those of plain texts are found in a quicker way."""
    assert words(text) == words(f"{text} \u2026")


@given(st.text(), st.text())
def test_whatever_texts_are_they_can_be_compared(one, other):
    assert 0 <= jaccard(content_words(words(one)), content_words(words(other))) <= 1
    assert said(words(one), words(other))
    assert printed("a", one, other).sketch == printed("a", one, other).sketch
