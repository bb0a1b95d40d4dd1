"""Calls to the files and the batches, as a shell hands them over."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..engine.client import Ask
from .faults import Endpoint

__all__ = ["Ask", "Route", "route_of"]

_PATH = re.compile(r"(?:/v1)?/(files|batches)(?:/([^/]+)(?:/(content|cancel))?)?")


class Route(NamedTuple):
    """Which address that is."""

    endpoint: Endpoint
    id: str | None
    action: str | None
    """What stands behind the id: `content`, `cancel`."""


def route_of(path: str) -> Route | None:
    """Return where an address leads; None for what is neither file nor batch."""
    found = _PATH.fullmatch(path)
    return None if found is None else Route("files" if found[1] == "files" else "batches", found[2], found[3])
