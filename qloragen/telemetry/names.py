"""Attributes of calls, as the semantic conventions for generative AI name them. Texts and keys are never among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from ..engine.reply import UnreadableReply, json_object
from ..types import Cell, Completion, Request, Usage
from .server import Server

SCHEMA_URL = "https://opentelemetry.io/schemas/gen-ai/0.1.0"
"""Of the conventions that are followed."""
ERROR_TYPE = "error.type"
MODEL = "gen_ai.request.model"
CHAT = "chat"
STAGE = "qloragen.stage"
TYPE = "qloragen.type"

Value = str | int | float | list[str]
Attributes = dict[str, Value]


def whom(server: Server, model: str, operation: str) -> Attributes:
    """Return what spans and metrics of a call have in common."""
    found: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": server.provider,
        MODEL: model,
    }
    if server.address is not None:
        found["server.address"] = server.address
        if server.port is not None:
            found["server.port"] = server.port
    return found


def operation_of(request: Request) -> str:
    """Return what kind of call a request is. The conventions have no name for judging predicates."""
    return "decisions" if request.predicates else CHAT


def asked(request: Request, number: int, waited_s: float) -> Attributes:
    """Return what is asked for, in attempt `number`, after so many seconds of waiting for admission."""
    found: Attributes = {"qloragen.attempt": number, "qloragen.waited_s": waited_s}
    if request.predicates:
        return found
    found["gen_ai.request.max_tokens"] = request.max_completion_tokens
    found["gen_ai.output.type"] = "text" if request.function is None else "json"
    if request.temperature is not None:
        found["gen_ai.request.temperature"] = request.temperature
    return found


def about(cell: Cell) -> Attributes:
    """Return what a call is for: the prompt is named by the stage, or the type of instruction."""
    found: Attributes = {
        "gen_ai.prompt.name": cell.type_slug or cell.stage,
        "gen_ai.prompt.version": cell.prompt_fingerprint,
        **purpose(cell),
    }
    return found


def purpose(cell: Cell) -> Attributes:
    """Return the stage and the type of a cell."""
    found: Attributes = {STAGE: cell.stage}
    if cell.type_slug is not None:
        found[TYPE] = cell.type_slug
    return found


def replied(completion: Completion, server: Server) -> Attributes:
    """Return what a reply says besides its text, and what it costs."""
    found: Attributes = {"gen_ai.response.finish_reasons": [completion.finish_reason]}
    found.update(_named(completion.body))
    found.update(_used(completion.usage))
    if completion.request_id is not None:
        found["qloragen.request_id"] = completion.request_id
    if completion.cost_usd is not None:
        found["qloragen.cost_usd"] = float(completion.cost_usd)
    if completion.tier is not None:
        found["openai.response.service_tier" if server.provider == "openai" else "qloragen.tier"] = completion.tier
    return found


def _named(body: bytes) -> Iterator[tuple[str, Value]]:
    """Yield what the reply is called, and the model that has made it; both are the server's to leave out."""
    with suppress(UnreadableReply):
        reply = json_object(body)
        for field in ("id", "model"):
            if isinstance(value := reply.get(field), str):
                yield f"gen_ai.response.{field}", value


def _used(usage: Usage) -> Iterator[tuple[str, Value]]:
    """Yield what was billed; parts of the sums are left out where there is nothing in them."""
    yield "gen_ai.usage.input_tokens", usage.prompt_tokens
    yield "gen_ai.usage.output_tokens", usage.completion_tokens
    if usage.cached_tokens:
        yield "gen_ai.usage.cache_read.input_tokens", usage.cached_tokens
    if usage.cache_write_tokens:
        yield "gen_ai.usage.cache_write.input_tokens", usage.cache_write_tokens
    if usage.reasoning_tokens:
        yield "gen_ai.usage.reasoning.output_tokens", usage.reasoning_tokens
