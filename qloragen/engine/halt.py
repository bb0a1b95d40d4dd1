"""The one way in which an engine stops."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ..errors import RunStopped


class Halt:
    """Whether an engine has stopped, and why; wakes everyone who waits when it does. The first reason stays."""

    def __init__(self) -> None:
        self.reason: RunStopped | None = None
        self.told: list[Callable[[], None]] = []
        """Called once, when the engine stops."""
        self._event = anyio.Event()

    def stop(self, reason: RunStopped) -> None:
        """Stop for `reason`, unless it has stopped already."""
        if self.reason is None:
            self.reason = reason
            self._event.set()
            for tell in self.told:
                tell()

    def check(self) -> None:
        """Return while the engine works.

        Raises:
            RunStopped: it has stopped.
        """
        if self.reason is not None:
            raise self.reason.with_traceback(None)

    async def sleep(self, seconds: float) -> None:
        """Wait, but not beyond the end of the engine.

        Raises:
            RunStopped: it has stopped.
        """
        if seconds > 0:
            with anyio.move_on_after(seconds):
                await self._event.wait()
        self.check()
