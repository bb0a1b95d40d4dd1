"""What was paid for, and for what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from ..types import Stage, Usage

_NO_TOKENS = Usage()


class Account(NamedTuple):
    """What a bill is broken down by."""

    model: str
    stage: Stage
    type_slug: str | None
    """None for classifications."""


@dataclass(frozen=True, slots=True)
class Bill:
    """Replies that were paid for, and their sum."""

    calls: int = 0
    usage: Usage = _NO_TOKENS
    cost_usd: Decimal = Decimal(0)
    """Sum over the calls whose price is known."""
    unpriced_calls: int = 0
    """Calls of models without a known price: their cost is missing in `cost_usd`, not zero."""

    @property
    def total_usd(self) -> Decimal | None:
        """The whole cost in USD, or None when the price of some call is unknown."""
        return None if self.unpriced_calls else self.cost_usd

    def plus(self, other: Bill) -> Bill:
        """Return the sum of two bills."""
        return Bill(
            self.calls + other.calls,
            self.usage.plus(other.usage),
            self.cost_usd + other.cost_usd,
            self.unpriced_calls + other.unpriced_calls,
        )


_NOTHING = Bill()


class Ledger:
    """Bills by account, exact to the last digit."""

    def __init__(self, bills: Iterable[tuple[Account, Bill]] = ()) -> None:
        self._bills: dict[Account, Bill] = dict(bills)

    def charge(self, account: Account, usage: Usage, cost_usd: Decimal | None) -> None:
        """Add one reply; `cost_usd` None means that its model has no known price."""
        bill = self._bills.get(account, _NOTHING)
        self._bills[account] = Bill(
            bill.calls + 1,
            bill.usage.plus(usage),
            bill.cost_usd + (cost_usd or 0),
            bill.unpriced_calls + (cost_usd is None),
        )

    @property
    def bills(self) -> Mapping[Account, Bill]:
        """The bills so far, by model, stage and type."""
        return {account: self._bills[account] for account in sorted(self._bills, key=_in_order)}

    def total(self) -> Bill:
        """Return the sum of all bills."""
        return total(self._bills.values())


def _in_order(account: Account) -> tuple[str, str, str]:
    return account.stage, account.model, account.type_slug or ""


def total(bills: Iterable[Bill]) -> Bill:
    """Return the sum of `bills`."""
    whole = Bill()
    for bill in bills:
        whole = whole.plus(bill)
    return whole
