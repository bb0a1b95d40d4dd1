"""Which sink a run directory has: the first call in its journal tells whether it makes records, or judges them."""

from __future__ import annotations

import orjson

from .files import Files
from .frame import is_whole
from .names import JUDGEMENTS, SINK
from .scan import lines

_BLOCK_BYTES = 64 << 10


def sink_in(files: Files, journal: int) -> str | None:
    """Return the name of the sink that belongs to a journal; None when there is no call in it that would tell.

    Raises:
        OSError: The disk refuses.
    """
    for _, line, _ in lines(files, journal, block_bytes=_BLOCK_BYTES):
        stage = _stage_of(line) if is_whole(line) else None
        if stage is not None:
            return JUDGEMENTS if stage == "judge" else SINK
    return None


def _stage_of(line: bytes) -> str | None:
    """Return what the call was for that a whole line tells of; None where it tells of none."""
    fields = orjson.loads(line) if b'"stage":"' in line else {}
    return fields.get("stage")
