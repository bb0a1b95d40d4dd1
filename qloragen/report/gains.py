"""What one journal line adds to the sums of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ..store.bills import usd_of
from ..store.ledger import Lost
from ..types import Usage
from .cells import Cell


@dataclass(slots=True)
class Gain:
    """What has been added within some time."""

    calls: int = 0
    records: int = 0
    rejected: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    def add(self, other: Gain) -> None:
        """Add another one."""
        self.calls += other.calls
        self.records += other.records
        self.rejected += other.rejected
        self.tokens += other.tokens
        self.cost_usd += other.cost_usd


def gain_of(before: Cell, after: Cell, fields: Mapping[str, Any]) -> Gain | None:
    """Return what a line adds that moves a cell; None if nothing."""
    gain = Gain(
        after.calls - before.calls,
        (after.outcome == "record") - (before.outcome == "record"),
        (after.outcome == "rejection") - (before.outcome == "rejection"),
    )
    if "cost_usd" in fields and "instruction" not in fields:  # a call
        if fields["usage"] is not None:
            _charge(gain, Usage(**fields["usage"]), usd_of(fields["cost_usd"]), 1)
        if (found := _found(before, after)) is not None and found.usage is not None:
            _charge(gain, found.usage, found.cost_usd, -1)
    return gain if gain != _NOTHING else None


_NOTHING = Gain()


def _charge(gain: Gain, usage: Usage, cost_usd: Decimal | None, sign: int) -> None:
    gain.tokens += sign * (usage.prompt_tokens + usage.completion_tokens)
    gain.cost_usd += sign * (cost_usd or 0)


def _found(before: Cell, after: Cell) -> Lost | None:
    """Return the lost call whose reply has arrived after all."""
    lost, left = before.money.lost, after.money.lost
    return next((one for one in lost if lost.count(one) > left.count(one)), None)
