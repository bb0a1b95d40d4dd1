"""The addresses that only look: models and statistics. Each is found with `/v1` before it or without."""

from __future__ import annotations

import orjson

from . import refusals
from .provider import Provider

CHAT = "/chat/completions"
MODELS = "/models"
STATISTICS = "/simulator/statistics"


def look_up(provider: Provider, method: str, path: str) -> tuple[int, bytes]:
    """Return status and JSON of a request that is no chat completion."""
    if method == "GET" and path.endswith(STATISTICS):
        return 200, orjson.dumps(provider.statistics.as_dict())
    if method == "GET" and path.endswith(MODELS):
        listed = [{"id": name, "object": "model", "owned_by": "simulator"} for name in provider.models]
        return 200, orjson.dumps({"object": "list", "data": listed})
    refusal = refusals.no_path(method, path)
    return refusal.status, refusal.body
