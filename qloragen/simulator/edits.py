"""Changes that make a good reply a bad one."""

from __future__ import annotations

from .effects import Json


def refusal(reply: Json) -> Json:
    """Let the model decline in so many words."""
    return _with_message(reply, {"role": "assistant", "content": None, "refusal": "I'm sorry, I can't help with that."})


def null_content(reply: Json) -> Json:
    """Leave the message empty."""
    return _with_message(reply, {"role": "assistant", "content": None, "refusal": None})


def empty_choices(reply: Json) -> Json:
    """Leave no choice."""
    return {**reply, "choices": []}


def missing_usage(reply: Json) -> Json:
    """Say nothing of tokens."""
    return {name: value for name, value in reply.items() if name != "usage"}


def invalid_arguments(reply: Json) -> Json:
    """Break the JSON of the structured answer in its middle, as a model does that loses its thread."""
    message = _message(reply)
    if calls := message.get("tool_calls"):
        broken = [{**call, "function": {**call["function"], "arguments": _half(call["function"])}} for call in calls]
        return _with_message(reply, {**message, "tool_calls": broken}, "tool_calls")
    return _with_message(reply, {**message, "content": _cut(message.get("content") or "")})


def duplicated_tool_calls(reply: Json) -> Json:
    """Make each call twice, under ids of their own."""
    message = _message(reply)
    calls = message.get("tool_calls") or []
    again = [{**call, "id": f"{call['id']}_again"} for call in calls]
    return _with_message(reply, {**message, "tool_calls": [*calls, *again]}, "tool_calls") if calls else reply


def _message(reply: Json) -> Json:
    message: Json = reply["choices"][0]["message"]
    return message


def _with_message(reply: Json, message: Json, finish_reason: str = "stop") -> Json:
    return {**reply, "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]}


def _half(function: Json) -> str:
    return _cut(function["arguments"])


def _cut(text: str) -> str:
    return text[: len(text) // 2] + '", ]'
