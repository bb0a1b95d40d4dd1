"""What judging is made of: replies, quotes, controls, families, and the arithmetic of agreement."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.domain.article_block import lay_out
from qloragen.domain.checks import Case, facts_of, inspect
from qloragen.domain.judging import asking, reading
from qloragen.domain.judging.agreement import Agreement
from qloragen.domain.judging.controls import BAD, READ_TO_BE_FOUND, bad, chance, good, surroundings
from qloragen.domain.judging.families import families, kinship
from qloragen.domain.judging.text import Told, hash_of, is_quoted, laid_out, text_hash, told_of
from qloragen.domain.planting import KINDS, Clean
from qloragen.judging.result import Assessment
from qloragen.thresholds import Thresholds
from qloragen.types import Article, Completion, Draft, Function, Invalid, Usage

from .judges import PACK, QUESTIONS, articles, records_of

TYPES = {kind.slug: kind for kind in PACK.types}
CLEANS = [
    Clean(Draft(one.instruction, one.input, one.output), article, TYPES[one.type_slug], PACK, one.input_mode)
    for article in articles()
    for one in records_of(article)
]
CLEANS = [replace(clean, others=surroundings(CLEANS, place)) for place, clean in enumerate(CLEANS)]
DRAFT = Draft("How is data deleted?", "Tombstones mark deleted data for 10 days.", "It is marked by tombstones.")
ARTICLE = "# Deleting\n\nTombstones mark deleted data for 10 days. Then `compaction` drops it."


def completion(arguments: str | None, **changes: object) -> Completion:
    fields: dict[str, object] = {
        "text": "",
        "arguments": arguments,
        "finish_reason": "stop",
        "refusal": None,
        "usage": Usage(),
        "model": "m",
        "structure": "tools",
        "cost_usd": None,
        "body": b"",
    }
    return Completion(**{**fields, **changes})  # type: ignore[arg-type] # any field may be changed


def answered(**quotes_of_noes: str) -> str:
    answers = {
        name: {"quote": quotes_of_noes.get(name, "anything"), "yes": name not in quotes_of_noes} for name in QUESTIONS
    }
    return orjson.dumps(answers).decode()


# ----------------------------------------------------------------------------------------------------------- replies


def test_a_reply_is_read_into_an_answer_and_a_quote_for_each_question():
    found = reading.read(completion(answered(supported="for 10 days")), QUESTIONS, DRAFT, ARTICLE)

    assert not isinstance(found, Invalid)
    assert tuple(found) == QUESTIONS
    assert [name for name, verdict in found.items() if not verdict.yes] == ["supported"]


@pytest.mark.parametrize(
    ("reply", "reason", "final"),
    [
        (completion(None, text="I like it."), "no_call", False),
        (completion("  "), "no_call", False),
        (completion("{"), "schema", False),
        (completion("[]"), "schema", False),
        (completion('{"fits": true}'), "schema", False),
        (completion('{"fits": {"quote": "a", "yes": true}}'), "schema", False),
        (completion(answered().replace('"yes":true', '"yes":"yes"', 1)), "schema", False),
        (completion(answered()[:-1] + ',"other":{"quote":"","yes":true}}'), "schema", False),
        (completion("x" * 30_000), "schema", False),
        (completion(answered(fits="")), "quote", False),
        (completion(answered(fits="...")), "quote", False),
        (completion(answered(fits="words that are nowhere")), "quote", False),
        (completion(answered(), finish_reason="length"), "truncated", False),
        (completion(None, finish_reason="content_filter"), "content_filter", True),
        (completion(None, refusal="No."), "refusal", True),
    ],
)
def test_each_reply_that_is_no_judgement_has_its_reason(reply, reason, final):
    found = reading.read(reply, QUESTIONS, DRAFT, ARTICLE)

    assert isinstance(found, Invalid)
    assert (found.reason, found.final) == (reason, final)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*QUESTIONS, "quote", "yes", "x"]), inner),
)


@given(st.none() | st.text() | JSON.map(lambda value: orjson.dumps(value).decode()))
def test_no_reply_whatever_it_holds_makes_reading_fail(arguments):
    assert isinstance(reading.read(completion(arguments), QUESTIONS, DRAFT, ARTICLE), Invalid)


@pytest.mark.parametrize(
    "quote",
    [
        "mark deleted data",
        "TOMBSTONES  mark",
        '"deleted data for 10 days."',
        "Tombstones ... 10 days",
        "`compaction` drops",
    ],
)
def test_a_quote_may_differ_in_case_blanks_marks_and_gaps(quote):
    assert is_quoted(quote, DRAFT.input, ARTICLE)


@pytest.mark.parametrize(
    ("quote", "text"),
    [
        ("use nodetool here", "use <code>nodetool</code> here"),
        ("see the guide for more", "see [the guide](https://example.org/a) for more"),
        ("see the guide for more", "see link:https://example.org[the guide] for more"),
        ("reads & writes", "reads &amp; writes"),
        ("caf\u00e9 \ufb01ne", "“Cafe\u0301’s” cafe\u0301 fine"),
        ("“deleted—data”", 'the "deleted - data"'),
        ("<code>nodetool</code>", "use <code>nodetool</code> here"),
    ],
)
def test_a_quote_may_be_of_the_text_as_it_is_written_or_as_it_is_read(quote, text):
    assert is_quoted(quote, text)


@pytest.mark.parametrize("quote", ["", "  ", "…", "20 days", "Tombstones ... 20 days"])
def test_what_stands_nowhere_is_no_quote(quote):
    assert not is_quoted(quote, DRAFT.input, ARTICLE)


def test_parts_of_one_quote_do_not_come_from_two_texts():
    assert not is_quoted("alpha ... omega", "alpha beta", "psi omega")


# ----------------------------------------------------------------------------------------------------------- prompts


@given(st.text(max_size=200), st.text(max_size=200))
def test_a_record_cannot_close_the_tags_that_it_stands_between(instruction, output):
    draft = Draft(instruction, "</record-00000000>", output)

    text = laid_out(draft)

    opening = text.partition("\n")[0]
    assert opening.startswith("<record-")
    assert text.count(opening[1:-1]) == 2


def test_prompts_about_one_article_begin_alike_and_say_what_was_wrong_at_their_end():
    block, told = lay_out(Article("a", ARTICLE)), Told("Advice", "Say what to do.")
    first = asking.request(block, DRAFT, told, PACK, "m")
    other = asking.request(
        block,
        replace(DRAFT, output="It is not."),
        told,
        PACK,
        "m",
        complaints=[Invalid("quote", "That quote is none.")],
    )

    shared = first.messages[-1].shared
    assert first.messages[0] == other.messages[0]
    assert first.messages[-1].whole[:shared] == other.messages[-1].whole[:shared]
    assert first.function == other.function
    assert "- That quote is none." in other.messages[-1].whole
    assert asking.alone(first).messages[-1].shared == 0
    assert asking.alone(first).cache_key is None


def test_the_function_asks_for_a_quote_before_each_answer_in_a_strict_form():
    function: Function = asking.function(PACK.judge)

    assert function.parameters["required"] == list(QUESTIONS)
    properties = function.parameters["properties"]
    assert isinstance(properties, dict)
    assert all(list(one["properties"]) == ["quote", "yes"] for one in properties.values())
    assert all(one["additionalProperties"] is False for one in properties.values())


def test_another_wording_is_another_judge():
    questions = {**PACK.judge.questions, "fits": "It is of its type."}
    other = replace(PACK, judge=replace(PACK.judge, questions=questions))

    assert asking.fingerprint(other) != asking.fingerprint(PACK)
    assert asking.fingerprint(replace(PACK, name="other")) == asking.fingerprint(PACK)


def test_blanks_around_an_output_which_exports_leave_out_make_no_other_text():
    assert text_hash("a", "b", " c\n") == hash_of(Draft("a", "b", "c"))
    assert text_hash("a", "b", "c") != text_hash("a", "bc", "")


# ---------------------------------------------------------------------------------------------------------- controls


def test_kinds_that_others_plant_are_all_there():
    assert {kind.name for kind in KINDS} >= READ_TO_BE_FOUND
    assert set(BAD) == READ_TO_BE_FOUND | {"another question", "invented claim", "wrong type"}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_every_kind_can_be_made_and_is_the_same_every_time(kind):
    made = [control for clean in CLEANS if (control := bad(clean, "seed", [kind]))]
    again = [control for clean in CLEANS if (control := bad(clean, "seed", [kind]))]

    assert len(made) >= 5
    assert made == again
    assert all(control.planted and control.kind == kind for control in made)


def test_a_bad_control_differs_from_its_record_in_text_or_type():
    for clean in CLEANS:
        for kind in BAD:
            control = bad(clean, "seed", [kind])
            if control:
                assert (hash_of(control.draft), control.told) != (hash_of(clean.draft), told_of(clean.type))
                assert control.draft.input == clean.draft.input


def test_a_kind_that_is_not_possible_gives_way_to_the_next():
    alone = replace(CLEANS[0], others=())

    assert bad(alone, "seed", ["another question"]) is None
    found = bad(alone, "seed", ["another question", "wrong type"])
    assert found is not None
    assert found.kind == "wrong type"


def test_good_controls_give_a_statement_of_their_input_word_for_word_and_ask_for_it():
    made = [(clean, control) for clean in CLEANS if (control := good(clean, chance("seed")))]

    assert len(made) >= len(CLEANS) // 2
    for _, control in made:
        assert control.draft.output in " ".join(control.draft.input.split())
        assert " ".join(control.draft.output.split()[:6]) in control.draft.instruction
        assert control.told.name == PACK.judge.quotation_name
        assert not control.planted


def test_a_good_control_says_nothing_that_the_article_does_not_say():
    """The input that a model has written may be wrong itself."""
    for clean in CLEANS:
        made_up = "The default value of this important option has been raised to forty minutes by the operators. "
        written = replace(clean, draft=replace(clean.draft, input=made_up * 2), mode="written")

        control = good(written, chance("seed"))

        assert control is None or control.draft.output in " ".join(control.draft.input.split())
        assert control is None or is_quoted(control.draft.output, clean.article.content)
    made = [good(replace(clean, draft=replace(clean.draft, input="x")), chance("seed")) for clean in CLEANS]
    assert sum(map(bool, made)) >= len(CLEANS) // 2


def test_the_records_around_one_are_others():
    assert surroundings(CLEANS[:1], 0) == []
    assert surroundings(CLEANS[:3], 2) == [CLEANS[0], CLEANS[1]]


def test_what_only_a_reader_finds_mostly_passes_the_checks():
    """Else the controls would say nothing about the records that a judge is asked about."""
    passed = made = 0
    for clean in CLEANS:
        for kind in ("another question", "wrong type"):
            control = bad(clean, "seed", [kind])
            if control:
                case = Case(control.draft, facts_of(clean.article), clean.type, PACK, clean.mode, Thresholds())
                made += 1
                passed += not inspect(case).defects

    assert passed > made / 4


# ---------------------------------------------------------------------------------------------------------- families


@pytest.mark.parametrize(
    ("model", "other", "family"),
    [
        ("gpt-6-luna", "openai/gpt-5.1", "gpt"),
        ("o4-mini", "gpt-6-luna", "gpt"),
        ("gpt-oss-120b", "chatgpt-4o-latest", "gpt"),
        ("claude-sonnet-5", "anthropic/claude-haiku", "claude"),
        ("meta-llama/Llama-4-Scout", "llama3.1:8b", "llama"),
        ("Qwen/Qwen3-32B", "qwq-32b", "qwen"),
        ("mistral-large", "mixtral-8x22b", "mistral"),
        ("gemini-3-pro", "google/gemma-3-27b", "gemini"),
        ("deepseek-r1-distill-llama-70b", "llama-4", "llama"),
        ("my-model-v1", "my-other", "my"),
        ("smollm2-135m", "SmolLM3", "smollm"),
        ("ft:gpt-4o-mini:acme::abc", "azure/gpt-35-turbo", "gpt"),
        ("/models/Qwen2.5-7B-Instruct-Q4_K_M.gguf", "ollama/qwen3:8b", "qwen"),
        ("us.anthropic.claude-3-5-haiku-v1:0", "sonnet-4.5", "claude"),
    ],
)
def test_relatives_are_known_by_their_names(model, other, family):
    assert kinship(model, other) == kinship(other, model) == family


@pytest.mark.parametrize(
    ("model", "other"),
    [
        ("gpt-6-luna", "claude-sonnet-5"),
        ("qwen3-32b", "llama-4"),
        ("gemini-3-pro", "mistral-large"),
        ("alpha-1", "beta-1"),
        ("phi-4", "philosopher"),
        ("command-r", "gpt-6"),
        ("ollama/gemma3", "llama-4"),
        ("/opt/llama.cpp/mistral-7b.gguf", "meta-llama/Llama-4"),
        ("ollama/qwen3", "ollama/mistral"),
    ],
)
def test_strangers_are_no_relatives(model, other):
    assert kinship(model, other) is None


@given(st.text(min_size=1))
def test_every_model_has_a_family_and_is_its_own_relative(model):
    assert families(model)
    assert kinship(model, model) is not None


# --------------------------------------------------------------------------------------------------------- agreement


def counted(caught: int, missed: int, passed: int, alarms: int) -> Agreement:
    found = Agreement()
    for accepted, planted, times in (
        (False, True, caught),
        (True, True, missed),
        (True, False, passed),
        (False, False, alarms),
    ):
        for _ in range(times):
            found.add("kind", planted=planted, accepted=accepted)
    return found


COUNTS = st.tuples(*[st.integers(0, 30)] * 4)


@given(COUNTS)
def test_recall_precision_and_kappa_are_as_the_textbook_has_them(counts):
    caught, missed, passed, alarms = counts
    found, whole = counted(*counts), sum(counts)

    assert found.controls == whole
    assert found.recall == (caught / (caught + missed) if caught + missed else None)
    assert found.precision == (caught / (caught + alarms) if caught + alarms else None)
    if not whole:
        assert found.kappa is None
        return
    agreed = Fraction(caught + passed, whole)
    chance = Fraction((caught + missed) * (caught + alarms) + (passed + alarms) * (passed + missed), whole**2)
    assert found.kappa == (pytest.approx(float((agreed - chance) / (1 - chance))) if chance < 1 else None)


def test_kappa_is_that_of_the_textbook():
    """Of 50 proposals two readers accept 20 both, refuse 15 both, and differ in 5 and 10: 0.4 (J. Cohen, 1960)."""
    assert counted(caught=20, missed=5, passed=15, alarms=10).kappa == pytest.approx(0.4)


def refusal(caught: int, missed: int, passed: int, alarms: int, min_recall: float = 0.8) -> str | None:
    agreement = counted(caught, missed, passed, alarms)
    return Assessment(Path("run"), "m", 0, 0, 0, {}, agreement, min_recall, None).refusal


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ((16, 4, 20, 0), None),
        ((15, 5, 20, 0), "m found 15 of 20 planted defects (75.0 %), and 80.0 % are asked for"),
        ((80, 20, 10, 10), None),
        ((79, 21, 20, 0), "m found 79 of 100 planted defects (79.0 %)"),
        ((20, 0, 9, 11), "m refused 11 of 20 controls without a defect"),
        ((16, 0, 4, 0), None),
        ((15, 0, 20, 0), "m has judged 15 planted defects, and it takes 16"),
        ((20, 0, 0, 0), "m has judged 0 controls without a defect, and it takes 4"),
        ((20, 0, 3, 0), "m has judged 3 controls without a defect, and it takes 4"),
    ],
)
def test_a_judge_is_believed_from_the_recall_on_that_is_asked_for_and_if_it_was_seen_to_accept(counts, why):
    found = refusal(*counts)

    assert found is None if why is None else found is not None and found.startswith(why)


@given(st.integers(1, 20), st.integers(1, 40))
def test_a_recall_that_is_exactly_what_is_asked_for_is_enough(fifths, times):
    caught, of = 4 * fifths * times, 5 * fifths * times

    assert of < 16 or refusal(caught, of - caught, 20, 0) is None
