"""From a request to the bytes that are sent: one pure function, steered by what the model accepts."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from ..types import Function, Message, Request, Structure
from .models import Family

Json = dict[str, object]

_BOUNDS = frozenset(
    {
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "uniqueItems",
    }
)

BREAKPOINT = "prompt_cache_breakpoint"
STORED = frozenset({"store", "metadata"})
"""Sent together or not at all: OpenAI refuses metadata of what is not stored."""


def encode(request: Request, family: Family, structure: Structure | None, cap: int | None = None) -> bytes:
    """Return the JSON body; `structure` says how `request.function` is asked for, None that it is not.

    `cap` is a lower cap on completion tokens than the request's own.

    Raises:
        TypeError: a text is not valid Unicode (a lone surrogate).
    """
    messages = request.messages
    if structure == "json_object" and request.function is not None:
        messages = _stating_schema(messages, request.function)
    body: Json = {"model": request.model, "messages": [_message(message, family) for message in messages]}
    body |= _answer_form(request, family, structure)
    body |= _parameters(request, family, cap or cap_tokens(request, family))
    for name in family.refused:
        body.pop(name, None)
    return orjson.dumps(body)


def encode_decisions(request: Request, family: Family) -> bytes:
    """Return the JSON body of a request for decisions: each predicate is a question about all messages together.

    There is nothing to cap, to sample or to hold in shape.

    Raises:
        TypeError: a text is not valid Unicode (a lone surrogate).
    """
    body: Json = {
        "model": request.model,
        "input": [{"role": message.role, "content": message.whole} for message in request.messages],
        "questions": [
            {"type": "predicate", "name": predicate.name, "instructions": predicate.text}
            for predicate in request.predicates
        ],
    }
    body |= _cache(request, family)
    for name in family.refused:
        body.pop(name, None)
    return orjson.dumps(body)


def cap_tokens(request: Request, family: Family) -> int:
    """Return the most completion tokens, reasoning included, that the request as sent can be billed for."""
    return request.max_completion_tokens + family.reasoning_allowance_tokens


def _parameters(request: Request, family: Family, cap: int) -> Json:
    found: Json = {family.cap_parameter: cap, **family.parameters}
    if request.temperature is not None and family.sampling:
        found["temperature"] = request.temperature
    found |= _cache(request, family)
    if family.service_tier is not None:
        found["service_tier"] = family.service_tier
    if request.metadata is not None and family.refused.isdisjoint(STORED):
        found |= {"store": True, "metadata": dict(request.metadata)}
    return found


def _cache(request: Request, family: Family) -> Json:
    """Say where the prompt cache is, and that it is only written where a breakpoint says so."""
    found: Json = {}
    if request.cache_key is not None and family.cache_key:
        found["prompt_cache_key"] = request.cache_key
    if family.cache == "explicit":
        found["prompt_cache_options"] = {"mode": "explicit"}
    return found


def _answer_form(request: Request, family: Family, structure: Structure | None) -> Json:
    function = request.function
    if function is None or structure is None:
        return {}
    if structure == "json_object":
        return {"response_format": {"type": "json_object"}}
    schema = function.parameters if family.bounds else unbounded(function.parameters)
    described: Json = {"name": function.name, "description": function.description, "strict": True}
    if structure == "json_schema":
        return {"response_format": {"type": "json_schema", "json_schema": {**described, "schema": schema}}}
    return {
        "tools": [{"type": "function", "function": {**described, "parameters": schema}}],
        "tool_choice": {"type": "function", "function": {"name": function.name}},
        "parallel_tool_calls": False,
    }


def _message(message: Message, family: Family) -> Json:
    """Return one message; a shared prefix becomes a part of its own, which ends in a cache breakpoint."""
    if not message.shared or family.cache != "explicit" or BREAKPOINT in family.refused:
        return {"role": message.role, "content": message.whole}
    whole = message.whole
    head, tail = whole[: message.shared], whole[message.shared :]
    parts: list[Json] = [{"type": "text", "text": head, BREAKPOINT: {"mode": "explicit"}}]
    if tail:
        parts.append({"type": "text", "text": tail})
    return {"role": message.role, "content": parts}


def _stating_schema(messages: tuple[Message, ...], function: Function) -> tuple[Message, ...]:
    *first, last = messages
    schema = orjson.dumps(function.parameters).decode()
    stated = (
        f"{last.whole}\n\nReply with one JSON object that is valid under this JSON schema, and nothing else:\n{schema}"
    )
    return (*first, Message(last.role, stated, last.shared))


def unbounded(schema: Mapping[str, object]) -> Json:
    """Return a JSON schema without the bounds that strict function tools do not take (lengths, ranges, patterns)."""
    return {name: _unbounded_value(name, value) for name, value in schema.items() if name not in _BOUNDS}


def _unbounded_value(name: str, value: object) -> object:
    """Go down where schemas nest; beneath `properties` and `$defs` the keys are names of the user's, not keywords."""
    if isinstance(value, Mapping):
        if name in {"properties", "$defs"}:
            return {key: unbounded(part) if isinstance(part, Mapping) else part for key, part in value.items()}
        return unbounded(value)
    if isinstance(value, list | tuple) and name in {"anyOf", "allOf", "oneOf", "prefixItems"}:
        return [unbounded(part) if isinstance(part, Mapping) else part for part in value]
    return value
