"""Every way in which a call can fail, and what is done about it: one table, in code.

A failure is matched against the rows of `TABLE` from the top. Codes are compared in lower case (a `*` stands for
anything); words of a message count only where the server gives no code, and no parameter that the row does not ask
for, because words lie: one provider says "insufficient quota" for a limit that is gone in a millisecond.

A request that is given up may be asked again by the next run, which may have other settings: another limit, another
window, another parameter. `final` are only the rows where no setting helps.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Literal

from ..errors import AccessDenied, ModelNotFound, ProviderUnavailable, QuotaExhausted, RunStopped
from ..types import Structure
from .reply import Billed


class Action(Enum):
    """What is done about a failure."""

    RETRY = "again later; it counts against the request's attempts"
    WAIT = "the whole model pauses; the request is untouched"
    DEFER = "this request alone comes back later; the request is untouched"
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
    redirect: str | None = None
    """Scheme, host and port that the server sends on to."""
    maybe_paid: bool = False
    structure: Structure | None = None
    """How the request asked for a structured answer."""
    tier: str | None = None
    """As what it asked to be served: a service tier, or `decisions`."""
    billed: Billed | None = None
    """What it was billed for, where a body that cannot be used says so."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; it applies when everything that it names agrees."""

    action: Action
    reason: str
    """Code for people and files."""
    kind: Kind = "http"
    statuses: Container[int] = range(300, 1000)
    codes: tuple[str, ...] = ()
    """Of these, one is the failure's code or type."""
    parameters: tuple[str, ...] = ()
    """Of these, one is the parameter that the failure names."""
    words: tuple[str, ...] = ()
    """Of these, one is in the message of a failure without a code, and without a parameter if `parameters` is empty."""
    structured: bool = False
    """Only for requests that ask for a structured answer."""
    tier: str | None = None
    """Only for requests that ask to be served as this; see `Failure.tier`."""
    final: bool = False
    """The same request would be refused again, however the setup is mended."""
    attempts: int | None = None
    """Of this kind of failure, fewer than the policy allows: repeating it costs much and helps little."""
    error: type[RunStopped] = ProviderUnavailable
    """What stops the run: at once for `STOP`; else when nothing but such failures comes (see `recovery`)."""
    remedy: str = "run the same command again when the provider is well"


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
_MOVED = "set the base URL to the API's own address, up to and with /v1"
_DECIDE = (
    "not every model and server judges predicates: choose another classifier (classifier = numbers) or another"
    " decide_model, then run the same command again"
)
_ACCESS = ("*api_key*", "unsupported_country*", "*permission*", "*organization*", "*project*", "account_*", "auth*")
_TOO_LONG = ("context_length_exceeded", "exceed_context_size_error", "string_above_max_length")
_TOO_LONG_WORDS = ("context length", "context size", "context window")
_FILTERED = ("content_filter", "content_policy_violation", "invalid_prompt")
_UNSUPPORTED = ("unsupported_parameter", "unknown_parameter", "unsupported_value", "extra_forbidden", "*.extra")
_UNSUPPORTED_WORDS = (
    "does not support",
    "extra fields",
    "extra inputs",
    "not allowed",
    "not permitted",
    "not supported",
    "only allowed",
    "unexpected",
    "unknown",
    "unrecognized",
    "unsupported",
)
_BAD_SCHEMA = ("invalid_function_parameters", "invalid_json_schema")
_FORM = ("tools*", "tool_choice*", "response_format*")
_FORM_WORDS = ("tool", "response_format", "json_schema", "json schema", "grammar", "structured output")
_4XX, _5XX, _MALFORMED = range(400, 500), range(500, 600), (400, 422)
_ABSENT = (404, 405, 501)

TABLE: tuple[Row, ...] = (
    Row(Action.STOP, "quota", codes=_QUOTA, error=QuotaExhausted, remedy=_PAY),
    Row(Action.STOP, "quota", statuses=(402,), error=QuotaExhausted, remedy=_PAY),
    Row(Action.STOP, "model_not_found", codes=("model_not_found",), error=ModelNotFound, remedy=_NAME),
    Row(
        Action.STOP, "no_decisions", tier="decisions", codes=("unsupported_model",), error=ModelNotFound, remedy=_DECIDE
    ),
    Row(Action.STOP, "no_decisions", tier="decisions", statuses=_ABSENT, error=ModelNotFound, remedy=_DECIDE),
    Row(
        Action.STOP,
        "no_decisions",
        tier="decisions",
        statuses=_MALFORMED,
        parameters=("model",),
        error=ModelNotFound,
        remedy=_DECIDE,
    ),
    Row(Action.STOP, "model_not_found", statuses=(404,), error=ModelNotFound, remedy=_NAME),
    Row(Action.STOP, "redirect", statuses=(301, 302, 303, 307, 308), remedy=_MOVED),
    Row(Action.STOP, "access", statuses=(401,), error=AccessDenied, remedy=_KEY),
    Row(Action.DEFER, "no_capacity", tier="flex", statuses=(429,), codes=("resource_unavailable",)),
    Row(Action.DEFER, "no_capacity", tier="flex", statuses=(429,), words=("resource unavailable",)),
    Row(Action.WAIT, "rate_limited", statuses=(429,)),
    Row(Action.GIVE_UP, "context_length", codes=_TOO_LONG),
    Row(Action.GIVE_UP, "context_length", statuses=_4XX, words=_TOO_LONG_WORDS),
    Row(Action.GIVE_UP, "context_length", statuses=(413,)),
    Row(Action.GIVE_UP, "content_filter", codes=_FILTERED, final=True),
    Row(Action.STOP, "access", statuses=(403,), codes=_ACCESS, error=AccessDenied, remedy=_KEY),
    # Without a code: the key may not do this, or a firewall or moderation layer refuses this one text.
    Row(Action.GIVE_UP, "forbidden", statuses=(403,), error=AccessDenied, remedy=_KEY),
    Row(Action.CHANGE, "bounds", statuses=_MALFORMED, codes=_BAD_SCHEMA, structured=True),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, parameters=_FORM, structured=True),
    Row(Action.CHANGE, "parameter", statuses=_MALFORMED, codes=_UNSUPPORTED),
    Row(Action.CHANGE, "parameter", statuses=_MALFORMED, parameters=("service_tier",)),
    Row(Action.CHANGE, "parameter", statuses=_MALFORMED, parameters=("?*",), words=_UNSUPPORTED_WORDS),
    Row(Action.CHANGE, "parameter", statuses=_MALFORMED, words=_UNSUPPORTED_WORDS),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, parameters=("reasoning_effort",), structured=True),
    Row(Action.CHANGE, "structure", statuses=_MALFORMED, words=_FORM_WORDS, structured=True),
    Row(Action.CHANGE, "structure", statuses=(500, 501), words=_FORM_WORDS, structured=True),
    Row(Action.RETRY, "request_timeout", statuses=(408,)),
    Row(Action.RETRY, "conflict", statuses=(409,)),
    Row(Action.RETRY, "server_error", statuses=_5XX),
    Row(Action.GIVE_UP, "bad_request", statuses=_4XX),
    Row(Action.GIVE_UP, "unexpected_status"),
    Row(Action.RETRY, "connection", kind="connection"),
    Row(Action.RETRY, "timeout", kind="timeout", attempts=4),
    Row(Action.RETRY, "bad_body", kind="unreadable", attempts=4),
)


def is_for_the_rate(failure: Failure) -> bool:
    """Whether it says that more was sent than the limits allow."""
    return next(matching(failure)).action is Action.WAIT


def matching(failure: Failure) -> Iterator[Row]:
    """Yield the rows that apply, the best first; there is always one that is not `CHANGE`."""
    return (row for row in TABLE if _applies(row, failure))


def _applies(row: Row, failure: Failure) -> bool:
    if row.kind != failure.kind or (row.structured and failure.structure is None):
        return False
    if row.tier not in {None, failure.tier}:
        return False
    if failure.kind == "http" and (failure.status or 0) not in row.statuses:
        return False
    return (
        _named(row.codes, failure.code, failure.type)
        and _named(row.parameters, failure.parameter)
        and _worded(row, failure)
    )


def _named(patterns: tuple[str, ...], *names: str | None) -> bool:
    return not patterns or any(fnmatchcase(name.lower(), pattern) for name in names if name for pattern in patterns)


def _worded(row: Row, failure: Failure) -> bool:
    if not row.words:
        return True
    if failure.code or (failure.parameter and not row.parameters):
        return False
    message = failure.message.lower()
    return any(word in message for word in row.words)
