"""The one way in which an engine stops, for good or until it is told to go on."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from ..errors import RunStopped


class Halt:
    """Whether an engine has stopped, and why; wakes everyone who waits when it does. The first reason stays.

    A pause wakes nobody and fails nothing; a stop ends it for whoever waits.
    """

    def __init__(self) -> None:
        self.reason: RunStopped | None = None
        self.paused: str | None = None
        """Why nothing is sent for the time being."""
        self.told: list[Callable[[], None]] = []
        """Called when the engine stops, and when a pause begins and is over."""
        self.resumed: list[Callable[[float], None]] = []
        """Called before these when a pause is over, with the seconds that it took."""
        self._event = anyio.Event()
        self._paused_at_s = 0.0

    def stop(self, reason: RunStopped) -> None:
        """Stop for `reason`, unless it has stopped already."""
        if self.reason is None:
            self.reason = reason
            self._event.set()
            self._tell()

    def pause(self, why: str) -> None:
        """Send nothing until `resume`; of several pauses the last reason counts, and the first beginning."""
        begins = self.paused is None
        self.paused = why
        if begins:
            self._paused_at_s = anyio.current_time()
            self._tell()

    def resume(self) -> None:
        """Go on, if there is a pause."""
        if self.paused is None:
            return
        self.paused = None
        for take_in in self.resumed:
            take_in(anyio.current_time() - self._paused_at_s)
        self._tell()

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

    def _tell(self) -> None:
        for tell in self.told:
            tell()
