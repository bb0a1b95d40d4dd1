"""An asyncio event loop on virtual time: an hour of waiting takes as long as the code that runs in it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

_TURN_S = 1e-9
"""What each turn of the loop costs: on a clock that stands still, a timer rounded down to "now" spins for ever."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing is ready; its clock starts at 0 s.

    Use it with `anyio.run(main, backend_options={"loop_factory": VirtualLoop})`, or in pytest with a fixture
    `anyio_backend` that returns `("asyncio", {"loop_factory": VirtualLoop})`. Sockets and threads live in real time and
    do not mix with it.

    Raises:
        RuntimeError: from the loop, when all tasks wait and no timer is left: a deadlock, found at once.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        super().__init__(_JumpingSelector(self._advance))

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def _advance(self, seconds: float) -> None:
        self._now_s += seconds + _TURN_S


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that lets the clock jump over the time it was asked to sleep."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        super().__init__()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is None and not ready:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        self._advance(0.0 if ready or timeout is None else max(timeout, 0.0))
        return ready
