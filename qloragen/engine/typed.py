"""Answers of a type of the caller's own: any pydantic model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import RequestFailed, SettingsError
from ..types import Completion, Function, Request

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Model]):
    """A paid reply and what it says, as a value of the caller's type."""

    completion: Completion
    found: Model | None
    """None when the reply does not say what it should."""
    problem: str = ""
    """What is wrong then: the place in the answer and the rule, without its values."""

    @property
    def value(self) -> Model:
        """Return the value.

        Raises:
            RequestFailed: there is none.
        """
        if self.found is None:
            raise RequestFailed(
                f"{self.completion.model}: invalid_answer ({self.problem}).", reason="invalid_answer", final=False
            )
        return self.found


def asking_for(request: Request, model: type[BaseModel]) -> Request:
    """Return `request` with the model's schema as the form of its answer."""
    return replace(request, function=function_for(model))


@cache
def function_for(model: type[BaseModel]) -> Function:
    """Return the function whose arguments are a value of `model`: its name, its docstring and its strict JSON schema.

    Strict means that every property is required and no other is allowed, as OpenAI's structured outputs demand
    (developers.openai.com/api/docs/guides/structured-outputs); optional fields may be null.

    Raises:
        SettingsError: no strict schema can say what the model takes: it has no fields of its own, or fields that are
            dicts or anything at all.
    """
    schema = model.model_json_schema()
    strict = _walk(_rooted(schema), model.__name__)
    assert isinstance(strict, dict)
    if strict.get("type") != "object":
        raise SettingsError(f"{model.__name__} has no fields, so it cannot be an answer; put it in a field of a model.")
    name = re.sub(r"[^\w-]+", "_", model.__name__, flags=re.ASCII).strip("_")[:64]
    return Function(name or "answer", (model.__doc__ or model.__name__).strip(), strict)


def answer_of(completion: Completion, model: type[Model]) -> Answer[Model]:
    """Read a completion, of a request for `function_for(model)`, as a value of `model`."""
    if completion.arguments is None:
        return Answer(completion, None, f"the reply ended with {completion.finish_reason!r} and without an answer")
    try:
        return Answer(completion, model.model_validate_json(completion.arguments))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return Answer(completion, None, f"{place}: {first['msg']}" if place else first["msg"])
    except Exception as error:  # noqa: BLE001 - validators are anybody's code, and the reply was paid for
        return Answer(completion, None, f"a validator of {model.__name__} raised {type(error).__name__}")


_NAMED = ("properties", "$defs")
"""Beneath these the keys are names of the caller's, not keywords."""
_LEFT_OUT = frozenset({"default", "title", "discriminator"})


def _rooted(schema: Mapping[str, object]) -> Mapping[str, object]:
    """Return a schema whose root is no reference, as that of a recursive model is."""
    reference, definitions = schema.get("$ref"), schema.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, Mapping):
        return schema
    root = definitions[reference.rsplit("/", 1)[-1]]
    return {**root, "$defs": definitions}


def _walk(schema: object, where: str) -> object:
    if isinstance(schema, list):
        return [_walk(part, where) for part in schema]
    return _walked(schema, where) if isinstance(schema, Mapping) else schema


def _walked(schema: Mapping[str, object], where: str) -> dict[str, object]:
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}  # nothing may stand beside it
    _check_free(schema, where)
    walked = {
        "anyOf" if keyword == "oneOf" else keyword: _walk_named(part, where)
        if keyword in _NAMED
        else _walk(part, where)
        for keyword, part in schema.items()
        if keyword not in _LEFT_OUT
    }
    if schema.get("type") == "object":
        properties = walked.get("properties")
        named = properties if isinstance(properties, dict) else {}
        walked |= {"properties": named, "required": list(named)}
        walked["additionalProperties"] = False
    return walked


def _walk_named(parts: object, where: str) -> object:
    if not isinstance(parts, Mapping):
        return parts
    return {name: _walk(part, f"{where}.{name}") for name, part in parts.items()}


def _check_free(schema: Mapping[str, object], where: str) -> None:
    """Refuse what may hold anything: strict schemas name every key."""
    anything = not schema.keys() - _LEFT_OUT - {"description"}
    if anything or schema.get("additionalProperties", False) is not False:
        raise SettingsError(
            f"{where} may hold any keys or values, which a strict schema cannot say; give it a model of its own."
        )
