"""Engines for tests: models whose limits never bind, and scripts that answer by what a request says."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import anyio

from qloragen.engine.engine import Engine
from qloragen.engine.models import family
from qloragen.engine.spec import ModelSpec
from qloragen.errors import (
    RequestFailed,
    RunStopped,
)
from qloragen.testing import Answer, Body, ScriptedClient, reply
from qloragen.types import Completion, Function, Message, Request

FUNCTION = Function("answer", "Answer.", {"type": "object", "properties": {}, "additionalProperties": False})


def spec(name: str = "m", /, **fields: Any) -> ModelSpec:
    """Return a model whose limits are so high that they never bind, unless given; then nothing has to be found out."""
    return ModelSpec(name, family(name), **{"rpm": 10**9, "tpm": 10**12, **fields})


def request_for(model: str = "m", text: str = "hello", *, cap: int = 50, function: Function | None = None) -> Request:
    return Request(model, (Message("user", text),), cap, function)


def engine_for(client: ScriptedClient, *models: ModelSpec, **options: Any) -> Engine:
    return Engine(client, models or (spec(),), random=Random(7), **options)  # noqa: S311 - jitter


def bad(answer: Answer) -> Callable[[Body], Answer]:
    """Return a script that answers requests with the word "bad" in them like this, and all others well."""
    return lambda body: answer if "bad" in str(body) else reply()


def in_turn(*answers: Answer) -> Callable[[Body], Answer]:
    """Return a script that gives one answer after the other, the last one for ever."""
    left = list(answers)
    return lambda _body: left.pop(0) if len(left) > 1 else left[0]


async def outcomes(engine: Engine, requests: list[Request]) -> list[Completion | Exception]:
    """Complete all requests together; failures are returned in their place."""
    results: dict[int, Completion | Exception] = {}

    async def one(index: int, request: Request) -> None:
        try:
            results[index] = await engine.complete(request)
        except (RequestFailed, RunStopped) as error:
            results[index] = error

    async with anyio.create_task_group() as tasks:
        for index, request in enumerate(requests):
            tasks.start_soon(one, index, request)
    return [results[index] for index in range(len(requests))]
