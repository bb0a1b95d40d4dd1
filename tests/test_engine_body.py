"""From a request to the bytes that are sent, by what each family accepts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.body import encode, encode_decisions, unbounded
from qloragen.engine.models import Family, family, overridden, without
from qloragen.errors import SettingsError
from qloragen.types import Function, Message, Predicate, Request

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "maxLength": {"type": "string", "maxLength": 40, "description": "minimum"},
        "evidence": {"type": "array", "maxItems": 3, "items": {"type": "integer", "minimum": 1, "maximum": 9}},
        "either": {"anyOf": [{"type": "string", "pattern": "a+"}, {"type": "null"}]},
        "kind": {"type": "string", "enum": ["minimum", "pattern"]},
    },
    "required": ["maxLength", "evidence", "either", "kind"],
    "additionalProperties": False,
}
FUNCTION = Function("record", "Write it down.", SCHEMA)
MESSAGES = (Message("system", "Be brief."), Message("user", "The article. The task.", shared=12))


def body_of(model, structure=None, *, using=None, **fields):
    request = Request(model, MESSAGES, 300, FUNCTION, **fields)
    return orjson.loads(encode(request, using or family(model), structure))


def test_a_tool_is_forced_strict_and_alone():
    body = body_of("gpt-6-luna", "tools")

    assert body["tool_choice"] == {"type": "function", "function": {"name": "record"}}
    assert body["parallel_tool_calls"] is False
    assert [tool["function"]["strict"] for tool in body["tools"]] == [True]
    assert "response_format" not in body


def test_a_json_schema_is_strict_and_named():
    body = body_of("x", "json_schema")

    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"] == {
        "name": "record",
        "description": "Write it down.",
        "strict": True,
        "schema": SCHEMA,
    }
    assert "tools" not in body


def test_a_json_object_states_the_schema_at_the_end_of_the_last_message():
    body = body_of("x", "json_object")

    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][-1]["content"].startswith("The article. The task.\n\n")
    assert body["messages"][-1]["content"].endswith(orjson.dumps(SCHEMA).decode())


def test_reasoning_is_switched_off_in_so_many_words_where_it_forbids_tools():
    assert body_of("gpt-6-luna", "tools")["reasoning_effort"] == "none"
    assert body_of("gpt-5.6-sol")["reasoning_effort"] == "none"
    assert "reasoning_effort" not in body_of("gpt-4o")


def test_where_thinking_cannot_be_switched_off_the_cap_makes_room_for_it():
    assert body_of("gpt-6-astra")["max_completion_tokens"] == 300 + family("gpt-6-astra").reasoning_allowance_tokens
    assert family("gpt-6-astra").structure == "json_schema"
    assert body_of("gpt-6-luna")["max_completion_tokens"] == 300


def test_an_unknown_server_gets_nothing_but_what_all_servers_know():
    body = body_of("llama-3", temperature=0.2, cache_key="k")

    assert set(body) == {"model", "messages", "max_tokens", "temperature"}
    assert all(isinstance(message["content"], str) for message in body["messages"])


def test_explicit_caches_get_one_breakpoint_after_the_shared_text():
    body = body_of("gpt-6-luna", cache_key="k")

    head, tail = body["messages"][1]["content"]
    assert head == {"type": "text", "text": "The article.", "prompt_cache_breakpoint": {"mode": "explicit"}}
    assert tail == {"type": "text", "text": " The task."}
    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert body["prompt_cache_key"] == "k"


def test_implicit_cache_writes_are_switched_off_even_with_nothing_to_share():
    request = Request("gpt-6-luna", (Message("user", "hello"),), 10)

    body = orjson.loads(encode(request, family("gpt-6-luna"), None))

    assert body["prompt_cache_options"] == {"mode": "explicit"}
    assert body["messages"] == [{"role": "user", "content": "hello"}]


def test_a_wholly_shared_message_is_one_part():
    request = Request("gpt-6-luna", (Message("user", "hello", shared=5),), 10)

    body = orjson.loads(encode(request, family("gpt-6-luna"), None))

    assert len(body["messages"][0]["content"]) == 1


def test_sampling_parameters_go_only_to_models_that_take_them():
    assert body_of("gpt-6-luna", temperature=0.0)["temperature"] == 0.0
    assert "temperature" not in body_of("o3", temperature=0.0)


def test_bounds_are_left_out_for_strict_tools_and_names_and_values_are_not():
    schema = body_of("gpt-6-luna", "tools")["tools"][0]["function"]["parameters"]

    assert schema["properties"]["maxLength"] == {"type": "string", "description": "minimum"}
    assert schema["properties"]["evidence"] == {"type": "array", "items": {"type": "integer"}}
    assert schema["properties"]["either"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert schema["properties"]["kind"] == SCHEMA["properties"]["kind"]
    assert schema["required"] == SCHEMA["required"]


schemas = st.recursive(
    st.fixed_dictionaries({"type": st.just("string")}, optional={"maxLength": st.integers(0, 9), "pattern": st.text()}),
    lambda inner: st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(st.text(min_size=1, max_size=3), inner, max_size=3)}
    ),
    max_leaves=8,
)


@given(schemas)
def test_leaving_out_bounds_twice_is_leaving_them_out_once(schema):
    assert unbounded(unbounded(schema)) == unbounded(schema)


def test_what_a_model_turned_out_to_refuse_is_not_sent():
    learned = family("gpt-6-luna")
    for name in ("temperature", "prompt_cache_options", "prompt_cache_breakpoint"):
        learned = without(learned, name) or learned

    body = body_of("gpt-6-luna", using=learned, temperature=0.0)

    assert not {"temperature", "prompt_cache_options"} & body.keys()
    assert body["messages"][1]["content"] == "The article. The task."


def test_a_refused_cap_is_called_by_its_other_name_and_never_dropped():
    renamed = without(family("x"), "max_tokens")
    assert renamed is not None

    assert body_of("x", using=renamed)["max_completion_tokens"] == 300
    assert "max_tokens" not in body_of("x", using=renamed)
    assert without(renamed, "max_completion_tokens") is None


def test_the_service_tier_is_sent_when_it_is_set():
    flex = overridden(family("gpt-6-luna"), {"service_tier": "flex"})

    assert body_of("gpt-6-luna", using=flex)["service_tier"] == "flex"


def test_a_refused_service_tier_is_asked_for_no_more_and_so_not_paid_for_either():
    flex = overridden(family("gpt-6-luna"), {"service_tier": "flex"})

    ordinary = without(flex, "service_tier")

    assert ordinary is not None
    assert ordinary.service_tier is None
    assert "service_tier" not in body_of("gpt-6-luna", using=ordinary)


def test_decisions_ask_about_all_messages_at_once_and_cap_and_sample_nothing():
    request = Request(
        "gpt-6-luna",
        (Message("system", "Judge."), Message("user", "The article.", shared=4)),
        max_completion_tokens=1,
        predicates=(Predicate("t1", "It has steps."), Predicate("t2", "It has code.")),
        temperature=0.5,
        cache_key="k",
        metadata={"run": "r"},
    )
    flex = overridden(family("gpt-6-luna"), {"service_tier": "flex"})

    assert orjson.loads(encode_decisions(request, flex)) == {
        "model": "gpt-6-luna",
        "input": [{"role": "system", "content": "Judge."}, {"role": "user", "content": "The article."}],
        "questions": [
            {"type": "predicate", "name": "t1", "instructions": "It has steps."},
            {"type": "predicate", "name": "t2", "instructions": "It has code."},
        ],
        "prompt_cache_key": "k",
        "prompt_cache_options": {"mode": "explicit"},
    }
    bare = without(replace(flex, cache="none"), "prompt_cache_key")
    assert bare is not None
    assert orjson.loads(encode_decisions(request, bare)).keys() == {"model", "input", "questions"}


def test_decisions_are_known_of_one_model_and_may_be_set_for_others():
    assert [name for name in ("gpt-6-luna", "gpt-6-sol", "gpt-5.6-luna", "x") if family(name).decisions] == [
        "gpt-6-luna"
    ]
    assert overridden(family("x"), {"decisions": True}).decisions


# ------------------------------------------------------------------------------------------------------ the table


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-6-luna", "gpt-6-luna"),
        ("openai/gpt-6-luna-2026-09-01", "gpt-6-luna"),
        ("gpt-6-sol-2026-09-01", "gpt-6"),
        ("GPT-6.1-Terra", "gpt-6"),
        ("openai/gpt-5.6-luna", "gpt-6"),
        ("gpt-6-astra", "gpt-6-reasoning"),
        ("gpt-6.2-astra", "gpt-6-reasoning"),
        ("gpt-6.1-sol", "gpt-6-reasoning"),
        ("gpt-5.4-mini", "gpt-5.1"),
        ("gpt-5-mini", "gpt-5"),
        ("o3", "o-series"),
        ("gpt-4.1-mini", "gpt-4.1"),
        ("ft:gpt-4o-mini:acme::1", "gpt-4o"),
        ("gpt-oss-20b", "default"),
        ("meta/llama-3.1-8b", "default"),
        ("", "default"),
    ],
)
def test_a_name_finds_its_family(model, name):
    assert family(model).name == name


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"structure": "xml"}, "structure"),
        ({"context_tokens": "many"}, "context_tokens"),
        ({"service_tier": "golden"}, "golden"),
    ],
)
def test_an_override_that_cannot_be_is_named(changes, named):
    with pytest.raises(SettingsError, match=named):
        overridden(family("gpt-6-luna"), changes)


def test_an_override_changes_only_what_it_names():
    changed = overridden(family("x"), {"structure": "json_schema", "parameters": {"seed": 7}})

    assert changed == replace(family("x"), structure="json_schema", parameters={"seed": 7})


def test_parameters_of_an_override_are_added_to_those_that_the_family_needs():
    changed = overridden(family("gpt-6-luna"), {"parameters": {"seed": 7}})

    assert changed.parameters == {"reasoning_effort": "none", "seed": 7}


def test_a_default_family_is_the_cautious_one():
    assert family("anything") == Family("default")
