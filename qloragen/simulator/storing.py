"""What the API refuses about stored completions: in a call that asks for it, and in a look at them."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from . import refusals
from .effects import Json
from .refusals import Refusal
from .shelf import Wish

_MOST_PAIRS, _MOST_KEY, _MOST_VALUE = 16, 64, 512
"""Of metadata, in characters (API reference, "Create chat completion")."""
_LISTED, _MOST_LISTED = 20, 100
_ORDERS = ("asc", "desc")
_NAMES = frozenset({"after", "limit", "order", "model", "api-version"})
_METADATA = re.compile(r"metadata\[(.*)\]", re.DOTALL)


def refused_by_storing(body: Json) -> Refusal | None:
    """Return what the API says of `store` and `metadata`, if it takes offence.

    Metadata without `store` is refused since 2025 (github.com/spiceai/spiceai, pull request 5231).
    """
    store, metadata = body.get("store"), body.get("metadata")
    if store is not None and not isinstance(store, bool):
        return refusals.wrong_type("store", "a boolean")
    if metadata is None:
        return None
    if not isinstance(metadata, dict):
        return refusals.wrong_type("metadata", "an object")
    if metadata and not store:
        message = "The 'metadata' parameter is only allowed when 'store' is enabled."
        return refusals.invalid(message, param="metadata")
    return refused_pairs(metadata)


def refused_pairs(metadata: Json) -> Refusal | None:
    """Return what the API says of metadata that are too many, too long, or no strings."""
    if len(metadata) > _MOST_PAIRS:
        message = f"Invalid 'metadata': too many properties. Expected an object with at most {_MOST_PAIRS} properties, "
        message += f"but got an object with {len(metadata)} properties instead."
        return refusals.invalid(message, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        if not isinstance(value, str):
            return refusals.wrong_type(f"metadata.{key}", "a string")
        if len(key) > _MOST_KEY:
            return refusals.too_long_text("metadata", _MOST_KEY, len(key))
        if len(value) > _MOST_VALUE:
            return refusals.too_long_text(f"metadata.{key}", _MOST_VALUE, len(value))
    return None


def read_wish(query: str) -> Wish | Refusal:
    """Return what a query asks for, or what the API says of one that asks for what there is not."""
    found: dict[str, str] = {}
    metadata: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if key := _METADATA.fullmatch(name):
            metadata[key[1]] = value
        elif name in _NAMES:
            found[name] = value
        else:
            return refusals.unknown(name)
    if (refusal := _refused(found)) is not None:
        return refusal
    return Wish(
        limit=int(found.get("limit", _LISTED)),
        order="desc" if found.get("order") == "desc" else "asc",
        after=found.get("after"),
        model=found.get("model"),
        metadata=metadata,
    )


def _refused(found: dict[str, str]) -> Refusal | None:
    order, limit = found.get("order", "asc"), found.get("limit", "1")
    if order not in _ORDERS:
        return refusals.invalid_value("order", order, _ORDERS)
    if not re.fullmatch(r"-?\d{1,9}", limit, re.ASCII):
        return refusals.wrong_type("limit", "an integer")
    return refusals.out_of_bounds("limit", int(limit), least=1, most=_MOST_LISTED)
