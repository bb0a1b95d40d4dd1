"""A spending limit that concurrency cannot overshoot: the worst case is reserved before a call and settled after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from ..errors import BudgetReached

_NOTHING = Decimal(0)


Look = Callable[[], None]
"""Asks again: called when there may be room."""


class Budget:
    """Spent and reserved US dollars of one engine, under an optional limit."""

    def __init__(self, limit_usd: Decimal | None, spent_usd: Decimal) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        """Known costs, and the worst case of calls whose bill never came."""
        self.reserved_usd = Decimal(0)
        self._open = 0
        self._line: deque[Look] = deque()

    def reserve(self, worst_usd: Decimal, look: Look) -> bool:
        """Set `worst_usd` aside if there is room; else `look` is called when it may have come, in order of asking.

        Raises:
            BudgetReached: it does not fit, and no open reservation could still make room.
        """
        if self.limit_usd is not None and not self._fits(worst_usd, self.limit_usd, look):
            if look not in self._line:
                self._line.append(look)
            return False
        self._open += 1
        self.reserved_usd += worst_usd
        return True

    def settle(self, worst_usd: Decimal, cost_usd: Decimal) -> None:
        """Book what a call has cost in place of what was set aside for it."""
        self._open -= 1
        self.reserved_usd -= worst_usd
        self.spent_usd += cost_usd
        self._tell()

    def leave(self, look: Look) -> None:
        """Let others go first: who asked with `look` does not wait any more."""
        if look in self._line:
            self._line.remove(look)
            self._tell()

    def _fits(self, worst_usd: Decimal, limit_usd: Decimal, look: Look) -> bool:
        if self.spent_usd + self.reserved_usd + worst_usd > limit_usd:
            if not self._open:
                left_usd = max(limit_usd - self.spent_usd, Decimal(0))
                raise BudgetReached(
                    f"The next call could cost ${worst_usd:f}, and of the limit of ${limit_usd:f}"
                    f" ${left_usd:f} is left: raise the limit to go on."
                )
            return False
        if self._line and self._line[0] != look:
            return False
        if self._line:
            self._line.popleft()
        return True

    def _tell(self) -> None:
        """Let them ask, one after the other, as long as they get what they ask for."""
        while self._line:
            look = self._line[0]
            look()
            if self._line and self._line[0] == look:
                return
