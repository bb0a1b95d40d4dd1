"""What OpenAI would refuse, or cut off, is said before anything is uploaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.export import Example, ExportError, OpenAiRules, Prompt, Row, form_of
from qloragen.export.openai_rules import LEAST_EXAMPLES, MOST_BYTES, MOST_TOKENS, refuse_container

from .training import CHAT, EXAMPLE, TEMPLATE, examples

FORM = form_of("openai", system=None, prompt=Prompt(TEMPLATE))


def words(text: str) -> int:
    return len(text.split())


def row(example: Example = EXAMPLE) -> Row:
    made = FORM.row(example)
    assert made
    return made


def said(*messages: tuple[str, str]) -> Row:
    return {"messages": [{"role": role, "content": content} for role, content in messages]}


@given(st.lists(examples(), min_size=LEAST_EXAMPLES, max_size=LEAST_EXAMPLES + 3))
def test_rows_of_the_openai_form_keep_the_rules_unless_a_text_is_empty(found):
    rules = OpenAiRules(words)
    full = [
        example
        for example in (*found, *[CHAT] * LEAST_EXAMPLES)
        if example.output and (example.instruction or example.input) and all(turn.text for turn in example.earlier)
    ]

    for example in full:
        rules.look(row(example), example)

    rules.end()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ({}, "messages: Field required"),
        ({"messages": "a"}, "messages: Input should be a valid list"),
        ({**said(("user", "a"), ("assistant", "b")), "source": "x"}, "source: Extra inputs are not permitted"),
        (said(("user", ""), ("assistant", "b")), r"messages\.0\.content: String should have at least 1 character"),
        (said(("user", "a"), ("assistant", "")), r"messages\.1\.content: String should have at least 1 character"),
        (said(("human", "a"), ("assistant", "b")), r"messages\.0\.role: Input should be 'system', 'user' or"),
        ({"messages": [{"role": "user", "content": "a", "mood": "b"}]}, r"messages\.0\.mood: Extra inputs"),
        ({"messages": [{"role": "user"}]}, r"messages\.0\.content: Field required"),
        ({"messages": []}, "does not end with an answer"),
        (said(("user", "a"), ("assistant", "b"), ("user", "c")), "does not end with an answer"),
        (said(("system", "a"), ("user", "b")), "does not end with an answer"),
    ],
)
def test_a_line_that_breaks_a_rule_is_an_error_that_names_the_example(line, problem):
    example = EXAMPLE.model_copy(update={"id": "dolly:17"})

    with pytest.raises(ExportError, match=rf"^The example 'dolly:17' .*{problem}.*; leave it out or mend it\.$"):
        OpenAiRules(words).look(line, example)


def test_fewer_than_ten_examples_are_too_few():
    rules = OpenAiRules(words)
    for _ in range(9):
        rules.look(row(), EXAMPLE)

    with pytest.raises(
        ExportError, match="OpenAI trains on 10 examples or more, and there would be 9; make more records"
    ):
        rules.end()

    rules.look(row(), EXAMPLE)
    rules.end()


def test_an_example_that_would_be_cut_off_is_an_error_that_says_how_to_leave_such_out():
    fits = EXAMPLE.model_copy(update={"instruction": "a " * (MOST_TOKENS - 5), "id": "7"})
    long = EXAMPLE.model_copy(update={"instruction": "a " * (MOST_TOKENS - 4), "id": "8"})
    rules = OpenAiRules(words)

    rules.look(row(fits), fits)

    with pytest.raises(ExportError, match=r"'8' has 65,537 tokens, .* by `--max-tokens 65536`"):
        rules.look(row(long), long)


def test_tokens_of_short_examples_are_not_counted():
    counted: list[str] = []

    def count(text: str) -> int:
        counted.append(text)
        return words(text)

    rules = OpenAiRules(count)
    short = EXAMPLE.model_copy(update={"input": "x" * 65_000})
    long = EXAMPLE.model_copy(update={"input": "x" * 66_000})

    rules.look(row(short), short)
    assert counted == []

    rules.look(row(long), long)
    assert counted == [f"{EXAMPLE.instruction}\n\n{long.input}", EXAMPLE.output]


def test_a_file_larger_than_openai_takes_is_an_error_at_the_example_with_which_it_is():
    big = EXAMPLE.model_copy(update={"input": "x" * 50_000_000, "id": "b"})
    rules = OpenAiRules(words)
    line = row(big)
    for _ in range(MOST_BYTES // 50_000_200):
        rules.look(line, big)

    with pytest.raises(
        ExportError, match="'b', number 11, would make the file larger than the 512 MB that OpenAI takes"
    ):
        for _ in range(2):
            rules.look(line, big)


@pytest.mark.parametrize(
    ("container", "out"), [("json", "a.json"), ("parquet", "a.parquet"), ("jsonl", "a.jsonl.gz"), ("json", None)]
)
def test_what_openai_takes_no_upload_of_is_refused(container, out):
    with pytest.raises(ExportError, match=r"name a file that ends in \.jsonl, or export as messages"):
        refuse_container(container, Path(out) if out else None)


@pytest.mark.parametrize("out", ["a.jsonl", "a", None])
def test_json_lines_are_taken(out):
    refuse_container("jsonl", Path(out) if out else None)
