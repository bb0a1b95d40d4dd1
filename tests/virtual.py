"""Processes in virtual time that can be killed between two awaits."""

from __future__ import annotations

import asyncio

from qloragen.testing import VirtualLoop, wait_for_threads


class Killed(BaseException):
    """The process is no more."""


class SessionLoop(VirtualLoop):
    """A virtual loop whose turns are counted, and can be ended at any of them."""

    def __init__(self):
        super().__init__()
        self.turns = 0
        self.last_turn: int | None = None

    def start_at(self, now_s):
        """Set the clock."""
        self._now_s = now_s

    def kill(self):
        """Let this turn be the last."""
        self.last_turn = self.turns + 1

    def _advance(self, seconds):
        self.turns += 1
        if self.turns == self.last_turn:
            raise Killed
        super()._advance(seconds)


class Life:
    """One process in virtual time, which may be killed at any turn of its loop, between two awaits."""

    def __init__(self, main, *, start_s=0.0, last_turn=None, at_death=lambda: None):
        """`at_death` is called the moment it is killed, before anything of it has been told."""
        self.killed = False
        self.error: Exception | None = None
        """What `main` ended with."""
        self._loop = SessionLoop()
        self._loop.start_at(start_s)
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:

            async def started():
                await wait_for_threads()
                self._loop.turns, self._loop.last_turn = 0, last_turn
                try:
                    await main()
                finally:
                    self._loop.last_turn = None

            try:
                runner.run(started())
            except Killed:
                self.killed = True
                at_death()
            except Exception as error:  # noqa: BLE001 - for whoever started this life
                self.error = error
            self.turns = self._loop.turns
            self.ended_s = self._loop.time()
