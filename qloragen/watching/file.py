"""`progress.json`: what a session at work looks like, for other processes. Nothing depends on it.

It is written past the seam to the disk (see `store.files`) on purpose: it is no part of the run, need not survive a
loss of power, and where the disk refuses it nothing is wrong that the journal will not say.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from ..store.lock import in_use, owner
from ..store.names import PROGRESS
from ..view import View


class Standing(StrEnum):
    """Whether somebody works in a run directory."""

    ABSENT = "absent"
    """Nobody does, and nothing was seen of the last one who did."""
    AT_WORK = "at work"
    ENDED = "ended"
    """The last session was left."""
    DIED = "died"
    """The last process ended without a word."""


class Glimpse(NamedTuple):
    """What the files say of the session in a run directory."""

    standing: Standing
    view: View | None
    """The last that was seen of the session at work, or else of the last one; None before its first call."""


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


def write_view(folder: Path, view: View) -> None:
    """Replace `progress.json` at once; whoever calls this holds the lock of `folder`.

    Raises:
        OSError: The disk refuses.
    """
    # Not by orjson, which refuses limits beyond 64 bits.
    content = json.dumps({"process": owner(folder), "view": view.as_dict()}, separators=(",", ":"))
    draft = folder / f"{PROGRESS}.new"
    draft.unlink(missing_ok=True)  # whatever it is: a link may lead anywhere
    try:
        with os.fdopen(os.open(draft, _NEW, 0o600), "w", encoding="ascii") as file:
            file.write(f"{content}\n")
        draft.replace(folder / PROGRESS)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)  # of a full disk it would take what is left
        raise


def glimpse(folder: Path) -> Glimpse:
    """Return what there is to see of the session in a run directory, from the files alone."""
    at_work = in_use(folder)
    process, view = _read(folder)
    if at_work:
        return Glimpse(Standing.AT_WORK, view if process == owner(folder) else None)
    if view is None:
        return Glimpse(Standing.ABSENT, None)
    return Glimpse(Standing.ENDED if view.ended else Standing.DIED, view)


def _read(folder: Path) -> tuple[str | None, View | None]:
    """Return which process has written the file, and what; None for both where it is absent or damaged."""
    try:
        match json.loads((folder / PROGRESS).read_bytes()):
            case {"process": str(process), "view": view}:
                return process, View.from_dict(view)
    except (OSError, ValueError, RecursionError):
        pass
    return None, None
