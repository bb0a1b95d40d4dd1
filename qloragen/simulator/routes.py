"""The addresses that only look: models, stored completions, statistics. With `/v1` before them or without."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

import orjson

from . import refusals
from .effects import Json
from .provider import Provider
from .refusals import Refusal
from .replies import CREATED
from .storing import read_wish

CHAT = "/chat/completions"
MODELS = "/models"
DECISIONS = "/decisions"
STATISTICS = "/simulator/statistics"


class Look(NamedTuple):
    """A request that is no chat completion."""

    method: str
    path: str
    query: str = ""


def is_gated(path: str) -> bool:
    """Tell whether an address is part of the API, which an outage or a wrong key closes."""
    return not path.endswith(STATISTICS)


def look_up(provider: Provider, look: Look, clock_s: float) -> tuple[int, bytes]:
    """Return status and JSON of what is looked at; HEAD is as GET."""
    found = _found(provider, look, clock_s) if look.method in {"GET", "HEAD"} else None
    if found is None:
        found = refusals.no_path(look.method, look.path)
    return (found.status, found.body) if isinstance(found, Refusal) else (200, orjson.dumps(found))


def _found(provider: Provider, look: Look, clock_s: float) -> Json | Refusal | None:
    """Return what is at an address; None where there is none."""
    path = look.path
    if path.endswith(STATISTICS):
        provider.catch_up(clock_s)
        return provider.statistics.as_dict()
    if path.endswith(MODELS):
        return {"object": "list", "data": [_entry(name) for name in provider.models]}
    if path.endswith(CHAT):
        return _listed(provider, look.query, clock_s)
    _, is_kept, key = path.partition(f"{CHAT}/")
    if is_kept:
        return None if "/" in key else provider.shelf.one(unquote(key), clock_s) or refusals.not_kept(key)
    _, is_model, name = path.partition(f"{MODELS}/")
    if is_model:
        return _entry(name) if provider.simulation.behaviour(name) is not None else refusals.no_model(name)
    return None


def _listed(provider: Provider, query: str, clock_s: float) -> Json | Refusal:
    wish = read_wish(query)
    if isinstance(wish, Refusal):
        return wish
    if wish.after is not None and not provider.shelf.has(wish.after, clock_s):
        return refusals.invalid(f"Invalid 'after': no completion '{wish.after}'.", param="after", code="invalid_value")
    return provider.shelf.page(wish, clock_s)


def _entry(name: str) -> Json:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}
