"""What sinks may be called."""

from __future__ import annotations

import re

MOST_NAME_CHARS = 200
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_OTHERS = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_PLAIN_CHARS = 60


def is_name(text: str) -> bool:
    """Say whether a sink may be called that: it is the name of a file of the run, too."""
    return len(text) <= MOST_NAME_CHARS and _NAME.fullmatch(text) is not None


def plain(text: str) -> str:
    """Return `text`, cut, with `_` for what is not allowed in names."""
    return _OTHERS.sub("_", text)[:_MOST_PLAIN_CHARS]
