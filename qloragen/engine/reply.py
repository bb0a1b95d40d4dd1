"""From a reply's bytes to a `Completion`: pure, so that journalled bodies can be read again at any time.

Whatever a reply may lack (choices, content, usage, the tool call, answers) is decoded, not refused: it was paid for.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple, Protocol

import orjson

from ..types import Completion, ReplyForm, Usage
from .pricing import Price, cost

Json = dict[str, object]


class UnreadableReply(ValueError):
    """The body is no reply of the kind: HTML, cut off, an `error` object, JSON of another kind."""


class Circumstances(NamedTuple):
    """What is known of a reply besides its body; see `Completion`."""

    request_id: str | None = None
    latency_s: float = 0.0
    attempts: int = 1


_UNKNOWN = Circumstances()
_MOST_TOKENS = 2**53 - 1
"""No reply has so many; sums of more could not be written down."""


class Read(Protocol):
    """Makes of the body of a reply what it says; see `decode`, which does."""

    def __call__(
        self, body: bytes, *, model: str, structure: ReplyForm | None, price: Price | None, around: Circumstances
    ) -> Completion:
        """Return it, or raise `UnreadableReply`."""
        ...


class Billed(NamedTuple):
    """What a body says of its bill."""

    usage: Usage
    tier: str | None


def decode(
    body: bytes,
    *,
    model: str,
    structure: ReplyForm | None,
    price: Price | None = None,
    tier: str | None = None,
    around: Circumstances = _UNKNOWN,
) -> Completion:
    """Decode the body of a chat completion, or of decisions where they are the `structure` asked for.

    The cost is by `tier`, else by the service tier that the reply names; it is None without a price, or when the reply
    bills nothing. Of several tool calls the first counts.

    Raises:
        UnreadableReply: the body is no such reply.
    """
    reply = json_object(body)
    said = _decided(reply) if structure == "decisions" else _chatted(reply, structure)
    paid_as = tier or said.tier
    return Completion(
        text=said.text,
        arguments=said.arguments,
        finish_reason=said.finish_reason,
        refusal=said.refusal,
        usage=said.usage,
        model=model,
        structure=structure,
        cost_usd=cost(said.usage, price, tier=paid_as) if price and any(said.usage) else None,
        body=body,
        tier=paid_as,
        request_id=around.request_id or _word(reply.get("id")),
        latency_s=around.latency_s,
        attempts=around.attempts,
    )


class _Said(NamedTuple):
    """What a reply says, whatever endpoint it is from; see `Completion`."""

    text: str
    arguments: str | None
    finish_reason: str
    refusal: str | None
    usage: Usage
    tier: str | None


def _chatted(reply: Json, structure: ReplyForm | None) -> _Said:
    choices = reply.get("choices")
    if not isinstance(choices, list) or ("error" in reply and not choices):
        raise UnreadableReply("no chat completion")
    choice = _mapping(choices[0]) if choices else {}
    message = _mapping(choice.get("message"))
    text = _text(message.get("content"))
    return _Said(
        text=text,
        arguments=_arguments(message, text, structure),
        finish_reason=_word(choice.get("finish_reason")) or "none",
        refusal=_word(message.get("refusal")),
        usage=_usage(_mapping(reply.get("usage")), _CHATTED),
        tier=_word(reply.get("service_tier")),
    )


def _decided(reply: Json) -> _Said:
    answers = reply.get("answers")
    if not isinstance(answers, list) or ("error" in reply and not answers):
        raise UnreadableReply("no decisions")
    return _Said(
        text="",
        arguments=orjson.dumps(answers).decode(),
        finish_reason="stop",
        refusal=None,
        usage=_usage(_mapping(reply.get("usage")), _DECIDED),
        tier="decisions",
    )


def billed(body: bytes) -> Billed | None:
    """Return what any body says that it is billed for, also one that is no reply; None when it says nothing."""
    try:
        reply = json_object(body)
    except UnreadableReply:
        return None
    bill = _mapping(reply.get("usage"))
    usages = (_usage(bill, _CHATTED), _usage(bill, _DECIDED))
    return next((Billed(usage, _word(reply.get("service_tier"))) for usage in usages if any(usage)), None)


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


class _Names(NamedTuple):
    """What an endpoint calls the tokens that come in and go out."""

    incoming: str
    outgoing: str
    of_incoming: str
    of_outgoing: str


_CHATTED = _Names("prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details")
_DECIDED = _Names("input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details")


def _usage(usage: Json, names: _Names) -> Usage:
    incoming, outgoing, of_incoming, of_outgoing = names
    read, written = _mapping(usage.get(of_incoming)), _mapping(usage.get(of_outgoing))
    return Usage(
        _count(usage.get(incoming)),
        _count(read.get("cached_tokens")) if read else 0,
        _count(read.get("cache_write_tokens")) if read else 0,
        _count(usage.get(outgoing)),
        _count(written.get("reasoning_tokens")) if written else 0,
    )


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _count(value: object) -> int:
    if not isinstance(value, int) or value < 0:
        return 0
    return min(value, _MOST_TOKENS)
