"""The records of a run that count, one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from ..store.frame import key_of
from ..types import InputMode, Quality
from .cells import Cells

_PROVENANCE = (
    *("article_id", "content_hash", "type", "type_slug", "prompt_fingerprint"),
    *("model", "finish_reason", "usage", "quality"),
)
"""Without these nobody knows where a record comes from."""


class Made(NamedTuple):
    """What a report needs of a record."""

    id: str
    article_id: str
    title: str | None
    content_hash: str
    slug: str
    instruction: str
    input: str
    output: str
    mode: InputMode
    quality: Quality | None
    """What was measured of it when it was made; None in runs of earlier versions."""
    complete: bool
    """Whether its line says all of where it comes from."""


class Counting:
    """Tells which lines hold the records of today: those of a cell that count, of the last circumstances."""

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._seen = Counter[str]()
        """Of cells with several records: how many have come."""

    def record(self, kind: str, line: bytes) -> Made | None:
        """Return the record that a line holds; None when it holds none that counts. To be called for each in order."""
        if kind not in {"record", "revised"}:
            return None
        key = key_of(line)
        cell = self._cells.find(key)
        if cell is None or not cell.counts or not cell.current:
            return None
        if cell.records > 1:
            self._seen[key] += 1
            if self._seen[key] != cell.counts:
                return None
        return _made(key, orjson.loads(line))


def _made(key: str, fields: Mapping[str, Any]) -> Made:
    return Made(
        id=key,
        article_id=fields["article_id"],
        title=fields["title"],
        content_hash=fields["content_hash"],
        slug=fields["type_slug"],
        instruction=fields["instruction"],
        input=fields["input"],
        output=fields["output"],
        mode=fields["input_mode"],
        quality=_quality(fields.get("quality")),
        complete=all(fields.get(name) not in (None, "") for name in _PROVENANCE),
    )


def _quality(measured: Mapping[str, Any] | None) -> Quality | None:
    """Return what a line says of it; lines of newer versions may say more."""
    if not measured:
        return None
    known = {name: measured[name] for name in ("grounded", "supported") if name in measured}
    return Quality(**known, flags=tuple(measured.get("flags", ())))
