"""Strict schemas, as the API insists on them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.plans import body, finished, provider, refusal

TEXT = {"type": "string"}


def closed(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def tool(schema: dict[str, Any], *, strict: bool = True) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", "strict": strict, "parameters": schema}}]}


def form(schema: dict[str, Any], *, strict: bool = True) -> dict[str, Any]:
    described = {"name": "f", "strict": strict, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


OPEN = {**closed(a=TEXT), "additionalProperties": True}
OPTIONAL = {**closed(a=TEXT, b=TEXT), "required": ["a"]}


@pytest.mark.parametrize("schema", [OPEN, OPTIONAL, {"type": "object"}])
def test_a_strict_schema_must_be_closed_and_require_all(schema):
    plans = [finished(provider(), body(**asked(schema))) for asked in (tool, form)]

    assert refusal(plans[0]) == (400, "invalid_function_parameters", "tools[0].function.parameters")
    assert refusal(plans[1]) == (400, "invalid_json_schema", "response_format")


def test_the_fault_is_named_with_its_place():
    plan = finished(provider(), body(**tool(closed(list={"type": "array", "items": OPTIONAL}))))

    assert orjson.loads(plan.body)["error"]["message"] == (
        "Invalid schema for function 'f': In context=('properties', 'list', 'items'), 'required' is required to be "
        "supplied and to be an array including every key in properties. Missing 'b'."
    )


@pytest.mark.parametrize("within", ["anyOf", "$defs"])
def test_schemas_within_schemas_must_be_strict_too(within):
    inner: object = {"X": OPEN} if within == "$defs" else [OPEN]
    schema = closed(a={within: inner}) if within == "anyOf" else {**closed(a=TEXT), within: inner}

    assert finished(provider(), body(**tool(schema))).status == 400


@pytest.mark.parametrize("asked", [tool(closed(a=TEXT)), tool(OPEN, strict=False), form(closed(a=closed(b=TEXT)))])
def test_other_schemas_are_taken(asked):
    assert finished(provider(), body(**asked)).status == 200
