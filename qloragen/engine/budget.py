"""A spending limit that concurrency cannot overshoot: the worst case is reserved before a call and settled after it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from ..errors import BudgetReached

_NOTHING = Decimal(0)


class Budget:
    """Spent and reserved US dollars of one engine, under an optional limit."""

    def __init__(self, limit_usd: Decimal | None, spent_usd: Decimal) -> None:
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        """Known costs, and the worst case of calls whose bill never came."""
        self.reserved_usd = _NOTHING
        self.changed: list[Callable[[], None]] = []
        """Called when there may be room again."""
        self._open = 0
        self._line: deque[object] = deque()

    def has_room(self, worst_usd: Decimal, asker: object) -> bool:
        """Whether `worst_usd` fits under the limit now; those who were told no before, and still ask, go first.

        Raises:
            BudgetReached: it does not fit, and no open reservation could still make room.
        """
        if self.limit_usd is None:
            return True
        if self.spent_usd + self.reserved_usd + worst_usd <= self.limit_usd:
            if self._line and self._line[0] is not asker:
                self._queue(asker)
                return False
            self.forget(asker)
            return True
        if not self._open:
            raise BudgetReached(
                f"The next call could cost ${worst_usd:f}, and of the limit of ${self.limit_usd:f}"
                f" ${max(self.limit_usd - self.spent_usd, _NOTHING):f} is left: raise the limit to go on."
            )
        self._queue(asker)
        return False

    def forget(self, asker: object) -> None:
        """Let others go first: `asker` has got its room, or has gone."""
        if asker in self._line:
            self._line.remove(asker)
            self._tell()

    def reserve(self, worst_usd: Decimal) -> None:
        """Set `worst_usd` aside, for which there is room."""
        self._open += 1
        self.reserved_usd += worst_usd

    def settle(self, worst_usd: Decimal, cost_usd: Decimal) -> None:
        """Book what a call has cost in place of what was set aside for it."""
        self._open -= 1
        self.reserved_usd -= worst_usd
        self.spent_usd += cost_usd
        if self.limit_usd is not None:
            self._tell()

    def _queue(self, asker: object) -> None:
        if asker not in self._line:
            self._line.append(asker)

    def _tell(self) -> None:
        for tell in self.changed:
            tell()
