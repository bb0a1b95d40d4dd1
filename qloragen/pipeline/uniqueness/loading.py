"""The records of earlier sessions, taken in once, in a thread: no call waits for that, only the first judgement."""

from __future__ import annotations

from threading import Event

import anyio
import anyio.to_thread

from ...errors import RunStopped
from .judging import Unique


class Loading:
    """Sees to it that `Unique` is loaded before it judges; nothing is done until someone asks."""

    def __init__(self, unique: Unique) -> None:
        self._unique = unique
        self._lock = anyio.Lock()
        self._given_up: RunStopped | None = None

    async def done(self) -> None:
        """Return once it is loaded.

        Raises:
            RunStopped: The run has stopped meanwhile, or a file cannot be read.
        """
        if self._unique.is_loaded():
            return
        async with self._lock:
            if not self._unique.is_loaded() and not self._given_up:
                await self._load()
        if self._given_up and not self._unique.is_loaded():
            raise self._given_up

    def give_up(self, reason: RunStopped) -> None:
        """Leave off: nobody is to wait for minutes when the run stops. What was not judged yet is read next time."""
        self._given_up = reason

    async def _load(self) -> None:
        wanted = Event()
        wanted.set()
        try:
            await anyio.to_thread.run_sync(
                self._unique.load, lambda: wanted.is_set() and not self._given_up, abandon_on_cancel=True
            )
        finally:
            wanted.clear()
