"""Paragraphs: exact pieces of the text, with what belongs together kept together."""

import json
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.domain.paragraphs import LONG, LONGEST, MOST, VERSION, split_paragraphs
from qloragen.types import Format, digest

SHARED = Path(__file__).resolve().parents[2] / "shared"
FORMATS: tuple[Format, ...] = ("markdown", "html", "asciidoc", "rst", "text")

LINES = st.sampled_from(
    [
        *(
            "",
            "",
            "   ",
            "Some prose that goes on for a while.",
            "A title",
            "Look:",
            "looks like:</p>",
            "# Heading",
            "== Two",
        ),
        *(
            "=======",
            "-----",
            "----",
            "....",
            "|===",
            "--",
            "```",
            "```python",
            "````",
            "~~~",
            "    code()",
            "\tcode()",
        ),
        *("- item", "1. item", ". item", "<pre>", "</pre>", "<pre>x</pre>", "<h2>T</h2>", ".. code-block:: sql", "+"),
        *("[source,cql]", "  continued", "\u00a0", "\u200b", "x" * 900, "word " * 500),
    ]
)
TEXTS = st.lists(LINES, max_size=60).map("\n".join) | st.text(max_size=300)


@given(TEXTS, st.sampled_from(FORMATS))
@settings(deadline=None, max_examples=400)
def test_paragraphs_are_exact_pieces_in_order_that_leave_out_nothing_but_blanks(text, markup):
    paragraphs = split_paragraphs(text, markup)

    position = 0
    for paragraph in paragraphs:
        start = text.index(paragraph, position)
        assert not text[position:start].strip()
        position = start + len(paragraph)
        assert paragraph.strip()
        assert len(paragraph) <= LONGEST + LONG
    assert not text[position:].strip()


def test_a_blank_text_has_no_paragraphs():
    assert split_paragraphs(" \n\n\t\n\u00a0", "markdown") == ()


def test_a_blank_line_parts_paragraphs():
    one, other = "One paragraph, long enough to stand alone. " * 3, "Another paragraph, also of some length. " * 3

    assert split_paragraphs(f"{one}\n\n{other}\n", "text") == (one.rstrip(), other.rstrip())


PROSE = "This paragraph says something and is long enough to be a paragraph of its own, no doubt about it."
CODE = "def f(x):\n\n    # a comment\n\n    return x\n\n\nprint(f(2))" * 3


@pytest.mark.parametrize(
    ("markup", "block"),
    [
        ("markdown", f"```python\n{CODE}\n```"),
        ("text", f"~~~\n{CODE}\n~~~"),
        ("markdown", f"````markdown\n```\n{CODE}\n```\n````"),
        ("markdown", f"  ```\n{CODE}\n  ```"),
        ("asciidoc", f"----\n{CODE}\n----"),
        ("asciidoc", f"....\n{CODE}\n...."),
        ("asciidoc", f"====\nAn example:\n\n----\n{CODE}\n----\n===="),
        ("asciidoc", "|===\n|a |b\n\n|c |d\n|==="),
        ("html", f"<pre><code>{CODE}</code></pre>"),
        ("markdown", f"<pre>\n{CODE}\n</pre>"),
        ("markdown", "    SELECT *\n\n    FROM t;\n\n\n    DROP TABLE t;"),
        ("rst", ".. code-block:: cql\n\n  SELECT *\n\n  FROM t;"),
        ("rst", "  indented\n\n  by two"),
    ],
)
def test_a_code_block_stays_whole(markup, block):
    paragraphs = split_paragraphs(f"{PROSE}\n\n{block}\n\n{PROSE}", markup)

    assert any(block.strip("\n") in paragraph for paragraph in paragraphs)
    assert any(PROSE in paragraph and block not in paragraph for paragraph in paragraphs)


def test_a_fence_that_nothing_closes_reaches_to_the_end():
    code = f"```python\n{CODE}"

    assert split_paragraphs(f"{PROSE}\n\n{code}", "markdown") == (PROSE, code)


def test_a_forgotten_closing_fence_does_not_hide_the_rest_of_a_long_article():
    text = "```\nSELECT 1;\n\n" + "\n\n".join(f"{number}. {PROSE}" for number in range(60))

    assert len(split_paragraphs(text, "markdown")) > 2


def test_a_shorter_fence_does_not_close_a_longer_one():
    block = "`````\ncode\n\n```\n\nmore code, not prose at all, and enough of it to stand alone\n`````"

    assert split_paragraphs(f"{block}\n\n{PROSE}", "markdown") == (block, PROSE)


def test_a_line_of_inline_code_is_no_fence():
    paragraphs = split_paragraphs(f"```kubectl get pods``` {PROSE}\n\n{PROSE}", "markdown")

    assert len(paragraphs) == 2


@pytest.mark.parametrize(
    ("markup", "heading"),
    [
        ("markdown", "## Repair"),
        ("markdown", "Repair\n------"),
        ("asciidoc", "=== Repair"),
        ("asciidoc", "Repair\n~~~~~~"),
        ("rst", "Repair\n^^^^^^"),
        ("rst", "======\nRepair\n======"),
        ("html", "<h2>Repair</h2>"),
        ("text", "Repair\n======"),
        ("markdown", "# Nodes\n\n## Repair"),
    ],
)
def test_a_heading_goes_with_the_paragraph_after_it(markup, heading):
    paragraphs = split_paragraphs(f"{PROSE}\n\n{heading}\n\n{PROSE}", markup)

    assert paragraphs == (PROSE, f"{heading}\n\n{PROSE}")


def test_a_title_underlined_in_asciidoc_is_no_code_delimiter():
    paragraphs = split_paragraphs(f"Code\n----\n\n{PROSE}\n\n{PROSE}\n\nData\n----\n\n{PROSE}", "asciidoc")

    assert paragraphs == (f"Code\n----\n\n{PROSE}", PROSE, f"Data\n----\n\n{PROSE}")


def test_asciidoc_attributes_and_a_block_title_go_with_their_block():
    block = f".Creating a table\n[source,cql]\n----\n{CODE}\n----"

    assert split_paragraphs(f"{PROSE}\n{block}\n\n{PROSE}", "asciidoc") == (PROSE, block, PROSE)


def test_a_line_that_ends_in_a_colon_goes_with_what_it_announces():
    text = f"{PROSE}\n\n{PROSE} Like so:\n\n```\n{CODE}\n```"

    assert split_paragraphs(text, "markdown") == (PROSE, text[len(PROSE) + 2 :])


def test_the_items_of_one_list_stay_together_with_the_code_in_them():
    items = "\n\n".join(f"{number}. {PROSE}\n\n   ```\n   run {number}\n   ```" for number in range(1, 5))

    assert split_paragraphs(f"{PROSE}\n\n{items}\n\n{PROSE}", "markdown") == (PROSE, items, PROSE)


def test_a_long_list_is_parted():
    items = "\n\n".join(f"- {PROSE}" for _ in range(60))

    paragraphs = split_paragraphs(items, "markdown")

    assert all(LONG / 2 < len(paragraph) <= LONG for paragraph in paragraphs[:-1])


def test_crumbs_join_their_neighbours():
    paragraphs = split_paragraphs(f"{PROSE}\n\nYes.\n\nNo.\n\n{PROSE}\n\n{PROSE}", "text")

    assert paragraphs == (f"{PROSE}\n\nYes.\n\nNo.", PROSE, PROSE)


def test_the_indentation_of_a_first_line_is_kept():
    text = f"{PROSE}\n\n    first_line()\n      second_line_of_the_listing()\n{'    and_more_of_it()' * 10}"

    assert split_paragraphs(text, "markdown")[1].startswith("    first_line()")


def test_long_prose_is_cut_at_a_sentence():
    paragraphs = split_paragraphs("One sentence of it. " * 500, "text")

    assert all(paragraph.endswith("of it.") and len(paragraph) <= LONG for paragraph in paragraphs)


def test_only_a_huge_listing_is_cut_and_then_between_lines():
    listing = "```\n" + "SELECT * FROM readings;\n" * 2_000 + "```"

    paragraphs = split_paragraphs(listing, "markdown")

    assert all(len(paragraph) <= LONGEST for paragraph in paragraphs)
    assert all(paragraph.endswith((";", "```")) for paragraph in paragraphs)


def test_a_text_of_many_paragraphs_gets_no_more_numbers_than_a_model_can_keep_apart():
    assert len(split_paragraphs(f"{PROSE}\n\n" * 5_000, "text")) <= MOST + 1


@pytest.mark.parametrize("markup", FORMATS)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\n" * 20_000, id="one-character lines"),
        pytest.param("x" * 300_000, id="no blank"),
        pytest.param("".join("`" * (3 + n % 300) + "py\n" for n in range(3_000)), id="fences never closed"),
        pytest.param("```\n" * 50_000 + "".join("`" * (600 - n) + "x\n" for n in range(500)), id="closers in vain"),
        pytest.param("<pre>\n" * 50_000, id="pre never closed"),
        pytest.param("----\n\n" * 20_000 + "....\n", id="delimiters"),
        pytest.param("    a\n\n" * 30_000, id="indented"),
        pytest.param("    a\n" + "\n" * 200_000, id="blank lines"),
        pytest.param("# a\n\n" * 30_000, id="headings"),
        pytest.param("title\n-----\n" * 20_000, id="underlines"),
    ],
)
def test_hostile_texts_take_no_more_time_than_others(text, markup):
    begun = process_time()

    split_paragraphs(text, markup)

    # Two runs of a slow machine; anything quadratic takes minutes on these texts.
    assert process_time() - begun < 5


def test_the_version_is_raised_with_any_change_of_the_paragraphs():
    text = (
        f"# T\n\n{PROSE}\n\nLike so:\n\n```\n{CODE}\n```\n\n- a\n\n- b\n\n{PROSE * 40}\n\n"
        "    code\n\nEnd.\n----\nx\n----\n"
    )

    found = digest("\0".join("\1".join(split_paragraphs(text, markup)) for markup in FORMATS))

    assert (VERSION, found[:8]) == (1, "d1ce590a")


def test_real_articles_come_in_pieces_of_a_useful_size():
    corpus = SHARED / "data" / "corpus-dev.jsonl"
    if not corpus.exists():
        pytest.skip("the shared corpus is not on this machine")
    articles = [json.loads(line) for line in corpus.read_text("utf-8").split("\n") if line]

    sizes = sorted(len(p) for a in articles for p in split_paragraphs(a["content"], a["format"]))

    assert 150 < sizes[len(sizes) // 2] < 600
    assert sizes[len(sizes) // 20] > 60
    assert sizes[-1] <= LONGEST + LONG
