"""Lists in pages, as `/v1/files` and `/v1/batches` give them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import parse_qsl

from . import refusals
from .effects import Json
from .refusals import Refusal

_ORDERS = ("asc", "desc")


class Turn(NamedTuple):
    """Which page is asked for."""

    limit: int
    after: str | None
    newest_first: bool
    purpose: str | None


def read_turn(query: str, names: frozenset[str], *, usual: int, most: int) -> Turn | Refusal:
    """Return what a query with these names asks for, or what the API says of it."""
    found = dict(parse_qsl(query, keep_blank_values=True))
    unknown = next((name for name in found if name not in names), None)
    if unknown is not None:
        return refusals.unknown(unknown)
    order, limit = found.get("order", "desc"), found.get("limit", str(usual))
    if order not in _ORDERS:
        return refusals.invalid_value("order", order, _ORDERS)
    if not re.fullmatch(r"-?\d{1,9}", limit, re.ASCII):
        return refusals.wrong_type("limit", "an integer")
    refusal = refusals.out_of_bounds("limit", int(limit), least=1, most=most)
    return refusal or Turn(int(limit), found.get("after"), order == "desc", found.get("purpose"))


def page(entries: Iterable[Json], turn: Turn) -> Json | Refusal:
    """Return the page of `entries`, which come in the order that was asked for."""
    waiting, found = turn.after is not None, list[Json]()
    for entry in entries:
        if not waiting:
            found.append(entry)
        waiting = waiting and entry["id"] != turn.after
        if len(found) > turn.limit:
            break
    if waiting:
        return refusals.invalid(f"Invalid 'after': there is no '{turn.after}'.", param="after", code="invalid_value")
    data = found[: turn.limit]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": len(found) > turn.limit,
    }
