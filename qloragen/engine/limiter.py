"""The gate of one model: requests and tokens per minute, strictly in order of arrival.

Rules:
1. One caller at a time waits at the buckets; all others wait in the lock's queue, so that a wake-up costs the same for
   ten waiters and ten thousand, and small requests cannot overtake a big one for ever.
2. What is admitted is an estimate; `settle` corrects the bucket afterwards, and a bucket may go into debt.
3. A request larger than a bucket waits for it to be empty and takes the rest on credit. So the tokens admitted in any
   window of t seconds are at most max(burst, largest request) + rate * t.
4. A pause holds everyone; it only ever gets longer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from aiolimiter import AsyncLimiter

BURST_S = 1.0
"""Length of the window in which a whole share may be used at once: servers enforce limits in windows this short."""


class Bucket(AsyncLimiter):
    """A leaky bucket that can be corrected afterwards.

    Builds on aiolimiter's `_level`, `_leak` and `_wake_next` (pinned below 1.4): it has no refund and no debt itself.
    At most one caller may wait at a time: aiolimiter wakes the smallest amount first.
    """

    __slots__ = ()

    def __init__(self, per_minute: float, burst_s: float = BURST_S) -> None:
        capacity = max(1.0, per_minute / 60 * burst_s)
        super().__init__(capacity, capacity * 60 / per_minute)

    async def take(self, amount: float) -> None:
        """Wait until `amount`, or the whole bucket if it is larger, is free; the rest becomes debt."""
        covered = min(amount, self.max_rate)
        await self.acquire(covered)
        if amount > covered:
            self.settle(amount - covered)

    def settle(self, difference: float) -> None:
        """Correct the level: above 0 more was used than taken (perhaps a debt), below 0 less (a refund)."""
        self._leak()
        self._level = max(0.0, self._level + difference)
        self._wake_next()


class Gate:
    """Admits one model's requests within RPM and TPM (None: unlimited), in order of arrival."""

    def __init__(self, rpm: int | None, tpm: int | None, *, burst_s: float = BURST_S) -> None:
        self._requests = Bucket(rpm, burst_s) if rpm else None
        self._tokens = Bucket(tpm, burst_s) if tpm else None
        self._turn = anyio.Lock(fast_acquire=True)
        self._open_at_s = 0.0

    async def admit(self, tokens: int) -> None:
        """Wait for this caller's turn, for the end of a pause, and for one request and `tokens` from the buckets.

        A cancelled caller leaves everything as if it had not come.
        """
        async with self._turn:
            await self._opened()
            async with _taken(self._requests, 1), _taken(self._tokens, tokens):
                await self._opened()

    def settle(self, admitted: int, used: int) -> None:
        """Correct the tokens of a call from what was admitted to what it really used."""
        if self._tokens is not None:
            self._tokens.settle(used - admitted)

    def pause(self, seconds: float) -> None:
        """Admit nobody for the next `seconds`; a longer pause under way stays as it is."""
        self._open_at_s = max(self._open_at_s, anyio.current_time() + seconds)

    async def _opened(self) -> None:
        while self._open_at_s > anyio.current_time():  # noqa: ASYNC110 - no polling: a pause may be prolonged meanwhile
            await anyio.sleep_until(self._open_at_s)


@asynccontextmanager
async def _taken(bucket: Bucket | None, amount: float) -> AsyncIterator[None]:
    """Take from a bucket, and give it back if what is done inside does not succeed."""
    if bucket is None:
        yield
        return
    await bucket.take(amount)
    try:
        yield
    except BaseException:
        bucket.settle(-amount)
        raise
