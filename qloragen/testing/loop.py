"""An asyncio event loop on virtual time: an hour of waiting takes as long as the code that runs in it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import anyio.to_thread
from anyio import CapacityLimiter

Value = TypeVar("Value")

_TURN_S = 1e-9
"""What each turn of the loop costs: on a clock that stands still, a timer rounded down to "now" spins for ever."""
_THREAD_S = 0.05
"""Real seconds after which threads are looked at again; one that ends wakes the loop by itself."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing is ready; its clock starts at 0 s.

    Use it with `anyio.run(main, backend_options={"loop_factory": VirtualLoop})`, or in pytest with a fixture
    `anyio_backend` that returns `("asyncio", {"loop_factory": VirtualLoop})`. Sockets live in real time and do not mix
    with it; threads do after `wait_for_threads`, which whole sessions need: they read and write files in threads.

    Raises:
        RuntimeError: from the loop, when all tasks wait and no timer is left: a deadlock, found at once.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._threads: CapacityLimiter | None = None
        super().__init__(_JumpingSelector(self._advance, self._threads_work))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def wait_for(self, threads: CapacityLimiter) -> None:
        """Let the clock stand from now on while some of `threads` are at work."""
        self._threads = threads

    def _threads_work(self) -> bool:
        return self._threads is not None and self._threads.borrowed_tokens > 0

    def _advance(self, seconds: float) -> None:
        self._now_s += seconds + _TURN_S


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that lets the clock jump over the time it was asked to sleep."""

    def __init__(self, advance: Callable[[float], None], threads_work: Callable[[], bool]) -> None:
        super().__init__()
        self._advance = advance
        self._threads_work = threads_work

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        while not ready and timeout != 0 and self._threads_work():
            ready = super().select(_THREAD_S)
        if timeout is None and not ready:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        self._advance(0.0 if ready or timeout is None else max(timeout, 0.0))
        return ready


async def wait_for_threads() -> None:
    """Let the clock of the running `VirtualLoop` stand while threads work that anyio has started.

    Raises:
        TypeError: The running loop is no `VirtualLoop`.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        raise TypeError(f"{type(loop).__name__} keeps real time, in which threads need nobody to wait for them.")
    loop.wait_for(anyio.to_thread.current_default_thread_limiter())


def run_virtually(main: Coroutine[Any, Any, Value]) -> Value:
    """Run `main` on a `VirtualLoop` that waits for threads, as `asyncio.run` would; returns what it returns."""

    async def started() -> Value:
        await wait_for_threads()
        return await main

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(started())
