"""The outline of a long article: short, in order, made of the article's own words, and always the same."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.article_block import lay_out
from qloragen.domain.outline import outline
from qloragen.types import Article

from .conftest import SHARED

PROSE = "The coordinator keeps a hint for a replica that is down. " * 12
CODE = "```\n" + "\n".join(f"nodetool step {number}" for number in range(40)) + "\n```"
LIST = "\n".join(f"- item {number} says something about it" for number in range(40))
ARTICLE = "# Hints\n\n" + "\n\n".join(
    f"## Part {number}\n\nOpening of part {number}. {PROSE}\n\n{LIST}\n\n{PROSE}\n\n{CODE}" for number in range(6)
)


def test_a_short_article_is_read_whole():
    assert outline("# Title\n\nText.", "markdown") == "# Title\n\nText."


def test_every_heading_the_beginnings_of_sections_and_signs_of_lists_and_code_are_kept():
    found = outline(ARTICLE, "markdown")

    for number in range(6):
        assert f"## Part {number}" in found
        assert f"Opening of part {number}." in found
    assert found.count("- item 0") == found.count("nodetool step 0") == 6
    assert found.count("[...]") >= 6


def test_an_outline_keeps_to_its_size():
    size = len(outline(ARTICLE, "markdown", 500).encode())

    assert 1_500 < size < 2_100


def test_of_very_many_sections_the_first_are_shown_and_the_others_counted():
    found = outline("\n\n".join(f"# Heading {number}\n\nText of it." for number in range(1_000)), "markdown", 300)

    assert len(found.encode()) < 1_400
    assert found.startswith("# Heading 0\n\nText of it.")
    assert found.endswith(f"[{1_000 - found.count('# Heading')} more sections]")


def test_a_text_without_headings_or_blank_lines_is_cut_at_a_word():
    found = outline(PROSE * 50, "text", 100)

    assert found.endswith(" [...]")
    assert PROSE.startswith(found.removesuffix(" [...]"))


@given(
    st.lists(
        st.sampled_from(["# Title", "text of a paragraph.", "- item", "```", "    code", "", "…日本語の文。", "==="])
    )
)
def test_every_line_of_an_outline_is_the_beginning_of_one_of_the_article(lines):
    content = "\n".join(lines)

    found = outline(content, "markdown", 10)

    marks = ("[...]", "more sections]")
    words = [line.removesuffix(" [...]") for line in found.split("\n") if line and not line.endswith(marks[1])]
    assert all(any(own.startswith(word) for own in lines) for word in words if word != marks[0])
    assert outline(content, "markdown", 10) == found


def test_real_articles_shrink_to_the_budget_and_lose_no_heading():
    path = SHARED / "data" / "corpus-dev.jsonl"
    if not path.exists():
        pytest.skip("the corpus of real articles is not on this machine")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    articles = [Article(row["id"], row["content"], format=row["format"]) for row in rows]

    found = [outline(article.content, article.format) for article in articles]

    assert all(len(text.encode()) < 4_000 for text in found)
    assert sum(map(len, found)) < 0.4 * sum(len(article.content) for article in articles)
    assert all(lay_out(article).tag not in text.lower() for article, text in zip(articles, found, strict=True))
