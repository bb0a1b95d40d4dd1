"""What became of the money that was paid for one cell: useful, waste by reason, or still to be decided.

1. What replies to an unsettled cell have cost is pending.
2. The line that settles the cell says which replies were refused, and why: that is waste, the rest is useful. Of a cell
   without a result all of it is waste, and so is a classification that finds no type.
3. What a cell has cost before it was opened again stays waste, whatever comes after.
4. A lost call is waste where it is known what it was billed for. It is forgotten when its reply is found after all:
   the call of the same model that was billed for the same, or else the oldest of which nobody knows the bill.
5. Where the lines of replies are damaged, what is left of them still adds up; a line that refuses more than is left
   refuses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from ..types import Usage
from .ledger import Lost

SURPLUS = "surplus"
"""Reason of the waste that replies are which came after one that was good."""
NO_TYPES = "no_types"
"""Reason of the waste that a classification is which finds nothing to generate."""
ASKED_AGAIN = "asked_again"
"""Reason of the waste that replies are which nobody will read, since their cell was opened again."""


class Paid(NamedTuple):
    """Calls that were paid for, and what they cost."""

    calls: int = 0
    cost_usd: Decimal = Decimal(0)
    """Of those whose cost is known."""
    unpriced_calls: int = 0
    """The others."""

    def plus(self, other: Paid) -> Paid:
        """Return the sum of two."""
        return Paid(
            self.calls + other.calls, self.cost_usd + other.cost_usd, self.unpriced_calls + other.unpriced_calls
        )

    def minus(self, other: Paid) -> Paid:
        """Return the difference of two."""
        return Paid(
            self.calls - other.calls, self.cost_usd - other.cost_usd, self.unpriced_calls - other.unpriced_calls
        )

    @property
    def total_usd(self) -> Decimal | None:
        """The whole cost, or None when the cost of some call is unknown."""
        return None if self.unpriced_calls else self.cost_usd

    @property
    def can_be(self) -> bool:
        """Whether it is no less than nothing."""
        return self.calls >= 0 and self.cost_usd >= 0 and self.unpriced_calls >= 0


NOTHING = Paid()
Waste = tuple[tuple[str, Paid], ...]
"""Sums by reason, in order of the reasons."""


def paid_for(cost_usd: Decimal | None) -> Paid:
    """Return the sum that is one call."""
    return Paid(1, Decimal(0), 1) if cost_usd is None else Paid(1, cost_usd, 0)


def summed(parts: Iterable[tuple[str, Paid]]) -> Waste:
    """Return sums by reason."""
    sums: dict[str, Paid] = {}
    for reason, paid in parts:
        sums[reason] = sums.get(reason, NOTHING).plus(paid)
    return tuple(sorted(sums.items()))


def total_paid(parts: Iterable[Paid]) -> Paid:
    """Return the sum of all."""
    whole = NOTHING
    for paid in parts:
        whole = whole.plus(paid)
    return whole


class Money(NamedTuple):
    """What was paid for one cell, and what became of it."""

    paid: Paid = NOTHING
    """What replies have cost since the cell was opened last."""
    waste: Waste = ()
    """The part of it that came to nothing; empty as long as the cell is not settled."""
    sunk: Waste = ()
    """What came to nothing before that."""
    lost: tuple[Lost, ...] = ()
    """Calls that brought no reply, the oldest first."""

    @property
    def is_simple(self) -> bool:
        """Whether nothing came to nothing."""
        return not (self.waste or self.sunk or self.lost)

    @property
    def wasted(self) -> Iterable[tuple[str, Paid]]:
        """Everything that is known to have come to nothing, by reason."""
        yield from self.waste
        yield from self.sunk
        yield from ((one.reason, paid_for(one.cost_usd)) for one in self.lost if one.usage is not None)

    @property
    def left(self) -> Paid:
        """What is no waste of `paid`."""
        return self.paid.minus(total_paid(paid for _, paid in self.waste)) if self.waste else self.paid

    def lost_reply(self, model: str, usage: Usage) -> Lost | None:
        """Return the lost call whose reply has been found, as far as one can tell; None when it was another call."""
        of_model = [one for one in self.lost if one.account.model == model]
        unheard = next((one for one in of_model if one.usage is None), None)
        return next((one for one in of_model if one.usage == usage), unheard)

    def without(self, lost: Lost) -> Money:
        """Forget a lost call."""
        place = self.lost.index(lost)
        return self._replace(lost=(*self.lost[:place], *self.lost[place + 1 :]))

    def replied(self, cost_usd: Decimal | None, *, settled: bool) -> Money:
        """Take in one more reply; to a settled cell it comes too late."""
        paid = paid_for(cost_usd)
        waste = summed((*self.waste, (SURPLUS, paid))) if settled else self.waste
        return Money(self.paid.plus(paid), waste, self.sunk, self.lost)

    def settled(self, refused: Mapping[str, Paid], rest: str | None) -> Money:
        """Take in what became of the replies: those that were `refused`, by reason; the rest is useful if `rest` is
        None, else it came to nothing for that reason."""
        if not self.paid.calls or not (refused or rest or self.waste):
            return self
        left = self.paid.minus(total_paid(refused.values()))
        if not left.can_be or (rest is None and not left.calls and left != NOTHING):
            refused, left = {}, self.paid
        parts = [*refused.items(), *([(rest, left)] if rest is not None and left != NOTHING else [])]
        return Money(self.paid, summed(parts), self.sunk, self.lost)

    def reopened(self) -> Money:
        """Take in that nobody will read the replies so far."""
        known = total_paid(paid for _, paid in self.waste)
        left = self.paid.minus(known)
        parts = (*self.sunk, *self.waste, *([(ASKED_AGAIN, left)] if left != NOTHING else []))
        return Money(sunk=summed(parts), lost=self.lost)


NO_MONEY = Money()
