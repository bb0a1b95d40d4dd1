"""What was paid for, and for what; and what may have been paid beyond that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ..types import Stage, Usage, Worst

_NO_TOKENS = Usage()
NOTHING_WORSE = Worst(None, 0)
"""Of a call whose reply says what it is billed for, or whose price is unknown."""


class Account(NamedTuple):
    """What a bill is broken down by."""

    model: str
    stage: Stage
    type_slug: str | None
    """None for classifications."""
    tier: str | None = None
    """As what it was paid for; see `Completion.tier`. None where the replies do not say."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Calls that were paid for, and their sum."""

    calls: int = 0
    usage: Usage = _NO_TOKENS
    cost_usd: Decimal = Decimal(0)
    """Sum over the calls whose cost is known."""
    unpriced_calls: int = 0
    """Calls of models without a known price, or whose replies do not say what they are billed for: their cost is
    missing in `cost_usd`, not zero."""
    bounded_calls: int = 0
    """Those of them of which `worst_usd` is the most that they can have cost."""
    worst_usd: Decimal = Decimal(0)
    worst_tokens: int = 0
    """The most tokens that calls can have come to whose replies do not say what they are billed for."""

    @property
    def total_usd(self) -> Decimal | None:
        """The whole cost in USD, or None when the cost of some call is unknown."""
        return None if self.unpriced_calls else self.cost_usd

    def plus(self, other: Bill) -> Bill:
        """Return the sum of two bills."""
        return Bill(
            self.calls + other.calls,
            self.usage.plus(other.usage),
            self.cost_usd + other.cost_usd,
            self.unpriced_calls + other.unpriced_calls,
            self.bounded_calls + other.bounded_calls,
            self.worst_usd + other.worst_usd,
            self.worst_tokens + other.worst_tokens,
        )

    def minus(self, other: Bill) -> Bill:
        """Return the difference of two bills, the other being a part of this one."""
        return Bill(
            self.calls - other.calls,
            Usage(*(whole - part for whole, part in zip(self.usage, other.usage, strict=True))),
            self.cost_usd - other.cost_usd,
            self.unpriced_calls - other.unpriced_calls,
            self.bounded_calls - other.bounded_calls,
            self.worst_usd - other.worst_usd,
            self.worst_tokens - other.worst_tokens,
        )


_NOTHING = Bill()


class Lost(NamedTuple):
    """A call that was or may have been billed, and brought no reply that can be used."""

    account: Account
    reason: str
    usage: Usage | None
    """What it was billed for, where that is known: then it is on the bill."""
    cost_usd: Decimal | None
    """The price of that; None when it is unknown."""
    worst_usd: Decimal | None
    """The most that it can have cost; None when nobody knows."""
    worst_tokens: int
    """The most tokens that it can have been billed for."""


class LostAccount(NamedTuple):
    """What lost calls are counted by."""

    model: str
    reason: str


class LostSum(NamedTuple):
    """Lost calls and what they cost, or may have cost."""

    calls: int = 0
    billed_calls: int = 0
    """Those of them whose bill is known; they are on the bill."""
    cost_usd: Decimal = Decimal(0)
    """Known cost of these."""
    worst_usd: Decimal = Decimal(0)
    """The most that the others can have cost; that is on no bill."""
    unpriced_calls: int = 0
    """Those of the others of which nobody knows the most, for want of a price: they are in no sum."""
    worst_tokens: int = 0
    """The most tokens that those without a bill can have been billed for."""

    def plus(self, other: LostSum) -> LostSum:
        """Return the sum of two."""
        return self._changed(other, 1)

    def minus(self, other: LostSum) -> LostSum:
        """Return the difference of two."""
        return self._changed(other, -1)

    def _changed(self, other: LostSum, sign: int) -> LostSum:
        return LostSum(
            self.calls + sign * other.calls,
            self.billed_calls + sign * other.billed_calls,
            self.cost_usd + sign * other.cost_usd,
            self.worst_usd + sign * other.worst_usd,
            self.unpriced_calls + sign * other.unpriced_calls,
            self.worst_tokens + sign * other.worst_tokens,
        )


NONE_LOST = LostSum()


class Ledger:
    """Bills by account, exact to the last digit, and lost calls by model and reason."""

    def __init__(
        self, bills: Iterable[tuple[Account, Bill]] = (), lost: Iterable[tuple[LostAccount, LostSum]] = ()
    ) -> None:
        self._bills: dict[Account, Bill] = dict(bills)
        self._lost: dict[LostAccount, LostSum] = dict(lost)

    def charge(self, account: Account, usage: Usage, cost_usd: Decimal | None, worst: Worst = NOTHING_WORSE) -> None:
        """Add one call; `cost_usd` None means that its cost is not known, but perhaps that it is `worst` at most."""
        bill = self._bills.get(account, _NOTHING)
        self._bills[account] = Bill(
            bill.calls + 1,
            bill.usage.plus(usage),
            bill.cost_usd + (cost_usd or 0),
            bill.unpriced_calls + (cost_usd is None),
            bill.bounded_calls + (worst.usd is not None),
            bill.worst_usd + (worst.usd or 0),
            bill.worst_tokens + worst.tokens,
        )

    def lose(self, lost: Lost) -> None:
        """Add a lost call: to the bills where it is known what it was billed for, else to what may have been paid."""
        if lost.usage is not None:
            self.charge(lost.account, lost.usage, lost.cost_usd)
        place = LostAccount(lost.account.model, lost.reason)
        self._lost[place] = self._lost.get(place, NONE_LOST).plus(_sum_of(lost))

    def recover(self, lost: Lost) -> None:
        """Take a lost call back, because its reply was found, and is charged as such."""
        if lost.usage is not None:
            bill = self._bills[lost.account]
            paid = Bill(1, lost.usage, lost.cost_usd or Decimal(0), int(lost.cost_usd is None))
            self._bills[lost.account] = bill.minus(paid)
            if not self._bills[lost.account].calls:
                del self._bills[lost.account]
        place = LostAccount(lost.account.model, lost.reason)
        left = self._lost[place].minus(_sum_of(lost))
        self._lost[place] = left
        if not left.calls:
            del self._lost[place]

    @property
    def bills(self) -> Mapping[Account, Bill]:
        """The bills so far, by model, stage, type and tier."""
        return {account: self._bills[account] for account in sorted(self._bills, key=_in_order)}

    @property
    def lost(self) -> Mapping[LostAccount, LostSum]:
        """The lost calls so far, by model and reason."""
        return {place: self._lost[place] for place in sorted(self._lost)}

    def total(self) -> Bill:
        """Return the sum of all bills."""
        return total(self._bills.values())

    def total_lost(self) -> LostSum:
        """Return the sum of all lost calls."""
        return total_lost(self._lost.values())


def _sum_of(lost: Lost) -> LostSum:
    if lost.usage is not None:
        return LostSum(1, 1, lost.cost_usd or Decimal(0))
    unpriced = int(lost.worst_usd is None)
    return LostSum(1, 0, Decimal(0), lost.worst_usd or Decimal(0), unpriced, lost.worst_tokens)


def _in_order(account: Account) -> tuple[str, str, str, str]:
    return account.stage, account.model, account.type_slug or "", account.tier or ""


def total(bills: Iterable[Bill]) -> Bill:
    """Return the sum of `bills`."""
    whole = Bill()
    for bill in bills:
        whole = whole.plus(bill)
    return whole


def total_lost(sums: Iterable[LostSum]) -> LostSum:
    """Return the sum of `sums`."""
    whole = NONE_LOST
    for one in sums:
        whole = whole.plus(one)
    return whole
