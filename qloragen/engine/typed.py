"""Answers of a type of the caller's own: any pydantic model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..errors import RequestFailed
from ..types import Completion, Function, Request

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer(Generic[Model]):
    """A paid reply and what it says, as a value of the caller's type."""

    completion: Completion
    found: Model | None
    """None when the reply does not say what it should."""
    problem: str = ""
    """What is wrong then, without the reply's own words."""

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
    """
    schema = _strict(model.model_json_schema())
    return Function(model.__name__, (model.__doc__ or model.__name__).strip(), schema)


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


def _strict(schema: object) -> dict[str, object]:
    strict = _walk(schema)
    assert isinstance(strict, dict)
    return strict


def _walk(schema: object) -> object:
    if isinstance(schema, list):
        return [_walk(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    walked = {name: _walk(part) for name, part in schema.items() if name not in {"default", "title"}}
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        # Beneath `properties` the keys are names of the caller's, not keywords.
        walked["properties"] = {name: _walk(part) for name, part in properties.items()}
        walked["required"] = list(properties)
        walked["additionalProperties"] = False
    return walked
