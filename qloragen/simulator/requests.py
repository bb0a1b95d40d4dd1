"""What the API refuses before a model reads it: forms, and what a model's name says that it does not take.

By name (state of November 2026): `max_tokens` is refused by the o-series and from gpt-5 on; function tools are refused
from gpt-5.6 on unless `reasoning_effort` is "none", and so are `temperature` and `top_p`; the effort "minimal" is
refused by these always, and by those of them that always reason "none" too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import orjson

from . import refusals
from .effects import Json
from .refusals import Refusal
from .storing import refused_by_storing
from .strict import refused_by_strictness

_PREFIX = re.compile(r"^(openai/|azure/|ft:)+")
_NEW_CAP = re.compile(r"^(o\d|gpt-([5-9]|\d\d))")
_TOOLS_NEED_NONE = re.compile(r"^gpt-([6-9]|\d\d|5\.([6-9]|\d\d))")
_DECIDES = re.compile(r"^gpt-6-luna")
_ALWAYS_REASONS = re.compile(r"^gpt-6(\.\d+)?-astra|^gpt-6\.[1-9]\d*-sol")


_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
_CHOSEN = frozenset(
    {"reasoning_effort", "response_format", "prompt_cache_options", "service_tier", "tools", "store", "metadata"}
)
_FORMATS = ("text", "json_object", "json_schema")
_CACHE_MODES = ("implicit", "explicit")
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")


@dataclass(frozen=True, slots=True)
class NameRules:
    """What a model's name says about it."""

    new_cap: bool
    """Takes `max_completion_tokens` only."""
    tools_need_none: bool
    always_reasons: bool
    breakpoints: bool
    """Caches prompts at breakpoints, and bills what it writes."""


@lru_cache(maxsize=1024)
def rules_for(model: str) -> NameRules:
    """Return what the name of a model says."""
    name = _PREFIX.sub("", model.lower())
    newest = bool(_TOOLS_NEED_NONE.match(name))
    return NameRules(bool(_NEW_CAP.match(name)), newest, bool(_ALWAYS_REASONS.match(name)), newest)


def decides_by_name(model: str) -> bool:
    """Tell whether a model of this name takes requests for decisions."""
    return bool(_DECIDES.match(_PREFIX.sub("", model.lower())))


def read_body(body: bytes) -> Json | Refusal:
    """Return the parsed body of a request, or what the API says of one that is no JSON object."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return refusals.not_json()
    if not isinstance(parsed, dict):
        return refusals.not_json()
    return parsed


def refused_by_form(body: Json) -> Refusal | None:
    """Return what the API says of a chat request whose fields are missing or of the wrong type, if they are."""
    for name, kind, wanted in (("model", str, "a string"), ("messages", list, "an array of objects")):
        if not body.get(name):
            return refusals.missing(name)
        if not isinstance(body[name], kind):
            return refusals.wrong_type(name, wanted)
    for number, message in enumerate(body["messages"]):
        if refusal := _message(f"messages[{number}]", message):
            return refusal
    refusal = _numbers(body)
    if refusal is not None or _CHOSEN.isdisjoint(body):
        return refusal
    return _choices(body) or refused_by_storing(body) or refused_by_strictness(body)


def _message(where: str, message: object) -> Refusal | None:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        return refusals.missing(f"{where}.role")
    content = message.get("content")
    if isinstance(content, str):
        return None
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        return None
    if content is None and message["role"] == "assistant":
        return None
    return refusals.wrong_type(f"{where}.content", "a string or an array of parts")


def _numbers(body: Json) -> Refusal | None:
    for name in ("max_completion_tokens", "max_tokens"):
        cap = body.get(name)
        if cap is not None and (type(cap) is not int or cap < 1):
            return refusals.wrong_type(name, "an integer of 1 or more")
    if not _unset(body, "n"):
        return refusals.unsupported_value("n", "Only 1 is supported.")
    if body.get("stream"):
        return refusals.unsupported_value("stream", "Only false is supported.")
    return None


def _choices(body: Json) -> Refusal | None:
    """Return what the API says of a word that is none of those it knows, and of an empty list of tools."""
    options, format_ = body.get("prompt_cache_options"), body.get("response_format")
    said = (
        ("reasoning_effort", body.get("reasoning_effort"), _EFFORTS),
        ("response_format.type", format_.get("type") if isinstance(format_, dict) else None, _FORMATS),
        ("prompt_cache_options.mode", options.get("mode") if isinstance(options, dict) else None, _CACHE_MODES),
        ("service_tier", body.get("service_tier"), _TIERS),
    )
    for param, value, known in said:
        if value is not None and value not in known:
            return refusals.invalid_value(param, value, known)
    if body.get("tools") == []:
        message = (
            "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead."
        )
        return refusals.invalid(message, param="tools", code="empty_array")
    return None


def refused_by_name(body: Json, rules: NameRules) -> Refusal | None:
    """Return what a model with these rules says of a request, if it takes offence."""
    if rules.new_cap and "max_tokens" in body:
        return refusals.unsupported("max_tokens", "Use 'max_completion_tokens' instead.")
    if not rules.tools_need_none:
        return None
    if body.get("reasoning_effort") == "minimal":
        return refusals.unsupported_value("reasoning_effort", "The lowest effort of this model is 'none' or 'low'.")
    if body.get("reasoning_effort") == "none":
        if rules.always_reasons:
            return refusals.unsupported_value("reasoning_effort", "This model always reasons.")
        return None
    return _reasoning(body)


def _reasoning(body: Json) -> Refusal | None:
    if body.get("tools"):
        return refusals.invalid(
            "Function tools with reasoning_effort are not supported for this model in /v1/chat/completions. Please use "
            "/v1/responses instead, or set reasoning_effort to 'none'.",
            param="reasoning_effort",
        )
    for name in ("temperature", "top_p"):
        if not _unset(body, name):
            return refusals.unsupported(name, "It needs reasoning_effort 'none'.")
    return None


def _unset(body: Json, name: str) -> bool:
    """Tell whether a parameter has its default, which is 1, or is left out."""
    value = body.get(name)
    return value is None or value == 1


def structured(body: Json) -> bool:
    """Tell whether a request asks for a structured answer."""
    return bool(body.get("tools") or body.get("response_format"))
