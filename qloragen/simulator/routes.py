"""The addresses that only look: models and statistics. Each is found with `/v1` before it or without."""

from __future__ import annotations

import orjson

from . import refusals
from .effects import Json
from .provider import Provider
from .refusals import Refusal
from .replies import CREATED

CHAT = "/chat/completions"
MODELS = "/models"
STATISTICS = "/simulator/statistics"


def is_gated(path: str) -> bool:
    """Tell whether an address is part of the API, which an outage or a wrong key closes."""
    return not path.endswith(STATISTICS)


def look_up(provider: Provider, method: str, path: str) -> tuple[int, bytes]:
    """Return status and JSON of a request that is no chat completion; HEAD is as GET."""
    looks = method in {"GET", "HEAD"}
    if looks and path.endswith(STATISTICS):
        return 200, orjson.dumps(provider.statistics.as_dict())
    if looks and path.endswith(MODELS):
        return 200, orjson.dumps({"object": "list", "data": [_entry(name) for name in provider.models]})
    _, found, name = path.partition(f"{MODELS}/")
    if not looks or not found:
        return _told(refusals.no_path(method, path))
    return (200, orjson.dumps(_entry(name))) if provider.has(name) else _told(refusals.no_model(name))


def _entry(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}


def _told(refusal: Refusal) -> tuple[int, bytes]:
    return refusal.status, refusal.body
