"""A virtual clock for whole sessions, which work in threads too: it stands still while one of them is at work."""

from __future__ import annotations

import asyncio
import selectors

import anyio.to_thread
from anyio import CapacityLimiter

_TURN_S = 1e-9
_THREAD_S = 0.05
"""Real seconds after which a thread is looked for again; it wakes the loop by itself."""


class _Jumping(selectors.DefaultSelector):
    def __init__(self):
        super().__init__()
        self.now_s = 0.0
        self.threads: CapacityLimiter | None = None

    def select(self, timeout=None):
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


async def know_threads() -> None:
    """Let the clock of the running loop stand while threads work."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SessionLoop)
    loop.jumping.threads = anyio.to_thread.current_default_thread_limiter()


def run(main):
    """Run the coroutine function `main` in virtual time."""

    async def started():
        await know_threads()
        return await main()

    with asyncio.Runner(loop_factory=SessionLoop) as runner:
        return runner.run(started())
