"""Forms of training data: what an example's row holds, and what a form has no place for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.pack import render_training
from qloragen.export import FORMS, Example, ExportError, Form, Prompt, form_of, tagged
from qloragen.packs import load_pack

from .training import CHAT, EXAMPLE, TEMPLATE, examples

QUESTION = "Summarise compaction.\n\n  throughput: 64"


def form(name: str, system: str | None = None, template: str = TEMPLATE, eos: str = "") -> Form:
    return form_of(name, system=system, prompt=Prompt(template, eos=eos))


def test_alpaca_has_the_three_fields_and_nothing_else():
    row = form("alpaca").row(EXAMPLE)

    assert row == {
        "instruction": "Summarise compaction.",
        "input": "  throughput: 64",
        "output": "It merges SSTables.",
    }


def test_messages_are_instruction_blank_line_input_then_output():
    row = form("messages").row(EXAMPLE)

    assert row == {
        "messages": [
            {"role": "user", "content": QUESTION},
            {"role": "assistant", "content": "It merges SSTables."},
        ]
    }


def test_without_an_input_the_user_says_the_instruction_alone():
    row = form("sharegpt").row(Example(instruction="a", input="", output="b"))

    assert row == {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}


def test_sharegpt_says_the_same_under_its_own_names():
    row = form("sharegpt", system="Be brief.").row(EXAMPLE)

    assert row == {
        "conversations": [
            {"from": "system", "value": "Be brief."},
            {"from": "human", "value": QUESTION},
            {"from": "gpt", "value": "It merges SSTables."},
        ]
    }


@pytest.mark.parametrize("name", ["messages", "openai"])
def test_a_chat_of_general_data_keeps_its_turns_and_its_own_system_message(name):
    row = form(name, system="Be brief.").row(CHAT)

    assert row == {
        "messages": [
            {"role": "system", "content": "Talk like a pirate."},
            {"role": "user", "content": "Hello."},
            {"role": "assistant", "content": "Ahoy!"},
            {"role": "user", "content": "And now?"},
            {"role": "assistant", "content": "We sail."},
        ]
    }


@pytest.mark.parametrize("name", ["alpaca", "text", "prompt-completion"])
def test_a_form_of_one_question_has_no_row_for_a_chat_with_earlier_turns(name):
    assert form(name).row(CHAT) is None


def test_a_system_message_of_general_data_goes_before_an_alpaca_instruction():
    row = form("alpaca").row(EXAMPLE.model_copy(update={"system": "Be brief."}))

    assert row
    assert row["instruction"] == "Be brief.\n\nSummarise compaction."


@pytest.mark.parametrize("name", ["text", "prompt-completion"])
def test_a_system_message_of_general_data_goes_before_the_prompt(name):
    plain = form(name).row(EXAMPLE)
    row = form(name).row(EXAMPLE.model_copy(update={"system": "Be brief."}))

    assert plain
    assert row
    assert "".join(map(str, row.values())) == "Be brief.\n\n" + "".join(map(str, plain.values()))


def test_text_is_the_template_filled_in_with_the_end_marker_and_the_eos_token():
    row = form("text", template="[$instruction] $$5\n${input}\n>\n${output}\n<end>\n", eos="</s>").row(EXAMPLE)

    assert row == {"text": "[Summarise compaction.] $5\n  throughput: 64\n>\nIt merges SSTables.\n<end></s>"}


def test_prompt_and_completion_are_cut_where_the_answer_begins():
    row = form("prompt-completion", eos="</s>").row(EXAMPLE)

    assert row == {
        "prompt": "### Instruction:\nSummarise compaction.\n\n### Context:\n  throughput: 64\n\n### Response:\n",
        "completion": "It merges SSTables.\n\n### End</s>",
    }


def test_an_example_without_an_answer_is_no_completion():
    assert form("prompt-completion").row(Example(instruction="a", input="b", output=" \n")) is None


def test_the_default_pack_has_a_template_for_every_form():
    pack = load_pack()

    for name in FORMS:
        assert form_of(name, system=None, prompt=Prompt(pack.training, pack.variables)).row(EXAMPLE)


@given(examples())
def test_text_is_what_packs_render_whatever_the_fields_hold(example):
    pack = load_pack()
    prompt = Prompt(pack.training, pack.variables)

    expected = render_training(pack, example.instruction, example.input, example.output)

    assert prompt.whole(example) == (f"{example.system}\n\n" if example.system else "") + expected


@given(examples(), st.sampled_from(["", "</s>"]))
def test_prompt_and_completion_are_together_the_text_and_meet_at_a_line_end(example, eos):
    cut, whole = form("prompt-completion", eos=eos).row(example), form("text", eos=eos).row(example)

    assert (whole is None) == bool(example.earlier)
    assert (cut is None) == (whole is None or not example.output)
    if cut and whole:
        prompt, completion = str(cut["prompt"]), str(cut["completion"])
        assert prompt + completion == whole["text"]
        assert prompt.endswith("\n")
        assert completion == completion.lstrip()


@given(examples(), st.sampled_from(FORMS), st.booleans())
def test_a_row_has_the_columns_of_its_form_in_their_order(example, name, tag):
    chosen = tagged(form(name)) if tag else form(name)

    row = chosen.row(example)

    if row is not None:
        assert list(row) == list(chosen.columns)
        for column, kind in chosen.columns.items():
            assert isinstance(row[column], str if kind == "text" else list)


@given(examples())
def test_a_chat_says_all_that_an_example_holds(example):
    row = form("messages").row(example)

    assert row
    assert isinstance(row["messages"], list)
    said = [message["content"] for message in row["messages"]]
    assert said[bool(example.system) : -2] == [turn.text for turn in example.earlier]
    assert said[-2] in (f"{example.instruction}\n\n{example.input}", example.instruction or example.input)
    assert said[-1] == example.output
    assert not example.system or said[0] == example.system


def test_a_tag_says_where_an_example_comes_from():
    own = tagged(form("alpaca")).row(EXAMPLE)
    general = tagged(form("alpaca")).row(Example(instruction="a", input="", output="b", source="dolly"))

    assert own
    assert general
    assert (own["source"], general["source"]) == ("qloragen", "dolly")


def test_rows_for_openai_have_no_tag():
    assert tagged(form("openai")).row(EXAMPLE) == form("openai").row(EXAMPLE)


def test_a_tag_gives_no_row_to_what_has_none():
    assert tagged(form("text")).row(CHAT) is None


@pytest.mark.parametrize("name", ["alpaca", "text", "prompt-completion"])
def test_a_form_without_a_place_for_a_system_message_refuses_one(name):
    with pytest.raises(
        ExportError, match=f"The format {name} has no system message; leave it out, or use messages, sharegpt, openai"
    ):
        form(name, system="Be brief.")


def test_an_unknown_format_is_told_with_those_there_are():
    with pytest.raises(ExportError, match="There is no format chatml; the formats are alpaca, text, prompt-completion"):
        form("chatml")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("${instruction}\n${input}\n", r"^t\.md does not use \$\{output\}, which it has to\.$"),
        ("${instruction}\n${output}", r"^t\.md does not use \$\{input\}, which it has to\.$"),
        ("${output}", r"^t\.md does not use \$\{instruction\}.* t\.md does not use \$\{input\}.*$"),
        ("${instruction}${input}\n5 $ a\n${output}", r'^t\.md has a "\$" that starts no variable .*, in line 2\.$'),
        ("${instruction}${input}${topic}${output}", r'^t\.md uses the unknown variable "topic" \(known here: field, '),
        ("${input}\n${output}\n${instruction}", r"^t\.md uses \$\{instruction\} after the first \$\{output\}, where"),
        ("${instruction}${input}\n$output$output", r"^t\.md uses \$\{output\} after the first \$\{output\}, where"),
    ],
)
def test_a_mistake_in_a_template_is_one_sentence(template, problem):
    with pytest.raises(ExportError, match=problem):
        Prompt(template, {"field": "databases"}, name="t.md")


def test_a_template_may_use_the_variables_that_are_given_and_fields_cannot_bring_in_others():
    prompt = Prompt("About ${field}: ${instruction}\n${input}\n${output}\n(${field})", {"field": "databases"})

    text = prompt.whole(Example(instruction="${field}", input="$$ $x", output="${output}"))

    assert text == "About databases: ${field}\n$$ $x\n${output}\n(databases)"


@pytest.mark.parametrize("template", ["${instruction} ${input} [/INST] ${output}", "${instruction}${input}${output}"])
def test_a_template_whose_answer_begins_no_line_makes_text_but_no_prompt_and_completion(template):
    assert form("text", template=template).row(EXAMPLE)
    with pytest.raises(ExportError, match=r"begin a line with \$\{output\}, or export as text"):
        form("prompt-completion", template=template)
