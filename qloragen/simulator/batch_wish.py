"""The wish for a batch: the body of `POST /v1/batches`, and what the API says of a wrong one."""

from __future__ import annotations

from typing import NamedTuple

from . import refusals
from .batch_input import CHAT_URL
from .effects import Json
from .filing import KEPT_S
from .refusals import Refusal
from .requests import read_body
from .storing import refused_pairs

_REQUIRED = ("input_file_id", "endpoint", "completion_window")
_KNOWN = frozenset({*_REQUIRED, "metadata", "output_expires_after"})
_LEAST_KEPT_S, _MOST_KEPT_S = 3_600, 2_592_000


class BatchWish(NamedTuple):
    """A batch that is to be created."""

    input_file_id: str
    metadata: Json | None
    kept_s: float
    """How long its files of results are to be kept."""


def read_batch_wish(raw: bytes) -> BatchWish | Refusal:
    """Return the wish of a body. Of the endpoints of the API only that of chat completions is supported here."""
    body = read_body(raw)
    if isinstance(body, Refusal):
        return body
    refusal = _refused(body) or _refused_metadata(body.get("metadata"))
    if refusal is not None:
        return refusal
    kept_s = read_expiry(body.get("output_expires_after"), "output_expires_after")
    if isinstance(kept_s, Refusal):
        return kept_s
    return BatchWish(body["input_file_id"], body.get("metadata"), KEPT_S if kept_s is None else kept_s)


def read_expiry(value: object, param: str) -> float | Refusal | None:
    """Return how many seconds after its making a file expires; None where nothing is said."""
    if value is None:
        return None
    if not isinstance(value, dict):
        return refusals.wrong_type(param, "an object")
    if value.get("anchor") != "created_at":
        return refusals.invalid_value(f"{param}.anchor", value.get("anchor"), ("created_at",))
    seconds = value.get("seconds")
    if type(seconds) is not int:
        return refusals.wrong_type(f"{param}.seconds", "an integer")
    refusal = refusals.out_of_bounds(f"{param}.seconds", seconds, least=_LEAST_KEPT_S, most=_MOST_KEPT_S)
    return refusal or float(seconds)


def _refused(body: Json) -> Refusal | None:
    unknown = next((name for name in body if name not in _KNOWN), None)
    if unknown is not None:
        return refusals.unknown(unknown)
    for name in _REQUIRED:
        if body.get(name) is None:
            return refusals.missing(name)
        if not isinstance(body[name], str):
            return refusals.wrong_type(name, "a string")
    for name, known in (("endpoint", CHAT_URL), ("completion_window", "24h")):
        if body[name] != known:
            return refusals.invalid_value(name, body[name], (known,))
    return None


def _refused_metadata(metadata: object) -> Refusal | None:
    if metadata is None:
        return None
    return refused_pairs(metadata) if isinstance(metadata, dict) else refusals.wrong_type("metadata", "an object")
