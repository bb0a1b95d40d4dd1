"""The file of a batch: its requests, or what the API says of its lines.

The words for broken JSON, missing fields, other URLs, streaming, unknown models and bodies without a model or messages
are those that the API was seen to give (github.com/llamastack/llama-stack, tests of its batches, August 2025); those
for several models and for repeated ids are Alibaba Cloud's for its compatible API. Unverified: the codes and words for
other methods, lines that are no objects, empty files and too many requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from .effects import Json

CHAT_URL = "/v1/chat/completions"
"""The one endpoint that batches have here."""
_REQUIRED = ("custom_id", "method", "url", "body")


class LineError(NamedTuple):
    """What is wrong with a file; `line` counts from 1, and is None for what concerns all of it."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class Asked(NamedTuple):
    """One request of a file."""

    custom_id: str
    body: bytes
    """As a client would have sent it: the JSON of the body, keys in their order."""


@dataclass(frozen=True, slots=True)
class BatchInput:
    """A file that was read; with errors it has no requests."""

    requests: tuple[Asked, ...]
    errors: tuple[LineError, ...]
    model: str | None
    """Of its first request."""


def read_input(content: bytes, *, most: int, has_model: Callable[[str], bool]) -> BatchInput:
    """Return what a file asks for, or everything that is wrong with it."""
    reader = _Reader(has_model)
    requests = [asked for number, line in _lines(content) if (asked := reader.read(number, line)) is not None]
    errors = list(reader.errors)
    if not requests and not errors:
        errors.append(
            LineError("empty_file", "The input file is empty. Please ensure that the batch contains requests.")
        )
    if len(requests) > most:
        errors.append(LineError("too_many_tasks", f"The number of requests in the batch must not exceed {most}."))
    return BatchInput(() if errors else tuple(requests), tuple(errors), reader.model)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip())


class _Reader:
    """Reads line after line, and remembers what all of them must agree on."""

    def __init__(self, has_model: Callable[[str], bool]) -> None:
        self.errors: list[LineError] = []
        self.model: str | None = None
        self._has_model = has_model
        self._ids: set[str] = set()

    def read(self, number: int, line: bytes) -> Asked | None:
        """Return the request of a line; None if there is something wrong with it, which is noted."""
        request = _parsed(line)
        error = _fault(request) if isinstance(request, dict) else request
        if error is None:
            assert isinstance(request, dict)
            error = self._disagreement(request)
        if error is not None:
            self.errors.append(error._replace(line=number))
            return None
        assert isinstance(request, dict)
        return Asked(request["custom_id"], orjson.dumps(request["body"]))

    def _disagreement(self, request: Json) -> LineError | None:
        """Return what is wrong with a request among the others."""
        custom_id, model = request["custom_id"], request["body"]["model"]
        if custom_id in self._ids:
            message = f"The custom_id '{custom_id}' for this request is a duplicate of another request. "
            message += "The custom_id parameter must be unique for each request in a batch."
            return LineError("duplicate_custom_id", message, "custom_id")
        self._ids.add(custom_id)
        if not self._has_model(model):
            message = f"The provided model '{model}' is not supported by the Batch API."
            return LineError("model_not_found", message, "body.model")
        self.model = self.model or model
        if model == self.model:
            return None
        message = f"The model '{model}' for this request does not match the rest of the batch. "
        message += "Each batch must contain requests for a single model."
        return LineError("mismatched_model", message, "body.model")


def _parsed(line: bytes) -> Json | LineError:
    try:
        request = orjson.loads(line)
    except orjson.JSONDecodeError:
        return LineError("invalid_json_line", "This line is not parseable as valid JSON.")
    return request if isinstance(request, dict) else LineError("invalid_request", "This line is not a JSON object.")


def _fault(request: Json) -> LineError | None:
    """Return what is wrong with a request alone."""
    for name in _REQUIRED:
        if not request.get(name) and request.get(name) != {}:
            return LineError("missing_required_parameter", f"Missing required parameter: '{name}'.", name)
    if not isinstance(request["custom_id"], str):
        return LineError("invalid_type", "Invalid type for 'custom_id': expected a string.", "custom_id")
    if request["method"] != "POST":
        return LineError("invalid_method", "The method of a request in a batch must be 'POST'.", "method")
    if request["url"] != CHAT_URL:
        message = "The URL provided for this request does not match the batch endpoint."
        return LineError("invalid_url", message, "url")
    return _body_fault(request["body"])


def _body_fault(body: object) -> LineError | None:
    if not isinstance(body, dict):
        return LineError("invalid_type", "Invalid type for 'body': expected an object.", "body")
    if not body.get("model") or not isinstance(body["model"], str):
        return LineError("invalid_request", "Model parameter is required.", "body.model")
    if not body.get("messages"):
        return LineError("invalid_request", "Messages parameter is required.", "body.messages")
    if body.get("stream"):
        message = "Chat Completions: Streaming is not supported in the Batch API."
        return LineError("streaming_unsupported", message, "body.stream")
    return None
