"""What can go wrong with a call, by name, and when it does.

    kind                     what the client sees
    rate_limited             429 rate_limit_exceeded, retry-after-ms 1000
    rate_limited_tokens      429 rate_limit_exceeded of the type tokens, retry-after-ms 1000
    slow_down                429 slow_down, retry-after-ms 1000
    flex_unavailable         429 resource_unavailable: no capacity for the flex tier
    insufficient_quota       429 insufficient_quota
    bad_request              400 without a code
    context_length           400 context_length_exceeded
    unsupported_parameter    400 unsupported_parameter, param temperature
    invalid_schema           400 invalid_function_parameters
    content_policy           400 content_policy_violation
    unauthorized             401 invalid_api_key
    forbidden                403 unsupported_country_region_territory
    model_not_found          404 model_not_found
    408, 409, 500, 502,      that status, with an error object
    503, 529
    reset_before_headers     the connection is reset in place of an answer; nothing is billed
    reset_after_headers      headers, then a reset
    truncated_body           headers and half of the body, then the end of the connection
    never_ends               headers and half of the body, then silence
    slow_trickle             the body in 60 pieces, one a second
    hang                     no answer at all, ever; nothing is billed
    html_page                200 with an HTML page
    html_error               502 with an HTML page
    error_inside_200         200 with an error object and no choices
    length                   finish_reason length, and only half of the answer
    content_filter           finish_reason content_filter, and only half of the answer
    refusal                  a refusal in place of an answer
    empty_choices            no choices
    null_content             a message without content or call
    missing_usage            a good answer without usage
    invalid_arguments        a structured answer that is broken JSON
    wrong_schema_arguments   a structured answer that is JSON of another form
    duplicated_tool_calls    the call, twice
    prose_instead_of_call    chat in place of a structured answer

Faults strike chat completions unless their `endpoints` say otherwise. At `batched`, a request out of a batch, an error
is its line in the file of errors, and what gets no answer at all has timed out. At `files` and `batches` only what
happens to status, error, headers, delay and wire counts. Which upload is struck depends on its bytes, to which clients
add a boundary of chance.

A reply that is cut on its way was generated all the same, and is billed: cut by the client or by a fault, it counts as
`undelivered` in the statistics. Errors are not billed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import SettingsError
from . import edits
from .draws import Draws
from .effects import Effect, Wire, error
from .waits import retry_after

Endpoint = Literal["chat", "batched", "decisions", "files", "batches"]
"""Where a call arrives: `batched` is a chat completion out of the file of a batch."""

_HTML = b"<!doctype html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n"
_BAD, _SERVER, _SOON = "invalid_request_error", "server_error", retry_after(1.0)
_PAUSE = "Rate limit reached for requests. Please try again in 1s."
_TOKENS = "Rate limit reached for tokens. Please try again in 1s."
_FLEX = "Resource unavailable: there is no capacity for flex processing now. Please try again later."
_RAMP = "The rate of requests rose too fast. Please slow down and raise it step by step."
_QUOTA = "You exceeded your current quota, please check your plan and billing details."
_WINDOW = "This model's maximum context length is 8192 tokens. However, your messages resulted in more tokens."
_PARAMETER = "Unsupported parameter: 'temperature' is not supported with this model."
_SCHEMA = "Invalid schema for function 'record': schema must be of type 'object'."
_POLICY = "Your request was rejected as a result of our safety system."
_REGION = "Country, region, or territory not supported"
_MODEL = "The model does not exist or you do not have access to it."

KINDS: Mapping[str, Effect] = {
    "rate_limited": error(429, _PAUSE, code="rate_limit_exceeded", type="requests", headers=_SOON),
    "rate_limited_tokens": error(429, _TOKENS, code="rate_limit_exceeded", type="tokens", headers=_SOON),
    "slow_down": error(429, _RAMP, code="slow_down", type="requests", headers=_SOON),
    "flex_unavailable": error(429, _FLEX, code="resource_unavailable", type=_SERVER),
    "insufficient_quota": error(429, _QUOTA, code="insufficient_quota", type="insufficient_quota"),
    "bad_request": error(400, "We could not make sense of this request.", type=_BAD),
    "context_length": error(400, _WINDOW, code="context_length_exceeded", type=_BAD, param="messages"),
    "unsupported_parameter": error(400, _PARAMETER, code="unsupported_parameter", type=_BAD, param="temperature"),
    "invalid_schema": error(
        400, _SCHEMA, code="invalid_function_parameters", type=_BAD, param="tools[0].function.parameters"
    ),
    "content_policy": error(400, _POLICY, code="content_policy_violation", type=_BAD),
    "unauthorized": error(401, "Incorrect API key provided.", code="invalid_api_key", type=_BAD),
    "forbidden": error(403, _REGION, code="unsupported_country_region_territory", type="request_forbidden"),
    "model_not_found": error(404, _MODEL, code="model_not_found", type=_BAD, param="model"),
    "408": error(408, "Request timed out.", type=_SERVER),
    "409": error(409, "The resource is in use.", type=_SERVER),
    "500": error(500, "The server had an error while processing your request.", type=_SERVER),
    "502": error(502, "Bad gateway.", type=_SERVER),
    "503": error(503, "The server is overloaded.", code="server_is_overloaded", type=_SERVER),
    "529": error(529, "Overloaded.", type="overloaded_error"),
    "reset_before_headers": Effect(wire=Wire.RESET_BEFORE_HEADERS),
    "reset_after_headers": Effect(wire=Wire.RESET_AFTER_HEADERS),
    "truncated_body": Effect(wire=Wire.TRUNCATED),
    "never_ends": Effect(wire=Wire.NEVER_ENDS),
    "slow_trickle": Effect(wire=Wire.TRICKLE),
    "hang": Effect(wire=Wire.HANG),
    "html_page": Effect(raw=_HTML),
    "html_error": Effect(status=502, raw=_HTML),
    "error_inside_200": Effect(raw=b'{"error":{"message":"Provider returned error","code":503}}'),
    "length": Effect(kept=0.5, finish_reason="length"),
    "content_filter": Effect(kept=0.5, finish_reason="content_filter"),
    "refusal": Effect(edit=edits.refusal),
    "empty_choices": Effect(edit=edits.empty_choices),
    "null_content": Effect(edit=edits.null_content),
    "missing_usage": Effect(edit=edits.missing_usage),
    "invalid_arguments": Effect(edit=edits.invalid_arguments, structured=True),
    "wrong_schema_arguments": Effect(arguments='{"unexpected": ["form"], "of": 1}', structured=True),
    "duplicated_tool_calls": Effect(edit=edits.duplicated_tool_calls, structured=True),
    "prose_instead_of_call": Effect(prose="Certainly! Here is what I would write about it.", structured=True),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault that strikes some of the calls.

    Which ones is decided by the seed and the call (its body, and how often this body came before), never by the order
    of arrival; a call meets one fault at most.
    """

    kind: str
    """One of `KINDS`; with an `effect` of your own, any name for the statistics."""
    rate: float = 1.0
    """Share of the calls that it strikes, whatever other faults there are."""
    start_s: float = 0.0
    """Seconds since the simulator began."""
    end_s: float = math.inf
    models: tuple[str, ...] = ()
    """Only calls to these; all when empty."""
    every: int | None = None
    """In place of `rate`: the first call, and each n-th after it, in order of arrival, before all other faults."""
    sticky: bool = False
    """A body that is struck once is struck whenever it comes: an article that no retry helps."""
    effect: Effect | None = None
    endpoints: tuple[Endpoint, ...] = ("chat",)
    """Only calls that arrive there."""

    def __post_init__(self) -> None:
        if self.effect is None and self.kind not in KINDS:
            raise SettingsError(f"There is no fault {self.kind!r}; there are {', '.join(KINDS)}.")
        if not 0 <= self.rate <= 1:
            raise SettingsError(f"The rate of the fault {self.kind!r} must be from 0 to 1, not {self.rate:g}.")
        if not 0 <= self.start_s < self.end_s:
            raise SettingsError(f"The fault {self.kind!r} must end after it starts, and start at 0 s or later.")
        if self.every is not None and self.every < 1:
            raise SettingsError(f"The fault {self.kind!r} can strike every call or less often, not every {self.every}.")

    def applies(self, model: str | None, now_s: float, endpoint: Endpoint = "chat") -> bool:
        """Tell whether it is on for `model` at `now_s` seconds since the simulator began."""
        meant = (not self.models or model in self.models) and endpoint in self.endpoints
        return meant and self.start_s <= now_s < self.end_s

    @property
    def does(self) -> Effect:
        """What it does to a call."""
        return self.effect or KINDS[self.kind]


def struck(
    faults: tuple[Fault, ...],
    *,
    model: str | None,
    index: int,
    now_s: float,
    draws: Draws,
    endpoint: Endpoint = "chat",
) -> Fault | None:
    """Return the fault that strikes a call, if one does."""
    if not faults:
        return None
    on = [fault for fault in faults if fault.applies(model, now_s, endpoint)]
    counted = next((fault for fault in on if fault.every is not None and index % fault.every == 0), None)
    if counted is not None or not on:
        return counted
    sticky = [fault for fault in on if fault.sticky and fault.every is None]
    fresh = [fault for fault in on if not fault.sticky and fault.every is None]
    # What sticky faults take of the calls, the others cannot strike: so each strikes as many of the rest as it needs.
    rest = 1 - sum(fault.rate for fault in sticky)
    return _met(sticky, draws.sticky) or _met(fresh, draws.fault * rest)


def _met(faults: list[Fault], luck: float) -> Fault | None:
    """Return the fault in whose part of the range from 0 to 1 `luck` falls; the parts lie side by side."""
    for fault in faults:
        if luck < fault.rate:
            return fault
        luck -= fault.rate
    return None
