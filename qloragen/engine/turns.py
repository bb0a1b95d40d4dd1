"""One place, taken in order of arrival."""

from __future__ import annotations

from collections import deque

import anyio


class Turns:
    """One place that one caller at a time holds; the others wait in order of arrival, whatever their number.

    Those who `enter` `again` go before those who come for the first time: they have waited already. A hand-over costs
    the same for ten waiters and ten thousand.
    """

    def __init__(self) -> None:
        self._first: deque[_Waiter] = deque()
        self._again: deque[_Waiter] = deque()
        self._taken = False

    async def enter(self, *, again: bool = False) -> None:
        """Wait for the place; a cancelled caller leaves the queue as if it had not come."""
        if not self._taken:
            self._taken = True
            return
        waiter = _Waiter()
        (self._again if again else self._first).append(waiter)
        try:
            await waiter.turn.wait()
        except BaseException:
            if waiter.turn.is_set():
                self.leave()
            waiter.gone = True
            raise

    def leave(self) -> None:
        """Hand the place to the next one."""
        for waiting in (self._again, self._first):
            while waiting:
                waiter = waiting.popleft()
                if not waiter.gone:
                    waiter.turn.set()
                    return
        self._taken = False


class _Waiter:
    __slots__ = ("gone", "turn")

    def __init__(self) -> None:
        self.turn = anyio.Event()
        self.gone = False
        """Cancelled; it stays in the queue until its turn comes, so that leaving costs nothing."""
