"""Near-duplicates: found with certainty where nearly all is said again, and never for what only looks alike."""

from __future__ import annotations

import gc
import re
import sys
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.sources import Options, read_items
from qloragen.sources.near import NearDuplicates
from qloragen.sources.sketch import Sketch, likeness, shingles, sketch
from qloragen.types import Article, Skip, SkipReason

SKIP = Options(similarity=0.9)
FOOTER = "\n\nFirst published elsewhere. All rights reserved."


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - not for secrets


def prose(seed: int, words: int = 400) -> str:
    random = seeded(seed)
    return "\n\n".join(" ".join(f"w{random.randrange(10_000)}" for _ in range(50)) for _ in range(words // 50))


def page(seed: int, heading: str = "Reads", code: str = "nodetool status") -> str:
    return f"# {heading}\n\n{prose(seed)}\n\n```\n{code}\n```\n\n{prose(seed + 1)}"


async def kept(*texts: str | dict[str, object] | Article, options: Options = SKIP) -> list[bool]:
    return [isinstance(item, Article) async for item in read_items(texts, options)]


def jaccard(one: str, other: str) -> float:
    first, second = shingles(one), shingles(other)
    return len(first & second) / len(first | second)


# ------------------------------------------------------------------------------------------------------ what is found


async def test_a_copy_with_another_footer_is_left_out_and_says_where_the_first_one_is():
    reading = read_items([page(1), page(9), page(1) + FOOTER], SKIP)

    first, other, copy = [item async for item in reading]

    assert isinstance(first, Article)
    assert isinstance(other, Article)
    assert isinstance(copy, Skip)
    assert (copy.where, copy.reason) == ("items:3", SkipReason.NEAR_DUPLICATE)
    assert copy.detail.endswith("% like items:1, which is kept")
    assert int(copy.detail.split()[0]) == pytest.approx(100 * jaccard(page(1), page(1) + FOOTER), abs=5)
    assert reading.summary.skipped == {SkipReason.NEAR_DUPLICATE: 1}
    assert reading.summary.units == reading.summary.accepted + 1 == 3


async def test_all_are_kept_unless_it_is_asked_for():
    assert await kept(page(1), page(1) + FOOTER, options=Options()) == [True, True]


async def test_typography_and_markup_make_no_difference():
    plain = page(1)
    marked = re.sub(r"\bw(\d+5)\b", r"**W\1**,", plain)

    assert marked != plain

    assert await kept(plain, marked, options=Options(similarity=1)) == [True, False]


@pytest.mark.parametrize(
    ("characters", "footer"),
    [
        ([*map(chr, range(0x4E00, 0x5600))], "本文最初发表于别处。"),
        ([*map(chr, range(0x3041, 0x3090))], "これはべつのばしょのきじです。"),
        ([*map(chr, range(0x0E01, 0x0E30))], "บทความนี้เผยแพร่ครั้งแรกที่อื่น"),
    ],
)
async def test_scripts_without_blanks_are_compared_as_well(characters, footer):
    random = seeded(1)
    one, other = ("".join(random.choices(characters, k=900)) for _ in range(2))

    assert await kept(one, other, one + footer) == [True, True, False]


async def test_of_several_the_first_stays_and_later_copies_are_compared_with_it():
    first = page(1)
    second = f"{first}\n\n{prose(5, 50)}"
    third = f"{second}\n\n{prose(6, 100)}"

    assert jaccard(first, second) > 0.92
    assert jaccard(first, third) < 0.86
    assert await kept(first, second, third, second) == [True, False, True, False]


async def test_parts_of_an_oversized_article_stand_and_fall_together():
    long = prose(1, 4_000)

    reading = read_items([long, long + FOOTER], Options(similarity=0.9, max_tokens=1_000))
    items = [item async for item in reading]

    assert reading.summary.articles == len(items) - 1 > 5
    assert isinstance(items[-1], Skip)
    assert items[-1].reason is SkipReason.NEAR_DUPLICATE


async def test_what_was_begun_before_is_kept():
    begun = page(1) + FOOTER
    options = Options(similarity=0.9, known=lambda article: article.content == begun)

    assert await kept(page(1), begun, page(1) + FOOTER + " Again.", options=options) == [True, True, False]


# -------------------------------------------------------------------------------------------------- what is not taken


async def test_five_words_in_common_are_nothing():
    common = "the coordinator waits for replicas"

    assert await kept(f"{prose(1, 50)} {common}", f"{prose(2, 50)} {common}") == [True, True]


@given(count=st.integers(20, 40), changed=st.integers(0, 39))
def test_no_word_of_a_short_article_can_change_unnoticed(count, changed):
    words = [f"word{number}" for number in range(count)]
    other = [*words]
    other[changed % count] = "another"

    one, two = (sketch(Article(name, " ".join(text))) for name, text in (("a", words), ("b", other)))

    assert likeness(one.rows, two.rows) < 0.9


@pytest.mark.parametrize("format", ["markdown", "asciidoc"])
@pytest.mark.parametrize(
    "template",
    [
        {"heading": "Writes"},
        {"heading": "Reads++"},
        {"code": "nodetool ring"},
        {"code": "nodetool status\nnodetool ring"},
    ],
)
async def test_pages_of_one_template_with_another_heading_or_command_are_different(format, template):
    fence, mark = ("----", "=") if format == "asciidoc" else ("```", "#")
    one, other = (
        {"content": text.replace("```", fence).replace("# ", f"{mark} "), "format": format}
        for text in (page(1), page(1, **template))
    )

    assert jaccard(str(one["content"]), str(other["content"])) > 0.95
    assert await kept(one, other) == [True, True]


@pytest.mark.parametrize(
    ("format", "code"),
    [("markdown", "Run `nodetool {}`."), ("rst", "Run ``nodetool {}``."), ("rst", "::\n\n    run {}")],
)
async def test_code_within_a_paragraph_or_indented_counts_as_code(format, code):
    pages = (f"{prose(1)}\n\n{code.format(command)}" for command in ("ring", "status"))

    assert await kept(*({"content": text, "format": format} for text in pages)) == [True, True]


async def test_where_a_text_begins_with_no_heading_its_title_tells():
    assert await kept({"content": prose(1), "title": "ring"}, {"content": prose(1) + FOOTER, "title": "status"}) == [
        True,
        True,
    ]


async def test_boilerplate_around_different_texts_makes_them_no_duplicates():
    menu = " ".join(f"menu{number}" for number in range(600))
    pages = [f"# Notes\n\n{menu}\n\n{prose(seed, 150)}" for seed in range(30)]

    assert await kept(*pages) == [True] * 30


# --------------------------------------------------------------------------------------------------- how it is done


def test_a_sketch_is_the_same_in_every_process_and_with_every_version_of_python():
    text = "# Reads\n\n" + " ".join(f"word{number}" for number in range(300)) + "\n\n```\nnodetool\n```"

    made = sketch(Article("a", text))

    assert made.rows.hex()[:32] == "d087e2c4951fa86cdc818c51814aa8d1"
    assert made.particulars == 2026371014


@pytest.mark.parametrize("size", [6, 20, 400])
@pytest.mark.parametrize("similarity", [0.0, 0.5, 0.9])
def test_likeness_estimates_the_share_of_runs_in_common_without_bias(size, similarity):
    errors = []
    for seed in range(50):
        random = seeded(seed)
        words = [f"w{random.getrandbits(40)}" for _ in range(2 * size)]
        cut = round(size * (1 - similarity))
        one, other = " ".join(words[:size]), " ".join(words[cut : size + cut])
        made = [sketch(Article("a", text)).rows for text in (one, other)]
        errors.append(likeness(*made) - jaccard(one, other))

    assert abs(sum(errors)) / len(errors) < 0.01
    assert max(map(abs, errors)) < 0.12


def test_likeness_is_one_for_the_same_and_about_none_for_strangers():
    rows = [sketch(Article("a", prose(seed))).rows for seed in range(30)]

    assert all(likeness(one, one) == 1 for one in rows)
    assert all(likeness(one, other) < 0.1 for one, other in pairwise(rows))


@pytest.fixture(scope="module")
def many() -> tuple[NearDuplicates, list[Sketch]]:
    random = seeded(1)
    index, sketches = NearDuplicates(0.9), [a_sketch(random) for _ in range(2_000)]
    for number, one in enumerate(sketches):
        assert index.find(one) is None
        index.add(one, f"a.jsonl:{number}")
    return index, sketches


def a_sketch(random: Random) -> Sketch:
    return Sketch(random.randbytes(128), random.getrandbits(32))


def test_every_article_is_found_again_however_the_tables_grow(many):
    index, sketches = many

    assert [index.find(one) for one in sketches] == [(f"a.jsonl:{n}", 1.0) for n in range(len(sketches))]


def test_nine_tenths_of_the_rows_are_enough_to_be_found(many):
    index, sketches = many
    random = seeded(2)
    found = 0
    for number, one in enumerate(sketches[:500]):
        rows = bytearray(one.rows)
        for at in random.sample(range(128), 10):  # both rows of a byte, so 20 of the 256
            rows[at] ^= 0xFF
        twin = index.find(one._replace(rows=bytes(rows)))
        found += twin is not None and twin.where == f"a.jsonl:{number}"

    assert found == 500


def test_the_nearest_is_named_and_of_equals_the_first():
    index = NearDuplicates(0.8)
    near, nearest = bytes(118) + b"\xff" * 10, bytes(123) + b"\xff" * 5
    for where, rows in (("near", near), ("nearest", nearest), ("as near", nearest)):
        index.add(Sketch(rows, 7), where)

    assert (twin := index.find(Sketch(bytes(128), 7)))
    assert twin.where == "nearest"
    assert not any(index.find(Sketch(bytes(128), other)) for other in range(8, 2_000))


async def test_copies_are_found_among_hundreds_of_pages_of_one_template():
    template = prose(1, 800)
    pages = [f"{template}\n\n{prose(seed, 100)}" for seed in range(2, 202)]
    copies = [text + " End." for text in pages[::10]]

    assert 0.75 < jaccard(pages[0], pages[1]) < 0.85
    assert await kept(*pages, *copies) == [True] * len(pages) + [False] * len(copies)


def test_an_article_takes_less_than_300_bytes():
    random, index = seeded(4), NearDuplicates(0.9)
    empty = size_of(index)
    for number in range(4_000):
        index.add(a_sketch(random), f"articles.jsonl:{number}")

    assert 150 < (size_of(index) - empty) / 4_000 < 300


def test_a_template_of_thousands_of_pages_is_remembered_a_few_times_only():
    random, index = seeded(4), NearDuplicates(0.9)
    shared, empty = random.randbytes(64), size_of(index)
    for number in range(1_000):
        index.add(Sketch(shared + random.randbytes(64), 7), str(number))

    assert (size_of(index) - empty) / 1_000 < 170


def size_of(root: object) -> int:
    """Return the bytes of everything that `root` holds on to."""
    seen, waiting, size = {id(root)}, [root], 0
    while waiting:
        size += sys.getsizeof(waiting[-1])
        held = [found for found in gc.get_referents(waiting.pop()) if not isinstance(found, type)]
        waiting += [found for found in held if id(found) not in seen]
        seen.update(map(id, held))
    return size
