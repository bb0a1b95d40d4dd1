"""What strict mode asks of a schema: every object closed, and every property required (OpenAI, structured outputs)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from . import refusals
from .effects import Json
from .refusals import Refusal

_NAMED, _LISTED, _SINGLE = ("properties", "$defs", "definitions"), ("anyOf", "allOf", "oneOf"), ("items",)


def refused_by_strictness(body: Json) -> Refusal | None:
    """Return what the API says of the strict schemas of a request, if one of them is not."""
    for number, tool in enumerate(_list(body.get("tools"))):
        function = _dict(_dict(tool).get("function"))
        if function.get("strict") is True and (fault := _fault(function.get("parameters"))):
            where, code = f"tools[{number}].function.parameters", "invalid_function_parameters"
            message = f"Invalid schema for function '{function.get('name')}': {fault}"
            return refusals.invalid(message, param=where, code=code)
    asked = _dict(_dict(body.get("response_format")).get("json_schema"))
    if asked.get("strict") is True and (fault := _fault(asked.get("schema"))):
        message = f"Invalid schema for response_format '{asked.get('name')}': {fault}"
        return refusals.invalid(message, param="response_format", code="invalid_json_schema")
    return None


def _fault(schema: object) -> str | None:
    waiting: list[tuple[tuple[str, ...], Mapping[str, object]]] = [((), _dict(schema))]
    while waiting:
        context, part = waiting.pop()
        if fault := _openness(part):
            return f"In context={context}, {fault}"
        waiting += [((*context, *step), _dict(inner)) for step, inner in _parts(part)]
    return None


def _openness(part: Mapping[str, object]) -> str | None:
    if part.get("type") != "object" and "properties" not in part:
        return None
    if part.get("additionalProperties") is not False:
        return "'additionalProperties' is required to be supplied and to be false."
    required = _list(part.get("required"))
    missing = next((name for name in _dict(part.get("properties")) if name not in required), None)
    if missing is None:
        return None
    return (
        "'required' is required to be supplied and to be an array including every key in properties. "
        f"Missing '{missing}'."
    )


def _parts(part: Mapping[str, object]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the schemas within a schema, with the way to each."""
    for key in _NAMED:
        yield from (((key, name), inner) for name, inner in _dict(part.get(key)).items())
    for key in _LISTED:
        yield from (((key, str(number)), inner) for number, inner in enumerate(_list(part.get(key))))
    yield from (((key,), part[key]) for key in _SINGLE if key in part)


def _dict(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
