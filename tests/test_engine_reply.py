"""From the bytes of a reply to a completion."""

from __future__ import annotations

from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.pricing import Price
from qloragen.engine.reply import UnreadableReply, decode
from qloragen.testing import reply
from qloragen.types import Completion, ReplyForm, Usage


def decoded(body: object, structure: ReplyForm | None = None, price: Price | None = None) -> Completion:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return decode(raw, model="m", structure=structure, price=price)


def choice(finish_reason: object = "stop", **message: object) -> dict[str, object]:
    return {"choices": [{"message": message, "finish_reason": finish_reason}]}


def call(arguments: object) -> dict[str, object]:
    return {"type": "function", "function": {"name": "record", "arguments": arguments}}


def test_a_plain_reply_has_text_and_no_arguments():
    completion = decoded(reply("1, 2").body)

    assert (completion.text, completion.arguments, completion.finish_reason) == ("1, 2", None, "stop")


def test_the_first_of_several_tool_calls_counts():
    completion = decoded(choice("tool_calls", content=None, tool_calls=[call('{"a":1}'), call('{"a":2}')]), "tools")

    assert completion.arguments == '{"a":1}'


def test_arguments_that_are_an_object_become_json_text():
    assert decoded(choice(tool_calls=[call({"a": 1})]), "tools").arguments == '{"a":1}'


def test_text_that_looks_like_a_call_is_only_text():
    completion = decoded(choice(content='record({"a": 1})'), "tools")

    assert completion.arguments is None
    assert completion.text == 'record({"a": 1})'


def test_with_a_response_format_the_content_is_the_answer():
    assert decoded(choice(content='{"a":1}'), "json_schema").arguments == '{"a":1}'
    assert decoded(choice(content=None), "json_object").arguments is None


def test_content_in_parts_is_joined():
    assert decoded(choice(content=[{"type": "text", "text": "a"}, {"type": "text", "text": "b"}])).text == "ab"


def test_a_refusal_is_kept():
    assert decoded(choice(content=None, refusal="I will not."), "tools").refusal == "I will not."


@pytest.mark.parametrize(
    "body",
    [{"choices": []}, {"choices": [{}]}, {"choices": [None]}, choice(None, content=None), choice(tool_calls=[])],
)
def test_what_a_paid_reply_may_lack_is_decoded_not_refused(body):
    completion = decoded(body, "tools")

    assert (completion.text, completion.arguments, completion.usage) == ("", None, Usage())


def test_no_choices_has_the_finish_reason_none():
    assert decoded({"choices": []}).finish_reason == "none"


def test_every_kind_of_token_is_read():
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 30},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }

    assert decoded({**choice(content="x"), "usage": usage}).usage == Usage(100, 64, 30, 20, 5)


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": None}, {"prompt_tokens": "7"}, {"prompt_tokens": -7}])
def test_a_bill_that_says_nothing_is_no_bill_and_its_cost_is_unknown(usage):
    price = Price(Decimal(1), Decimal(1))

    completion = decoded({**choice(content="x"), "usage": usage}, price=price)

    assert completion.usage == Usage()
    assert completion.cost_usd is None


def test_the_cost_is_by_the_tier_that_served():
    price = Price(Decimal(2), Decimal(4), tiers={"flex": Price(Decimal(1), Decimal(2))})
    body = {**choice(content="x"), "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 0}}

    assert decoded({**body, "service_tier": "flex"}, price=price).cost_usd == 1
    assert decoded({**body, "service_tier": "default"}, price=price).cost_usd == 2
    assert decoded(body).cost_usd is None


def test_a_tier_that_is_known_otherwise_wins_over_the_one_that_the_reply_names():
    price = Price(Decimal(2), Decimal(4), tiers={"batch": Price(Decimal(1), Decimal(2))})
    body = {**choice(content="x"), "usage": {"prompt_tokens": 1_000_000}, "service_tier": "default"}

    told, said = (
        decode(orjson.dumps(body), model="m", structure=None, price=price, tier=tier) for tier in ("batch", None)
    )

    assert (told.tier, told.cost_usd) == ("batch", Decimal(1))
    assert (said.tier, said.cost_usd) == ("default", Decimal(2))
    assert decoded(choice(content="x")).tier is None


DECISIONS = {
    "answers": [{"type": "predicate", "name": "t1", "probability": 0.75}, {"type": "refusal", "name": "t2"}],
    "usage": {
        "input_tokens": 1_000_000,
        "input_tokens_details": {"cached_tokens": 600_000, "cache_write_tokens": 100},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
    },
}


def test_decisions_are_a_list_of_answers_paid_for_as_decisions():
    price = Price(Decimal(2), Decimal(4), tiers={"decisions": Price(Decimal(1), Decimal(0))})

    completion = decoded(DECISIONS, "decisions", price)

    assert orjson.loads(completion.arguments or "") == DECISIONS["answers"]
    assert (completion.text, completion.finish_reason, completion.refusal) == ("", "stop", None)
    assert completion.usage == Usage(1_000_000, 600_000, 100, 0, 0)
    assert (completion.tier, completion.cost_usd) == ("decisions", Decimal(1))


@pytest.mark.parametrize("answers", [[], [None], [{"type": "refusal", "name": None}], ["no"]])
def test_decisions_of_any_kind_are_decoded_for_they_are_paid_for(answers):
    completion = decoded({**DECISIONS, "answers": answers}, "decisions")

    assert orjson.loads(completion.arguments or "") == answers
    assert completion.usage.prompt_tokens == 1_000_000


@pytest.mark.parametrize("body", [{}, {"answers": None}, {"answers": [], "error": {}}, choice(content="1")])
def test_what_holds_no_decisions_is_unreadable_as_such(body):
    with pytest.raises(UnreadableReply):
        decoded(body, "decisions")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"error":{"message":"x"}}',
        b'{"choices":{}}',
        b'{"choices":[',
    ],
)
def test_what_is_no_chat_completion_is_unreadable(body):
    with pytest.raises(UnreadableReply):
        decoded(body)


def test_a_lone_surrogate_does_not_cost_the_reply():
    completion = decoded(b'{"choices":[{"message":{"content":"a\\ud800b"},"finish_reason":"stop"}]}')

    assert completion.text == "a?b"
    completion.text.encode("utf-8")


def test_a_decoded_reply_reads_the_same_from_its_own_body():
    first = decoded(reply(arguments='{"a":1}').body, "tools")

    assert decode(first.body, model="m", structure="tools") == first


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "tool_calls", "function", "arguments", "usage", "error"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json, st.sampled_from(["tools", "json_schema", "decisions", None]))
def test_any_json_is_a_completion_or_unreadable(body, structure):
    try:
        completion = decoded({"choices": [body], "answers": [body], "usage": body}, structure)
    except UnreadableReply:
        return

    assert all(count >= 0 for count in completion.usage)


@given(st.binary())
def test_any_bytes_are_a_completion_or_unreadable(body):
    with pytest.raises(UnreadableReply):
        decoded(body)
