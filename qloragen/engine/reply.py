"""From a reply's bytes to a `Completion`: pure, so that journalled bodies can be read again at any time.

Whatever a chat completion may lack (choices, content, usage, the tool call) is decoded, not refused: it was paid for.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import orjson

from ..types import Completion, ReplyForm, Usage
from .pricing import Price, cost

Json = dict[str, object]


class UnreadableReply(ValueError):
    """The body is no chat completion: HTML, cut off, an `error` object, JSON of another kind."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known of a reply besides its body; see `Completion`."""

    request_id: str | None = None
    latency_s: float = 0.0
    attempts: int = 1


_UNKNOWN = Circumstances()


def decode(
    body: bytes,
    *,
    model: str,
    structure: ReplyForm | None,
    price: Price | None = None,
    around: Circumstances = _UNKNOWN,
) -> Completion:
    """Decode the body of a chat completion.

    The cost is by the service tier that the reply names; it is None without a price, or when the reply bills nothing.
    Of several tool calls the first counts.

    Raises:
        UnreadableReply: the body is no chat completion.
    """
    reply = json_object(body)
    choices = reply.get("choices")
    if not isinstance(choices, list) or ("error" in reply and not choices):
        raise UnreadableReply("no chat completion")
    choice = _mapping(choices[0]) if choices else {}
    message = _mapping(choice.get("message"))
    text = _text(message.get("content"))
    usage = _usage(_mapping(reply.get("usage")))
    return Completion(
        text=text,
        arguments=_arguments(message, text, structure),
        finish_reason=_word(choice.get("finish_reason")) or "none",
        refusal=_word(message.get("refusal")),
        usage=usage,
        model=model,
        structure=structure,
        cost_usd=cost(usage, price, tier=_word(reply.get("service_tier"))) if price and any(usage) else None,
        body=body,
        request_id=around.request_id or _word(reply.get("id")),
        latency_s=around.latency_s,
        attempts=around.attempts,
    )


def json_object(body: bytes) -> Json:
    """Parse a body, also one with what JSON does not allow but servers send.

    Raises:
        UnreadableReply: it is no JSON object.
    """
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = _lenient(body)
    if not isinstance(parsed, dict):
        raise UnreadableReply("not a JSON object")
    return parsed


def _lenient(body: bytes) -> object:
    """Parse what orjson refuses although it is readable and was paid for: lone surrogates, NaN, infinity."""
    try:
        parsed = json.loads(body, parse_constant=lambda _: None)
        return orjson.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise UnreadableReply("not JSON") from None


_FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*?)\n?[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
"""One code fence around the whole content, which models put there out of habit."""


def _arguments(message: Json, text: str, structure: ReplyForm | None) -> str | None:
    if structure is None:
        return None
    if structure != "tools":
        fenced = _FENCE.fullmatch(text)
        return (fenced[1] if fenced else text) or None
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        return None
    arguments = _mapping(_mapping(calls[0]).get("function")).get("arguments")
    if isinstance(arguments, dict):  # some servers send the object itself
        return orjson.dumps(arguments).decode()
    return _word(arguments)


def _text(content: object) -> str:
    """Return the text of a content, which some servers send as a list of parts."""
    if isinstance(content, list):
        return "".join(_word(_mapping(part).get("text")) or "" for part in content)
    return content if isinstance(content, str) else ""


def _usage(usage: Json) -> Usage:
    prompt = _mapping(usage.get("prompt_tokens_details"))
    completion = _mapping(usage.get("completion_tokens_details"))
    return Usage(
        _count(usage.get("prompt_tokens")),
        _count(prompt.get("cached_tokens")),
        _count(prompt.get("cache_write_tokens")),
        _count(usage.get("completion_tokens")),
        _count(completion.get("reasoning_tokens")),
    )


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    return max(0, value) if isinstance(value, int) else 0
