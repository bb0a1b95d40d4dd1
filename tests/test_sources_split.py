"""The size policy."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.sources.split import estimate_tokens, split

LIMIT = 400


def test_an_article_within_the_limit_stays_whole():
    assert split("short\n\ntext", LIMIT, "markdown") == ["short\n\ntext"]


def test_cuts_are_made_before_headings_where_possible():
    sections = [f"## Section {number}\n\n" + "Words of a paragraph. " * 15 for number in range(8)]

    parts = split("\n\n".join(sections), LIMIT, "markdown")

    assert len(parts) > 1
    assert all(part.startswith("## Section") for part in parts)


def test_cuts_are_made_at_empty_lines_otherwise():
    paragraphs = [f"Paragraph {number}. " + "More words of it. " * 10 for number in range(12)]

    parts = split("\n\n".join(paragraphs), LIMIT, "markdown")

    assert all(part.startswith("Paragraph") for part in parts)


@pytest.mark.parametrize(
    ("format", "opening", "closing"),
    [("markdown", "```java", "```"), ("markdown", "~~~~", "~~~~"), ("asciidoc", "----", "----")],
)
def test_code_is_closed_at_a_cut_and_opened_again(format, opening, closing):
    code = [f"    call({number});" for number in range(300)]

    parts = split("\n".join([opening, *code, closing]), LIMIT, format)

    assert len(parts) > 2
    assert all(part.startswith(f"{opening}\n    call(") and part.endswith(f";\n{closing}") for part in parts)
    assert re.findall(r"call\(\d+\)", "".join(parts)) == [line.strip(" ;") for line in code]


@pytest.mark.parametrize("cluster", ["\U0001f469\u200d\U0001f467", "e\u0301\u0323", "\U0001f1e8\U0001f1ed", "字"])
def test_a_line_without_spaces_is_cut_between_characters(cluster):
    parts = split(cluster * 2_000, LIMIT, "text")

    assert "".join(parts) == cluster * 2_000
    assert "\ufffd" not in "".join(parts)
    if cluster != "\U0001f1e8\U0001f1ed":
        assert all(part.startswith(cluster) for part in parts)


def test_a_hostile_fence_does_not_break_the_limit():
    parts = split("`" * 5_000 + "x" * 50 + "\n" + "code \n" * 2_000, LIMIT, "markdown")

    assert all(estimate_tokens(part) <= LIMIT for part in parts)


LINES = st.lists(
    st.text("aé字 .", max_size=400)
    | st.sampled_from(["# Heading", "```", "```cql", "~~~", "", "", "----", "Title", "====="]),
    max_size=60,
)


@given(LINES, st.sampled_from(["markdown", "asciidoc", "rst", "text"]))
def test_splitting_loses_no_text_and_keeps_to_the_limit(lines, format):
    text = "\n".join(lines)

    parts = split(text, LIMIT, format)

    def letters(value: str) -> str:
        return re.sub(r"[^a-zé字A-Z]|cql", "", value)

    assert letters("".join(parts)) == letters(text)
    assert all(estimate_tokens(part) <= LIMIT for part in parts)
    assert split(text, LIMIT, format) == parts


@given(st.text())
def test_the_estimate_is_never_below_a_third_of_the_bytes(text):
    size = len(text.encode(errors="replace")) if text.isascii() else None

    assert size is None or estimate_tokens(text) * 3 >= size
