"""Values to what JSON can say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal

_MOST_BITS = 64
"""Of a whole number that every reader of JSON takes as one."""


def fields_of(value: object) -> dict[str, object]:
    """Return the fields of a dataclass by name, as JSON values."""
    if not is_dataclass(value):
        raise TypeError(value)
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return value.isoformat()
        case int() if value.bit_length() >= _MOST_BITS:
            return float(value)
        case Mapping():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case tuple() | list():
            return [_plain(inner) for inner in value]
        case _:
            return fields_of(value) if is_dataclass(value) else value
