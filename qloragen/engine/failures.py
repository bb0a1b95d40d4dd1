"""Every way in which a call can fail, and what is done about it: one table, in code.

A failure is matched against the rows of `TABLE` from the top. Codes are compared exactly (a `*` stands for anything);
words of a message count only where the server gives neither a code nor a parameter, because words lie: one provider
says "insufficient quota" for a limit that is gone in a millisecond.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from fnmatch import fnmatchcase
from math import isfinite
from re import sub
from typing import Literal

import orjson

from ..errors import AccessDenied, ModelNotFound, ProviderUnavailable, QuotaExhausted, RunStopped
from ..types import Structure
from .client import ConnectionLost, HttpReply

MAX_RETRY_AFTER_S = 120.0
"""A server that asks for more is asked again after this time: clocks and headers may be wrong."""


class Action(Enum):
    """What is done about a failure."""

    RETRY = "again later; it counts against the request's attempts"
    WAIT = "the whole model pauses; the request is untouched"
    CHANGE = "again at once, in another form"
    GIVE_UP = "this request fails, the run goes on"
    STOP = "the run stops"


Kind = Literal["http", "timeout", "connection", "unreadable"]


@dataclass(frozen=True, slots=True)
class Failure:
    """What one attempt came to, if not to a completion."""

    kind: Kind
    status: int | None = None
    """None without a reply."""
    code: str | None = None
    type: str | None = None
    parameter: str | None = None
    message: str = ""
    """The provider's own words, shortened and on one line; empty where they could hold a secret."""
    request_id: str | None = None
    retry_after_s: float | None = None
    limit_tokens: int | None = None
    """The server's own TPM limit, where it says."""
    maybe_paid: bool = False
    structure: Structure | None = None
    """How the request asked for a structured answer."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; it applies when everything that it names agrees."""

    action: Action
    reason: str
    """Code for people and files."""
    kind: Kind = "http"
    statuses: Container[int] = range(300, 600)
    codes: tuple[str, ...] = ()
    """Of these, one is the failure's code or type."""
    parameters: tuple[str, ...] = ()
    """Of these, one is the parameter that the failure names."""
    words: tuple[str, ...] = ()
    """Of these, one is in the message of a failure that has neither code nor parameter."""
    structured: bool = False
    """Only for requests that ask for a structured answer."""
    final: bool = False
    """The same request would be refused again, however the setup is mended."""
    attempts: int | None = None
    """Of this kind of failure, fewer than the policy allows: repeating it costs much and helps little."""
    error: type[RunStopped] = RunStopped
    remedy: str = ""


_QUOTA = (
    "insufficient_quota",
    "credit_balance_exhausted",
    "*_spend_limit_exceeded",
    "*_usage_limit_exceeded",
    "billing_*",
)
_PAY = "add credit or raise the limit at the provider, then run the same command again"
_KEY = "check OPENAI_API_KEY and what it may do, then run the same command again"
_ADDRESS = "the server has moved: set the base URL to its new address, then run the same command again"
_NAME = "check the model's name and the base URL"
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")
_TOO_LONG_WORDS = ("context length", "context size", "context window")
_FILTERED = ("content_filter", "content_policy_violation", "invalid_prompt")
_UNSUPPORTED = ("unsupported_parameter", "unknown_parameter", "unsupported_value")
_BAD_SCHEMA = ("invalid_function_parameters", "invalid_json_schema")
_FORM = ("tools*", "tool_choice*", "response_format*")
_FORM_WORDS = ("tool", "response_format", "json_schema", "json schema", "grammar", "structured output")
_4XX, _5XX, _MALFORMED = range(400, 500), range(500, 600), (400, 422)

TABLE: tuple[Row, ...] = (
    Row(Action.STOP, "quota", codes=_QUOTA, error=QuotaExhausted, remedy=_PAY),
    Row(Action.STOP, "quota", statuses=(402,), error=QuotaExhausted, remedy=_PAY),
    Row(Action.STOP, "model_not_found", codes=("model_not_found",), error=ModelNotFound, remedy=_NAME),
    Row(Action.STOP, "model_not_found", statuses=(404,), error=ModelNotFound, remedy=_NAME),
    Row(Action.STOP, "redirected", statuses=range(300, 400), error=ProviderUnavailable, remedy=_ADDRESS),
    Row(Action.STOP, "access", statuses=(401,), error=AccessDenied, remedy=_KEY),
    Row(Action.STOP, "access", statuses=(403,), error=AccessDenied, remedy=_KEY),
    Row(Action.WAIT, "rate_limited", statuses=(429,)),
    Row(Action.GIVE_UP, "context_length", codes=_TOO_LONG),
    Row(Action.GIVE_UP, "context_length", statuses=_4XX, words=_TOO_LONG_WORDS),
    Row(Action.GIVE_UP, "context_length", statuses=(413,)),
    Row(Action.GIVE_UP, "content_filter", codes=_FILTERED, final=True),
    Row(Action.CHANGE, "bounds", statuses=_MALFORMED, codes=_BAD_SCHEMA, structured=True),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, parameters=_FORM, structured=True),
    Row(Action.CHANGE, "parameter", statuses=_MALFORMED, codes=_UNSUPPORTED),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, parameters=("reasoning_effort",), structured=True),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, words=_FORM_WORDS, structured=True),
    Row(Action.CHANGE, "structure", statuses=(500, 501), words=_FORM_WORDS, structured=True),
    Row(Action.RETRY, "request_timeout", statuses=(408,)),
    Row(Action.RETRY, "conflict", statuses=(409,)),
    Row(Action.RETRY, "server_error", statuses=_5XX),
    Row(Action.GIVE_UP, "bad_request", statuses=_4XX),
    Row(Action.GIVE_UP, "unexpected_status"),
    Row(Action.RETRY, "connection", kind="connection"),
    Row(Action.RETRY, "timeout", kind="timeout", attempts=3),
    Row(Action.RETRY, "bad_body", kind="unreadable", attempts=3),
)


def matching(failure: Failure) -> Iterator[Row]:
    """Yield the rows that apply, the best first; there is always one that is not `CHANGE`."""
    return (row for row in TABLE if _applies(row, failure))


def _applies(row: Row, failure: Failure) -> bool:
    if row.kind != failure.kind or (row.structured and failure.structure is None):
        return False
    if failure.kind == "http" and (failure.status or 0) not in row.statuses:
        return False
    return (
        _named(row.codes, failure.code, failure.type)
        and _named(row.parameters, failure.parameter)
        and _worded(row.words, failure)
    )


def _named(patterns: tuple[str, ...], *names: str | None) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names if name for pattern in patterns)


def _worded(words: tuple[str, ...], failure: Failure) -> bool:
    if not words:
        return True
    if failure.code or failure.parameter:
        return False
    message = failure.message.lower()
    return any(word in message for word in words)


# ------------------------------------------------------------------------------------------- what a failure looks like


def of_connection(lost: ConnectionLost) -> Failure:
    """Return the failure of an attempt without a whole reply."""
    kind: Kind = "timeout" if lost.timed_out else "connection"
    return Failure(kind, message=str(lost), maybe_paid=lost.maybe_paid)


def of_timeout(seconds: float) -> Failure:
    """Return the failure of an attempt that was cut off by its total time."""
    return Failure("timeout", message=f"no reply within {seconds:g} s", maybe_paid=True)


def of_reply(reply: HttpReply, structure: Structure | None) -> Failure:
    """Return the failure that an error reply, or a 200 that is no chat completion, stands for.

    Some gateways answer 200 with an `error` object inside; its numeric code is then the status.
    """
    error = _error(reply.body)
    numeric = _number(error.get("code"))
    inside = int(numeric) if reply.status < 300 and numeric and 300 <= numeric < 600 else None
    kind: Kind = "http" if reply.status >= 300 or inside else "unreadable"
    status = inside or reply.status
    return Failure(
        kind=kind,
        status=status,
        code=_word(error.get("code")),
        type=_word(error.get("type")),
        parameter=_word(error.get("param")),
        message="" if status in {401, 403} else _shortened(_word(error.get("message")) or ""),
        request_id=reply.headers.get("x-request-id"),
        retry_after_s=retry_after_s(reply.headers),
        limit_tokens=_whole(reply.headers.get("x-ratelimit-limit-tokens")),
        maybe_paid=kind == "unreadable",
        structure=structure,
    )


def described(failure: Failure) -> str:
    """Return the failure in words, without key or article text: `HTTP 400, code ..., "...", request ...`."""
    facts = [
        f"HTTP {failure.status}" if failure.status else "",
        f"code {failure.code}" if failure.code else "",
        f"parameter {failure.parameter}" if failure.parameter else "",
        failure.message,
        f"request {failure.request_id}" if failure.request_id else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait that the server asks for, in seconds from 0 to 120, or None.

    Dates are compared with the reply's own `date`, never with the clock of this machine.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _clamped(milliseconds / 1000)
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return _clamped(seconds)
    return _until(value, headers.get("date"))


def _until(later: str | None, now: str | None) -> float | None:
    if later is None or now is None:
        return None
    try:
        return _clamped((parsedate_to_datetime(later) - parsedate_to_datetime(now)).total_seconds())
    except (TypeError, ValueError):
        return None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _error(body: bytes) -> Mapping[str, object]:
    """Return the error object of a body; servers also put it at the top level, or say it in one string."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    found = parsed.get("error", parsed)
    if isinstance(found, dict):
        return found if "message" in found else {**found, "message": found.get("detail")}
    return {"message": found}


def _word(value: object) -> str | None:
    """Return a string that says something: servers without codes repeat the status there."""
    return value if isinstance(value, str) and value and not value.isdecimal() else None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _whole(value: str | None) -> int | None:
    number = _number(value)
    # Some gateways say 0 or -1 where there is no limit.
    return None if number is None or number < 1 else int(number)


def _shortened(message: str) -> str:
    """Return at most 200 characters on one line, with anything that looks like a key taken out."""
    safe = sub(r"(?i)\b(sk-|bearer\s+)\S+", "[key]", message)
    return " ".join("".join(c if c.isprintable() else " " for c in safe).split())[:200]
