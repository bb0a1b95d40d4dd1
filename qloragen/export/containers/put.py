"""What writes rows, and what they are as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import orjson

from ..example import ExportError
from ..form import Column, Row
from ..whole import Write

Put = Callable[[Row], int]
"""Writes a row and returns of how many bytes it is, before compression; 0 where rows have no bytes of their own."""

Container = Callable[[Write, Mapping[str, Column]], AbstractContextManager[Put]]
"""Lays out rows of such columns as the bytes of a file, which is complete when the context is left without an error."""


def encoded(row: Row) -> bytes:
    """Return `row` as JSON in UTF-8.

    Raises:
        ExportError: A text of it has half a surrogate pair, for which UTF-8 and all that reads files have no place.
    """
    try:
        return orjson.dumps(row)
    except orjson.JSONEncodeError as error:
        beginning = ascii(dict(row))[:200]
        raise ExportError(f"The row {beginning}... cannot be written: {error}; mend that text.") from error
