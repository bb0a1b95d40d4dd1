"""Any schema that a user of the simulated provider asks for is filled; no body makes it fail."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, create_model

from qloragen.simulator.answers import answer


def chat(text: str, **more: object) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": text}], **more}


class Color(enum.StrEnum):
    RED = "red"
    GREEN = "green"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    label: Annotated[str, Field(max_length=12)]
    children: list[Tree]
    parent: Tree | None


LEAVES = st.sampled_from(
    [
        str,
        int,
        float,
        bool,
        None,
        Color,
        Cat,
        Tree,
        date,
        datetime,
        UUID,
        Decimal,
        Literal["a", "b", 3],
        Annotated[str, Field(min_length=40)],
        Annotated[str, Field(max_length=7)],
        Annotated[str, Field(min_length=3, max_length=3)],
        Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")],
        Annotated[int, Field(gt=3, lt=5)],
        Annotated[int, Field(le=-7)],
        Annotated[int, Field(ge=10, multiple_of=7)],
        Annotated[float, Field(gt=0, lt=1)],
        Annotated[float, Field(ge=0.25, le=0.25)],
        Annotated[Cat | Dog, Field(discriminator="kind")],
    ]
)


def list_of(kind: Any) -> Any:
    return list[kind]


def few_of(kind: Any) -> Any:
    return Annotated[list[kind], Field(min_length=2, max_length=4)]


def dict_of(kind: Any) -> Any:
    return dict[str, kind]


def perhaps(kind: Any) -> Any:
    return Optional[kind]  # noqa: UP045


def pair_of(kinds: tuple[Any, Any]) -> Any:
    return tuple.__class_getitem__(kinds)


def model_of(kinds: tuple[Any, Any]) -> Any:
    return create_model("Pair", first=(kinds[0], ...), second=(kinds[1], ...))


KINDS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        *(inner.map(form) for form in (list_of, few_of, dict_of, perhaps)),
        *(st.tuples(inner, inner).map(form) for form in (pair_of, model_of)),
    ),
    max_leaves=5,
)
QUESTION = "Tell me about hinted handoff. A coordinator keeps a hint for a node that is down. It is replayed later."


def answers_in_all_forms(model: type[BaseModel], text: str) -> Iterator[str]:
    schema = model.model_json_schema()
    tool = {"type": "function", "function": {"name": "give", "parameters": schema}}
    choice = {"type": "function", "function": {"name": "give"}}
    called = answer(chat(text, tools=[tool], tool_choice=choice))
    assert called.function == "give"
    described = {"name": "give", "schema": schema, "strict": True}
    written = answer(chat(text, response_format={"type": "json_schema", "json_schema": described}))
    stated = f"{text}\n\nReply with one JSON object under this JSON schema:\n{json.dumps(schema)}"
    found = answer(chat(stated, response_format={"type": "json_object"}))
    for said in (called.arguments, written.text, found.text):
        assert said is not None
        yield said


@settings(max_examples=150)
@given(st.lists(KINDS, min_size=1, max_size=4), st.text(max_size=60))
def test_any_pydantic_model_is_filled_validly(kinds, text):
    fields: dict[str, Any] = {f"field_{at}": (kind, ...) for at, kind in enumerate(kinds)}
    model = create_model("Wanted", **fields)

    for said in answers_in_all_forms(model, f"{QUESTION} {text}"):
        model.model_validate_json(said)


def test_texts_in_a_filled_schema_come_from_the_prompt():
    model = create_model("Wanted", reason=(str, ...))

    said = [json.loads(text)["reason"] for text in answers_in_all_forms(model, QUESTION)]

    assert all(reason.rstrip(".") in QUESTION for reason in said[:2])


def test_unique_items_and_all_of_and_references_are_kept():
    schema = {
        "$defs": {"N": {"type": "integer", "minimum": 1, "maximum": 3}, "A": {"properties": {"a": {"type": "null"}}}},
        "allOf": [{"$ref": "#/$defs/A"}, {"properties": {"b": {"$ref": "#/$defs/N"}}, "required": ["b"]}],
        "properties": {"c": {"type": "array", "items": {"$ref": "#/$defs/N"}, "minItems": 3, "uniqueItems": True}},
    }
    body = chat(QUESTION, response_format={"type": "json_schema", "json_schema": {"schema": schema}})

    made = json.loads(answer(body).text or "")

    assert made["a"] is None
    assert made["b"] in (1, 2, 3)
    assert len(made["c"]) == len(set(made["c"])) >= 2


# --------------------------------------------------------------------------------------------------------- odd bodies

TEXTS = st.one_of(
    st.text(max_size=30), st.sampled_from(["user", "<a>\nx\n</a>", "1. A: b\n2. C: d", "[1]\nOne.", "\ud800"])
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=12,
)
WORDS = st.sampled_from(
    [
        *("type", "properties", "items", "anyOf", "oneOf", "allOf", "$ref", "$defs", "enum", "const", "required"),
        *("minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "multipleOf", "uniqueItems"),
        *("prefixItems", "additionalProperties", "propertyNames", "minProperties", "pattern", "format"),
    ]
)
TYPES = st.sampled_from(
    ["object", "array", "string", "integer", "number", "boolean", "null", "#", "#/$defs/a", "email"]
)
SCHEMAS = st.recursive(
    st.one_of(TYPES, JSON),
    lambda inner: st.one_of(st.dictionaries(WORDS, inner, max_size=6), st.lists(inner, max_size=3)),
    max_leaves=20,
)
MESSAGES = st.lists(st.one_of(JSON, st.fixed_dictionaries({"role": TEXTS, "content": JSON})), max_size=4)
BODIES = st.fixed_dictionaries({}, optional={"model": JSON, "messages": st.one_of(MESSAGES, JSON), "seed": JSON})


@settings(max_examples=200)
@given(
    st.fixed_dictionaries({}, optional={"model": JSON, "messages": st.one_of(MESSAGES, JSON), "seed": JSON}), SCHEMAS
)
def test_no_body_however_odd_raises(body, schema):
    function = {"type": "function", "function": {"name": "give", "parameters": schema}}
    forms: list[Mapping[str, object]] = [
        {},
        {"tools": [function], "tool_choice": schema},
        {"tools": schema},
        {"response_format": {"type": "json_schema", "json_schema": {"schema": schema}}},
        {"response_format": {"type": "json_object"}},
        {"response_format": schema},
    ]

    for form in forms:
        said = answer({**body, **form})

        assert (said.text is None) == (said.function is not None) == (said.arguments is not None)


def test_a_schema_without_an_end_is_filled_as_far_as_it_goes():
    deep: dict[str, object] = {"type": "string"}
    for _ in range(500):
        deep = {"type": "array", "items": deep, "minItems": 1}
    endless = {"type": "object", "properties": {"me": {"$ref": "#"}, "too": {"$ref": "#"}}, "required": ["me", "too"]}
    circle = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    wide = {"type": "array", "items": {"type": "string", "minLength": 10**9}, "minItems": 10**9}

    for schema in (deep, endless, circle, wide):
        body = chat(QUESTION, response_format={"type": "json_schema", "json_schema": {"schema": schema}})
        assert len(answer(body).text or "") < 10_000_000
