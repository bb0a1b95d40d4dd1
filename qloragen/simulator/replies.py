"""From an answer to the JSON of a chat completion: caps, finish reasons, usage."""

from __future__ import annotations

from typing import NamedTuple

from ..types import Usage
from .answers import Answer
from .effects import Effect, Json
from .tokens import count_tokens

CREATED = 1_790_000_000
"""When every reply says that it was made, and every model: a fixed second, in 2026, so that of two runs the replies to
the same calls in the same order are the same bytes. Only what is stored has a time of its own."""


class Generated(NamedTuple):
    """What the model wrote before it stopped or was stopped."""

    answer: Answer
    finish_reason: str
    completion_tokens: int
    """The reasoning ones included."""
    reasoning_tokens: int


def altered(answer: Answer, effect: Effect, *, structured: bool) -> Answer:
    """Return the answer that a fault lets the model give."""
    if effect.prose is not None:
        return Answer(text=effect.prose, function=None, arguments=None)
    if effect.arguments is None or not structured:
        return answer
    if answer.function is None:
        return Answer(text=effect.arguments, function=None, arguments=None)
    return Answer(text=None, function=answer.function, arguments=effect.arguments)


def generate(
    answer: Answer, *, cap_tokens: int | None, reasoning_tokens: int, verbosity: float, effect: Effect
) -> Generated:
    """Return as much of the answer as the cap lets through after the reasoning.

    Each token of the answer is billed `verbosity` times; what an answer says itself of its tokens is what is billed.
    """
    words = _words(answer)
    tokens, each = (count_tokens(words), verbosity) if answer.tokens is None else (answer.tokens, 1.0)
    room = tokens if cap_tokens is None else int(max(0, cap_tokens - reasoning_tokens) / each)
    allowed = min(room, int(tokens * effect.kept))
    finish = "stop" if answer.function is None else "tool_calls"
    if allowed < tokens:
        words, finish = cut(words, allowed), "length"
        tokens = min(allowed, count_tokens(words)) if answer.tokens is None else allowed
        answer = _with_words(answer, words)
    spent = reasoning_tokens if cap_tokens is None else min(reasoning_tokens, cap_tokens)
    return Generated(answer, effect.finish_reason or finish, spent + round(tokens * each), spent)


def cut(text: str, tokens: int) -> str:
    """Return the longest beginning of `text` that bisection finds to have at most so many tokens."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if count_tokens(text[:middle]) <= tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low]


def reply_to(
    body: Json, index: int, generated: Generated, usage: Usage, *, service: str, reports_writes: bool, created_s: int
) -> Json:
    """Return the chat completion for a request."""
    choice = {
        "index": 0,
        "message": _message(generated.answer, index),
        "finish_reason": generated.finish_reason,
        "logprobs": None,
    }
    return {
        "id": f"chatcmpl-{index}",
        "object": "chat.completion",
        "created": created_s,
        "model": body["model"],
        "choices": [choice],
        "usage": _usage(usage, reports_writes=reports_writes),
        "service_tier": service,
    }


def _words(answer: Answer) -> str:
    return (answer.text if answer.function is None else answer.arguments) or ""


def _with_words(answer: Answer, words: str) -> Answer:
    if answer.function is None:
        return Answer(text=words, function=None, arguments=None)
    return Answer(text=None, function=answer.function, arguments=words)


def _message(answer: Answer, index: int) -> Json:
    message: Json = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.function is not None:
        function = {"name": answer.function, "arguments": answer.arguments}
        message["tool_calls"] = [{"id": f"call_{index}", "type": "function", "function": function}]
    return message


def _usage(usage: Usage, *, reports_writes: bool) -> Json:
    details = {"cached_tokens": usage.cached_tokens, "audio_tokens": 0}
    if reports_writes:
        details["cache_write_tokens"] = usage.cache_write_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": details,
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
