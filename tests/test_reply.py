from __future__ import annotations

import json
import sys
from pathlib import Path
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qloragen.domain.reply import TypeAnswer, read_types
from qloragen.types import InstructionType

GIVEN_REPLIES = Path(__file__).resolve().parents[2] / "shared" / "data" / "classify_replies.jsonl"
OWN_REPLIES = Path(__file__).with_name("replies.jsonl")

NAMES = (
    ("summarise-section", "Summarise a section", "Summarize a section of the article"),
    ("wider-field", "Place in the wider field", "Describe or summarize the impact of the article"),
    ("caveats", "Caveats and cautions", "Explain any Caveats or Cautions noted in the Article"),
    ("configuration-options", "Configuration options", "Clarify Configuration Options"),
    ("explain-feature", "Explain a feature", "Explain the feature / Summarize the Feature"),
    ("technical-concept", "Explain a technical concept", "Explain a technical concept"),
    ("analyse-code-example", "Analyse a code example", "Analyze and Summarize a Code Example"),
    ("compare-and-contrast", "Compare and contrast", "Compare and Contrast two entities in the article"),
    ("practical-advice", "Practical advice", "Provide Practical Advice"),
    ("judge-effect", "Judge the effect", "Summarize the impact"),
    ("integration-effects", "Effects of integration", "Describe Integration impacts"),
    ("compatible-technologies", "Compatible technologies", "Describe compatible technologies"),
    ("use-case", "Practical use case", "Describe a practical use case for this tool"),
    ("implementation-steps", "Step-by-step implementation", "Help me implement a tool"),
)


def an_instruction_type(number: int, slug: str, name: str, *aliases: str) -> InstructionType:
    return InstructionType(number, slug, name, always=number < 3, applies_when="", guidance="", aliases=tuple(aliases))


TYPES = tuple(an_instruction_type(number, *names) for number, names in enumerate(NAMES, start=1))

Row = dict[str, str | list[int] | None]


def rows_of(path: Path) -> list[Row]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cases_of(path: Path) -> list[object]:
    return [pytest.param(row, id=f"{line} {row['note']}") for line, row in enumerate(rows_of(path), start=1)]


# --------------------------------------------------------------------------------------------------------- tables


@pytest.mark.skipif(not GIVEN_REPLIES.exists(), reason="the shared table of replies is not here")
def test_the_given_table_is_there():
    assert len(rows_of(GIVEN_REPLIES)) == 90


@pytest.mark.parametrize("row", cases_of(GIVEN_REPLIES))
def test_a_reply_of_the_given_table_is_read_right(row: Row):
    answer = read_types(str(row["reply"]), TYPES)

    assert list(answer.types) == row["types"]


@pytest.mark.parametrize("row", cases_of(OWN_REPLIES))
def test_a_reply_of_our_own_table_is_read_right_or_refused(row: Row):
    answer = read_types(str(row["reply"]), TYPES)

    assert (list(answer.types) if answer.readable else None) == row["types"]


@pytest.mark.parametrize("reply", ["None of the types apply.", '{"types": []}', "0", "N/A"])
def test_none_is_an_answer(reply: str):
    assert read_types(reply, TYPES) == TypeAnswer((), readable=True)


@pytest.mark.parametrize("reply", ["1-20", "125", "1.5", "...", "", "I cannot access the article."])
def test_a_reply_that_says_nothing_certain_is_unreadable(reply: str):
    assert read_types(reply, TYPES) == TypeAnswer((), readable=False)


# ------------------------------------------------------------------------------------------------------ other packs

SPARSE = (
    an_instruction_type(3, "risks", "Risks"),
    an_instruction_type(20, "costs", "Costs and licences"),
    an_instruction_type(101, "roadmap", "Roadmap of the project"),
)


@pytest.mark.parametrize(
    ("reply", "types"),
    [
        ("3, 20", (3, 20)),
        ("1, 2, 101", (101,)),
        ("Types 3 through 101", (3, 20, 101)),
        ("All except 20", (3, 101)),
        ("Risks; Roadmap of the project", (3, 101)),
        ("1. Risks\n2. Costs and licences\n3. Roadmap of the project", (3, 20, 101)),
        ('{"3": true, "20": false, "101": true}', (3, 101)),
    ],
)
def test_a_pack_may_number_and_name_its_types_as_it_likes(reply: str, types: tuple[int, ...]):
    assert read_types(reply, SPARSE) == TypeAnswer(types, readable=True)


def test_a_name_that_two_types_share_is_settled_by_the_number():
    twins = (an_instruction_type(1, "one", "Explain it"), an_instruction_type(2, "two", "Explain it"))

    alone = read_types("Explain it", twins)
    numbered = read_types("2. Explain it", twins)

    assert not alone.readable
    assert numbered.types == (2,)


def test_an_empty_pack_has_no_types_to_read():
    assert read_types("1, 2", ()).types == ()


# ------------------------------------------------------------------------------------------------------- properties

FRAGMENTS = (
    "1", "2", "14", "15", "125", "0", "4.1", "9/10", "95%", "#46", "2021-05-03", "CVE-2021-44521", "one",
    "IV", "①", "１",
    ", ", " ", "\n", "\n\n", "; ", ". ", ": ", " - ", "-", "..", "/", "|", "(", ")", "[", "]", "{", "}", '"', "'", "`",
    "```json\n", "**", "<think>", "</think>", "<types>", "</types>", "[x] ", "[ ] ", "✓", "❌", "=", "&",
    "+", "\\", "_",
    "not", "except", "all", "none", "does not apply", "apply", "yes", "no", "types", "Type ", "Answer: ",
    "Types: ", "to",
    "Summarize the impact", "Explain a technical concept", "practical advice", "nodes", "because", "but",
    "true", "null",
    '{"types": [', '"id": ', "https://a.b/1", "\ud800", "\x00", "\u202e", "é", "🙂", "maybe", "however", "Note: ",
)  # fmt: skip
numbers = st.lists(st.integers(1, 14), min_size=1, max_size=14, unique=True)


@settings(deadline=None, max_examples=400)
@given(st.one_of(st.text(), st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join)))
@example("{" * 3000)
@example("(" * 3000 + "1" + ")" * 3000)
@example("1" * 10_000)
def test_any_text_is_read_as_sorted_unique_numbers_of_the_pack(reply: str):
    answer = read_types(reply, TYPES)

    assert set(answer.types) <= set(range(1, 15))
    assert list(answer.types) == sorted(set(answer.types))
    assert answer.readable or answer.types == ()


@settings(deadline=None)
@given(
    chosen=numbers,
    separator=st.sampled_from([", ", ",", " ", "; ", "\n", "/", " | ", " and ", " & ", "+", ", and ", "\t", "\r\n"]),
    brackets=st.sampled_from(
        ["{}", "[{}]", "({})", "**{}**", "`{}`", '"{}"', "```\n{}\n```", " {}.", "<answer>{}</answer>"]
    ),
    label=st.sampled_from(
        ["", "Types: ", "Answer: ", "Classification: ", "Final answer: ", "The types are: ", "type=", "I choose "]
    ),
    width=st.integers(1, 3),
)
def test_separators_brackets_labels_order_and_padding_make_no_difference_to_a_list(
    chosen: list[int], separator: str, brackets: str, label: str, width: int
):
    reply = label + brackets.format(separator.join(f"{number:0{width}}" for number in chosen))

    answer = read_types(reply, TYPES)

    assert answer == TypeAnswer(tuple(sorted(chosen)), readable=True)


@settings(deadline=None)
@given(
    chosen=st.lists(st.integers(1, 14), min_size=1, max_size=13, unique=True),
    template=st.sampled_from(["{name}", "{number}. {name}", "- {name}", "Type {number}: {name}", '"{name}",']),
    which=st.integers(1, 2),
)
def test_a_list_of_names_reads_to_their_numbers(chosen: list[int], template: str, which: int):
    lines = [template.format(number=number, name=NAMES[number - 1][which]) for number in chosen]

    answer = read_types("\n".join(lines), TYPES)

    assert answer == TypeAnswer(tuple(sorted(chosen)), readable=True)


@settings(deadline=None)
@given(chosen=st.lists(st.integers(1, 14), min_size=1, max_size=13, unique=True), which=st.integers(1, 2))
def test_names_beat_running_numbers(chosen: list[int], which: int):
    reply = "\n".join(f"{line}. {NAMES[number - 1][which]}" for line, number in enumerate(chosen, start=1))

    answer = read_types(reply, TYPES)

    assert answer == TypeAnswer(tuple(sorted(chosen)), readable=True)


@settings(deadline=None)
@given(
    denied=st.lists(st.integers(1, 14), min_size=1, max_size=13, unique=True),
    template=st.sampled_from(
        ["All except {}", "All types but not {}", "1-14, excluding {}", "All types apply. {} do not."]
    ),
)
def test_what_is_excepted_from_all_is_left_out(denied: list[int], template: str):
    answer = read_types(template.format(", ".join(map(str, denied))), TYPES)

    assert answer == TypeAnswer(tuple(sorted(set(range(1, 15)) - set(denied))), readable=True)


@settings(deadline=None)
@given(chosen=st.lists(st.integers(1, 14), min_size=1, unique=True), cut=st.integers(0, 2))
def test_json_and_its_cut_off_form_read_alike(chosen: list[int], cut: int):
    reply = json.dumps({"types": chosen})

    answer = read_types(reply[: len(reply) - cut], TYPES)

    assert answer == TypeAnswer(tuple(sorted(chosen)), readable=True)


# ------------------------------------------------------------------------------------------------------------- time


def calls_made(reply: str) -> int:
    """Count the function calls that reading takes, C functions included."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read_types(reply, TYPES)
    finally:
        sys.setprofile(before)
    return calls


HOSTILE = (
    "1,", "1-", "(", "[1", '{"a":', "(7 not)", "not 1 ", "1? ", "1. x\n", "1: yes ", "describe the article, ",
    "<think>", "answer: 1 ", "Explain a technical concept - 1 ", "1 because a ", "I, ", "🙂",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_twice_the_text_takes_about_twice_the_steps(unit: str):
    once = calls_made((unit * 3000)[:3000])
    twice = calls_made((unit * 6000)[:6000])

    assert twice < 2.5 * once + 1000


@pytest.mark.parametrize("unit", ["1,", "(1", "describe the article, "])
def test_a_reply_of_a_hundred_kilobytes_takes_bounded_steps(unit: str):
    assert calls_made((unit * 100_000)[:100_000]) < 2_000_000
