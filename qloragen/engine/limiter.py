"""Token buckets of one model: requests and tokens per minute, with corrections after the fact.

Rules:
1. What is taken is an estimate; `settle` corrects it afterwards, and a bucket may go into debt.
2. An amount larger than the bucket waits for it to be empty and takes the rest on credit. So the tokens taken in any
   window of t seconds are at most max(burst, largest amount) + rate * t.
3. A bucket knows how long to wait, and never waits itself: one caller at a time asks (see `admission`), so that small
   amounts cannot overtake a big one for ever, as they would among aiolimiter's own waiters.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiolimiter import AsyncLimiter

BURST_S = 0.5
"""Length of the window in which a whole share may be used at once. Servers enforce limits in windows of about a second;
half of that leaves room for calls that overtake one another on the way."""
SHORTEST_BURST_S = 0.05
_REST = 0.02
"""Part by which amounts larger than the bucket count for more."""
_NOTHING_S = 1e-9
"""Waits shorter than this are rounding errors."""


class Bucket(AsyncLimiter):
    """A leaky bucket that can be corrected afterwards, and asked instead of awaited, in one event loop.

    Builds on aiolimiter's `_level`, `_last_check` and `_rate_per_sec` (pinned below 1.4): it has no refund, no debt and
    no way to take without awaiting.
    """

    __slots__ = ("_clock", "burst_s", "corrected", "per_minute", "settlements")

    def __init__(self, per_minute: float, burst_s: float = BURST_S) -> None:
        capacity = max(1.0, per_minute / 60 * burst_s)
        super().__init__(capacity, capacity * 60 / per_minute)
        self.per_minute = per_minute
        self.burst_s = burst_s
        self._clock: Callable[[], float] | None = None
        """That of the event loop, which it is asked for once: Python 3.11 asks the system for it each time."""
        self.corrected = 0.0
        """Sum of all corrections by what the server said."""
        self.settlements = 0
        """How often the level was changed by more than taking and time."""

    @property
    def looked_at_s(self) -> float:
        """When it was looked at last, in seconds of the event loop's clock."""
        return self._last_check

    @property
    def level(self) -> float:
        """What is in use now; above `max_rate` the bucket is in debt."""
        self._leak()
        return self._level

    def wait_s(self, amount: float) -> float:
        """Return how long until `amount` can be taken; 0 when it can be taken now."""
        self._leak()
        room = self.max_rate - self._level
        if amount <= room:
            return 0.0
        wait_s = (min(amount, self.max_rate) - room) * 60 / self.per_minute
        return wait_s if wait_s > _NOTHING_S else 0.0

    def take(self, amount: float) -> tuple[float, float]:
        """Take `amount`, which may leave a debt; a little more where that is certain. Returns the levels before and
        after.

        Such amounts pass only through an empty bucket. The server's would not be empty yet if it counts a little more,
        or gets calls a little later.
        """
        self._leak()
        before = self._level
        self._level += amount if amount <= self.max_rate else (1 + _REST) * amount
        return before, self._level

    def settle(self, difference: float) -> None:
        """Correct the level: above 0 more was used than taken, below 0 less (a refund)."""
        if self._level or difference > 0:
            self._leak()
            self._level = max(0.0, self._level + difference)
            self.settlements += 1

    def correct(self, difference: float) -> None:
        """Settle to what the server counts, and remember that it was done."""
        before = self.level
        self.settle(difference)
        self.corrected += self._level - before

    def rebuilt(self, per_minute: float, burst_s: float) -> Bucket:
        """Return a bucket of another rate or burst, in use as much as this one is."""
        other = Bucket(per_minute, burst_s)
        other.corrected = self.corrected
        other.take(self.level)
        return other

    def _leak(self) -> None:
        """Let out what has run out since the last look: what aiolimiter does, with one look at the clock for four."""
        if self._clock is None:
            self._clock = asyncio.get_running_loop().time
        now_s = self._clock()
        if self._level:
            level = self._level - (now_s - self._last_check) * self._rate_per_sec
            self._level = level if level > 0.0 else 0.0  # noqa: FURB136 - it is done several times a call
        self._last_check = now_s
