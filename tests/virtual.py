"""A virtual clock for whole sessions, which work in threads too: it stands still while one of them is at work."""

from __future__ import annotations

import asyncio
import selectors

import anyio.to_thread
from anyio import CapacityLimiter

_TURN_S = 1e-9
_THREAD_S = 0.05
"""Real seconds after which a thread is looked for again; it wakes the loop by itself."""


class Killed(BaseException):
    """The process is no more."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now_s = 0.0
        self.threads: CapacityLimiter | None = None
        self.turns = 0
        self.last_turn: int | None = None

    def select(self, timeout=None):
        self.turns += 1
        if self.turns == self.last_turn:
            raise Killed
        ready = super().select(0)
        while not ready and timeout != 0 and self.threads is not None and self.threads.borrowed_tokens:
            ready = super().select(_THREAD_S)
        if timeout is None and not ready:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        self.now_s += _TURN_S if ready or timeout is None else max(timeout, 0.0) + _TURN_S
        return ready


class SessionLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 s and jumps over all waiting; `know_threads` comes first."""

    def __init__(self):
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self):
        return self.jumping.now_s

    def kill(self):
        """Let this turn be the last."""
        self.jumping.last_turn = self.jumping.turns + 1


async def know_threads() -> None:
    """Let the clock of the running loop stand while threads work."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SessionLoop)
    loop.jumping.threads = anyio.to_thread.current_default_thread_limiter()


class Life:
    """One process in virtual time, which may be killed at any turn of its loop, between two awaits."""

    def __init__(self, main, *, start_s=0.0, last_turn=None, at_death=lambda: None):
        """`at_death` is called the moment it is killed, before anything of it has been told."""
        self.killed = False
        self.error: Exception | None = None
        """What `main` ended with."""
        self._loop = SessionLoop()
        jumping = self._loop.jumping
        jumping.now_s = start_s
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:

            async def started():
                await know_threads()
                jumping.turns, jumping.last_turn = 0, last_turn
                try:
                    await main()
                finally:
                    jumping.last_turn = None

            try:
                runner.run(started())
            except Killed:
                self.killed = True
                at_death()
            except Exception as error:  # noqa: BLE001 - for whoever started this life
                self.error = error
            self.turns = jumping.turns
            self.ended_s = jumping.now_s
