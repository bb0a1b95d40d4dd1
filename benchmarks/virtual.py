"""Whole runs in virtual time: sessions work in threads too, which `qloragen.testing.VirtualLoop` knows nothing of."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

Value = TypeVar("Value")

_TURN_S = 1e-9
_THREAD_S = 0.05
"""Real seconds after which a thread is looked for again; it wakes the loop by itself."""


class _Selector(selectors.DefaultSelector):
    """Jumps to the next timer when nothing is ready, but lets the clock stand while a thread is at work."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.threads: CapacityLimiter | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while not ready and timeout != 0 and self.threads is not None and self.threads.borrowed_tokens:
            ready = super().select(_THREAD_S)
        if timeout is None and not ready:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        self.now_s += _TURN_S if ready or timeout is None else max(timeout, 0.0) + _TURN_S
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.jumping = _Selector()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now_s


def run(main: Coroutine[Any, Any, Value]) -> Value:
    """Run `main` on a clock that starts at 0 s and jumps over all waiting."""
    loop = _Loop()

    async def started() -> Value:
        loop.jumping.threads = anyio.to_thread.current_default_thread_limiter()
        return await main

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(started())
