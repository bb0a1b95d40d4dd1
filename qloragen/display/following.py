"""A run in another process, seen from its files alone for as long as that process works."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from ..view import View
from ..watching.file import Glimpse, Standing, glimpse

LOOK_EVERY_S = 0.5
_OLD_S = 5.0
"""What is seen is written every second; what is so old is said to be."""
_ENDS = {
    Standing.ABSENT: "no process is at work",
    Standing.ENDED: "the last process has ended",
    Standing.DIED: "the last process ended without a word",
}


def ending(found: Glimpse) -> str:
    """Return in words how things stand where nobody is at work."""
    return _ENDS[found.standing]


class Follower(Protocol):
    """Who is told what the files say."""

    def wait(self, found: Glimpse) -> None:
        """Nobody is at work yet."""
        ...

    def see(self, found: Glimpse) -> None:
        """A process is at work."""
        ...


async def follow(folder: Path, follower: Follower) -> Glimpse:
    """Tell `follower` what the files of a run directory say until a process that was at work is gone, and return what
    that has left. If there is none yet, this waits for one."""
    seen = False
    while True:
        found = await anyio.to_thread.run_sync(glimpse, folder)
        if found.standing == Standing.AT_WORK:
            seen = True
            follower.see(found)
        elif seen:
            return found
        else:
            follower.wait(found)
        await anyio.sleep(LOOK_EVERY_S)


class Shown:
    """What people see of a run in another process: its view, and sentences where there is none."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.view: View | None = None
        """What was seen last of the process at work."""
        self._folder = folder
        self._say = say
        self._said = ""

    def wait(self, found: Glimpse) -> None:
        """Say once that nobody is at work."""
        none = ending(found) if self._folder.is_dir() else "there is no such directory"
        self._once(f"{none}; waiting for a process to begin here (Ctrl-C leaves)")

    def see(self, found: Glimpse) -> None:
        """Take in what the process at work looks like, and say when that is old."""
        self.view = found.view
        if found.view is None:
            self._once("a process is at work, and there is nothing to be seen of it yet")
        elif (datetime.now(UTC) - found.view.time).total_seconds() >= _OLD_S:
            self._once("a process is at work, but has been seen to do nothing for some seconds: it may be stopped")
        else:
            self._said = ""

    def end(self, found: Glimpse) -> None:
        """Take in what a process that was seen at work has left."""
        if self.view is not None and found.view is not None:
            self.view = found.view

    def _once(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._say(f"{self._folder}: {sentence}")
