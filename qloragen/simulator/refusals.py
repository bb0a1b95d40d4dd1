"""Error replies in OpenAI's own words and form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from .limits import Rejection

_INVALID = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error reply to be."""

    status: int
    message: str
    outcome: str
    """What the statistics call it."""
    type: str = _INVALID
    code: str | None = None
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The JSON that the client gets."""
        return error_body({"message": self.message, "type": self.type, "param": self.param, "code": self.code})


def error_body(error: Mapping[str, object] | None) -> bytes:
    """Return the JSON of an error reply."""
    return orjson.dumps({"error": error})


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> Refusal:
    """Return the 400 of a request that cannot be served."""
    return Refusal(400, message, "invalid_request", code=code, param=param)


def not_json() -> Refusal:
    """Return the 400 of a body that is no JSON object."""
    return invalid(
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library "
        "correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON.)"
    )


def missing(param: str) -> Refusal:
    """Return the 400 of a request without a required field."""
    return invalid(f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def wrong_type(param: str, wanted: str) -> Refusal:
    """Return the 400 of a field of the wrong type."""
    return invalid(f"Invalid type for '{param}': expected {wanted}.", param=param, code="invalid_type")


def unsupported(param: str, advice: str) -> Refusal:
    """Return the 400 of a parameter that the model does not take."""
    message = f"Unsupported parameter: '{param}' is not supported with this model. {advice}"
    return invalid(message, param=param, code="unsupported_parameter")


def unsupported_value(param: str, advice: str) -> Refusal:
    """Return the 400 of a value that the model does not take."""
    message = f"Unsupported value: '{param}' does not support this value. {advice}"
    return invalid(message, param=param, code="unsupported_value")


def invalid_value(param: str, value: object, known: Sequence[str]) -> Refusal:
    """Return the 400 of a word that the API does not know."""
    message = f"Invalid value: '{value}'. Supported values are: {', '.join(map(repr, known))}."
    return invalid(message, param=param, code="invalid_value")


def unknown(param: str) -> Refusal:
    """Return the 400 of a parameter that the API does not know."""
    return invalid(f"Unknown parameter: '{param}'.", param=param, code="unknown_parameter")


def out_of_bounds(param: str, value: int, *, least: int, most: int) -> Refusal | None:
    """Return the 400 of a number below or above its bounds; None if it is within them."""
    if least <= value <= most:
        return None
    side, sign, bound = ("below", ">=", least) if value < least else ("above", "<=", most)
    kind = "min" if value < least else "max"
    message = f"Invalid '{param}': integer {side} {kind}imum value. Expected a value {sign} {bound}, but got {value} "
    return invalid(message + "instead.", param=param, code=f"integer_{side}_{kind}_value")


def wrong_length(param: str, length: int, *, least: int, most: int) -> Refusal | None:
    """Return the 400 of an array with too few or too many elements; None if it has as many as it may."""
    if least <= length <= most:
        return None
    side, kind, bound = ("short", "minimum", least) if length < least else ("long", "maximum", most)
    message = f"Invalid '{param}': array too {side}. Expected an array with {kind} length {bound}, but got an array "
    code = f"array_{'below_min' if length < least else 'above_max'}_length"
    return invalid(f"{message}with length {length} instead.", param=param, code=code)


def too_long_text(param: str, most: int, length: int) -> Refusal:
    """Return the 400 of a text with too many characters."""
    message = f"Invalid '{param}': string too long. Expected a string with maximum length {most}, but got a string "
    message += f"with length {length} instead."
    return invalid(message, param=param, code="string_above_max_length")


def too_long(limit: int, prompt: int, cap: int) -> Refusal:
    """Return the 400 of a request that does not fit into the context window."""
    message = f"This model's maximum context length is {limit} tokens. However, you requested {prompt + cap} tokens "
    message += f"({prompt} in the messages, {cap} in the completion). "
    message += "Please reduce the length of the messages or completion."
    return invalid(message, param="messages", code="context_length_exceeded")


def no_key() -> Refusal:
    """Return the 401 of a call without the right key; it shows nothing of the key."""
    message = "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
    return Refusal(401, message, "unauthorized", code="invalid_api_key")


def no_model(model: str) -> Refusal:
    """Return the 404 of an unknown model."""
    message = f"The model `{model}` does not exist or you do not have access to it."
    return Refusal(404, message, "model_not_found", code="model_not_found", param="model")


def no_path(method: str, path: str) -> Refusal:
    """Return the 404 of an address that is not part of the API."""
    return Refusal(404, f"Invalid URL ({method} {path})", "invalid_url")


def not_kept(id: str) -> Refusal:
    """Return the 404 of a completion that is not stored."""
    return Refusal(404, f"Chat completion with id '{id}' not found.", "not_kept", param="completion_id")


def no_file(id: str) -> Refusal:
    """Return the 404 of a file that there is not."""
    return Refusal(404, f"No such File object: {id}", "not_found", param="id")


def no_batch(id: str) -> Refusal:
    """Return the 404 of a batch that there is not."""
    return Refusal(404, f"No batch found with id '{id}'.", "not_found")


def cannot_cancel(status: str) -> Refusal:
    """Return the 409 of a batch that has ended."""
    return Refusal(409, f"Cannot cancel a batch with status '{status}'.", "conflict")


def too_many_batches() -> Refusal:
    """Return the 429 of one batch too many in an hour."""
    message = "Rate limit reached for the creation of batches. Please try again later."
    return Refusal(429, message, "rejected_batches", type="requests", code="rate_limit_exceeded")


def rate_limited(model: str, rejection: Rejection, headers: Mapping[str, str]) -> Refusal:
    """Return the 429 of a call above a limit."""
    short = {"requests": "RPM", "tokens": "TPM"}[rejection.by]
    where = f"{model} in organization org-simulated on {rejection.by} per min ({short})"
    if rejection.requested > rejection.limit:
        limit = f"Limit {rejection.limit:.0f}, Requested {rejection.requested:.0f}"
        message = f"Request too large for {where}: {limit}. The input or output tokens must be reduced in order to run "
        message += "successfully."
    else:
        limit = f"Limit {rejection.limit:.0f}, Used {rejection.used:.0f}, Requested {rejection.requested:.0f}"
        message = f"Rate limit reached for {where}: {limit}. Please try again in {rejection.wait_s:.3f}s."
    outcome = {"requests": "rejected_rpm", "tokens": "rejected_tpm"}[rejection.by]
    return Refusal(429, message, outcome, type=rejection.by, code="rate_limit_exceeded", headers=headers)


def too_many(limit: int) -> Refusal:
    """Return the 429 of a call above the concurrency limit."""
    message = f"Too many concurrent requests: the limit is {limit}. Please try again when one has been answered."
    return Refusal(429, message, "rejected_concurrency", type="requests", code="rate_limit_exceeded")


def no_capacity() -> Refusal:
    """Return the 429 of the flex tier without capacity."""
    message = "Resource unavailable: there is no capacity for flex processing now. Please try again later."
    return Refusal(429, message, "flex_unavailable", type="server_error", code="resource_unavailable")


def outage() -> Refusal:
    """Return the 503 of an outage."""
    message = "The server is currently unavailable. Please try again later."
    return Refusal(503, message, "outage", type="server_error", code="service_unavailable")
