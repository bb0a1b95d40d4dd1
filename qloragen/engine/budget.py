"""A spending limit that concurrency cannot overshoot: the worst case is reserved before a call and settled after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

import anyio

from ..errors import BudgetReached


@dataclass(slots=True)
class Reservation:
    """Money set aside for one call; `cost_usd` is what is booked when it closes."""

    worst_usd: Decimal
    cost_usd: Decimal = Decimal(0)


class Budget:
    """Spent and reserved US dollars of one engine, under an optional limit."""

    def __init__(self, limit_usd: Decimal | None, spent_usd: Decimal) -> None:
        self._limit_usd = limit_usd
        self._turn = anyio.Lock(fast_acquire=True)
        self._closed = anyio.Event()
        self._open = 0
        self.spent_usd = spent_usd
        """Known costs, and the worst case of calls whose bill never came."""
        self.reserved_usd = Decimal(0)

    @asynccontextmanager
    async def reserve(self, worst_usd: Decimal) -> AsyncIterator[Reservation]:
        """Wait, in order of arrival, until `worst_usd` fits under the limit; on leaving, book what the call cost.

        Raises:
            BudgetReached: it does not fit, and no open reservation could still make room.
        """
        if self._limit_usd is None:
            self._take(worst_usd)
        else:
            await self._fit(worst_usd, self._limit_usd)
        reservation = Reservation(worst_usd)
        try:
            yield reservation
        finally:
            self._close(reservation)

    async def _fit(self, worst_usd: Decimal, limit_usd: Decimal) -> None:
        async with self._turn:
            while self.spent_usd + self.reserved_usd + worst_usd > limit_usd:
                if not self._open:
                    raise BudgetReached(
                        f"The next call could cost ${worst_usd:f}, and of the limit of ${limit_usd:f}"
                        f" ${max(limit_usd - self.spent_usd, Decimal(0)):f} is left: raise the limit to go on."
                    )
                self._closed = anyio.Event()
                await self._closed.wait()
            self._take(worst_usd)

    def _take(self, worst_usd: Decimal) -> None:
        self._open += 1
        self.reserved_usd += worst_usd

    def _close(self, reservation: Reservation) -> None:
        self._open -= 1
        self.reserved_usd -= reservation.worst_usd
        self.spent_usd += reservation.cost_usd
        self._closed.set()
