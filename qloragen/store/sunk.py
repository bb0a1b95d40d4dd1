"""The records of an open run as they lie in its sink, read without delay for whoever else is at work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import orjson

from .files import Disk
from .filing import unreadable
from .names import SINK
from .scan import lines


class Sunk(NamedTuple):
    """What a record says, and which one it is."""

    id: str
    article_id: str
    content_hash: str
    type_slug: str
    instruction: str
    output: str
    flags: tuple[str, ...]
    """What was noted of it."""


_TEXTS = Sunk._fields[:-1]


def sunk(folder: Path) -> Iterator[Sunk]:
    """Yield the records in the sink, in the order in which they were made; what is no record is passed over.

    Raises:
        StorageFailed: The disk refuses.
    """
    try:
        with (folder / SINK).open("rb") as sink:
            for _, line, ended in lines(Disk(), sink.fileno()):
                if ended and (one := _read(line)) is not None:
                    yield one
    except OSError as error:
        raise unreadable(folder / SINK, error) from error


def _read(line: bytes) -> Sunk | None:
    try:
        fields = orjson.loads(line)
        flags = (fields.get("quality") or {}).get("flags", ())
        key, article_id, content_hash, type_slug, instruction, output = (str(fields[name]) for name in _TEXTS)
        return Sunk(key, article_id, content_hash, type_slug, instruction, output, tuple(flags))
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
