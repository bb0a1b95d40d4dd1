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
    """A leaky bucket that can be corrected afterwards, and asked instead of awaited.

    Builds on aiolimiter's `_level`, `_last_check` and `_rate_per_sec` (pinned below 1.4): it has no refund, no debt and
    no way to take without awaiting.
    """

    __slots__ = ("burst_s", "corrected", "per_minute", "settlements")

    def __init__(self, per_minute: float, burst_s: float = BURST_S) -> None:
        capacity = max(1.0, per_minute / 60 * burst_s)
        super().__init__(capacity, capacity * 60 / per_minute)
        self.per_minute = per_minute
        self.burst_s = burst_s
        self.corrected = 0.0
        """Sum of all corrections by what the server said."""
        self.settlements = 0
        """How often the level was corrected, by the server's count or by what a call has used."""

    @property
    def level(self) -> float:
        """What is in use now; above `max_rate` the bucket is in debt."""
        self._leak()
        return self._level

    def wait_s(self, amount: float, now_s: float | None = None) -> float:
        """Return how long until `amount` can be taken; 0 when it can be taken now, at `now_s` if somebody knows that.

        To ask the event loop for the time is a system call in Python 3.11.
        """
        self._leak(now_s)
        room = self.max_rate - self._level
        if amount <= room:
            return 0.0
        wait_s = (min(amount, self.max_rate) - room) * 60 / self.per_minute
        return wait_s if wait_s > _NOTHING_S else 0.0

    def take(self, amount: float, now_s: float | None = None) -> tuple[float, float]:
        """Take `amount`, which may leave a debt; a little more where that is certain. Returns the levels before and
        after.

        Such amounts pass only through an empty bucket. The server's would not be empty yet if it counts a little more,
        or gets calls a little later.
        """
        self._leak(now_s)
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

    def _leak(self, now_s: float | None = None) -> None:
        """Let out what has run out since the last look: what aiolimiter does, with one look at the clock for four."""
        if now_s is None:
            now_s = asyncio.get_running_loop().time()
        if self._level:
            level = self._level - (now_s - self._last_check) * self._rate_per_sec
            self._level = level if level > 0.0 else 0.0  # noqa: FURB136 - it is done several times a call
        self._last_check = now_s
