"""Where every cell of a run stands, in some 100 bytes each: cells that stand alike share one value.

The rules are those of `store.state` and `store.money`, but of money only the number of calls is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from ..store.bills import lost_of, refused_of
from ..store.money import NO_MONEY, NO_TYPES, Money, Paid
from ..types import Usage

Outcome = Literal["open", "types", "record", "rejection", "failure"]
_DIGITS = 15
"""Of a key that tell cells apart: 60 bits, the most that a small integer holds."""
_FREE = Decimal(0)


class Cell(NamedTuple):
    """All that is counted of a cell."""

    slug: str | None
    """Of its type; None: a classification."""
    current: bool
    """Whether it is of the run's last circumstances."""
    outcome: Outcome = "open"
    reason: str = ""
    """Of a rejection or failure."""
    money: Money = NO_MONEY
    """Its calls; all of them cost nothing here."""
    records: int = 0
    """Lines with a record so far."""
    counts: int = 0
    """Which of them is the record of the cell, from 1; 0: it has none."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to ask for it."""
        return self.outcome in {"record", "types", "rejection"}

    @property
    def calls(self) -> int:
        """Calls that were paid for, as far as is known."""
        money = self.money
        if money.is_simple:
            return money.paid.calls
        return money.paid.calls + sum(paid.calls for _, paid in money.sunk) + self.unanswered.total()

    @property
    def unanswered(self) -> Counter[str]:
        """Calls among them that brought no reply, by reason."""
        return Counter(one.reason for one in self.money.lost if one.usage is not None)

    @property
    def refused(self) -> Counter[str]:
        """Replies that nothing was made of for good, by reason."""
        sums = Counter[str]()
        for reason, paid in (*self.money.waste, *self.money.sunk):
            sums[reason] += paid.calls
        return sums

    @property
    def useful(self) -> int:
        """Replies that its result was made of."""
        return self.money.left.calls if self.settled else 0

    @property
    def pending(self) -> int:
        """Replies that nothing was made of yet."""
        return 0 if self.settled else self.money.paid.calls


def short(key: str) -> int:
    """Return what tells a cell, or a text, from others."""
    return int(key[:_DIGITS], 16)


class Cells:
    """All cells of a run, changed by one journal line after another."""

    def __init__(self) -> None:
        self._cells: dict[int, Cell] = {}
        self._alike: dict[Cell, Cell] = {}

    def __len__(self) -> int:
        return len(self._cells)

    def find(self, key: str) -> Cell | None:
        """Return where a cell stands; None when nothing is known of it."""
        return self._cells.get(short(key))

    def add(self, key: str, slug: str | None, *, current: bool) -> None:
        """Take up a cell that nothing was known of."""
        self._put(key, Cell(slug, current))

    def outdate(self, key: str) -> None:
        """Note that a cell is of earlier circumstances, if there is such a cell."""
        if cell := self.find(key):
            self._put(key, cell._replace(current=False))

    def apply(self, key: str, kind: str, fields: Mapping[str, Any]) -> tuple[Cell, Cell]:
        """Let a line about a known cell take effect; returns how it stood before, and how it stands now."""
        before = self._cells[short(key)]
        return before, self._put(key, _after(before, kind, fields))

    def items(self) -> Iterator[tuple[int, Cell]]:
        """Yield all cells, each with what tells it from others."""
        return iter(self._cells.items())

    def alike(self) -> Counter[Cell]:
        """Return how many cells stand in each way."""
        return Counter(self._cells.values())

    def _put(self, key: str, cell: Cell) -> Cell:
        same = self._alike.setdefault(cell, cell)
        self._cells[short(key)] = same
        return same


def _after(cell: Cell, kind: str, fields: Mapping[str, Any]) -> Cell:
    money = cell.money
    match kind:
        case "reply":
            cell = cell._replace(money=_replied(cell, fields))
        case "lost":
            cell = cell._replace(money=money._replace(lost=(*money.lost, lost_of(fields))))
        case "types":
            rest = None if fields["types"] else NO_TYPES
            cell = cell._replace(outcome="types", reason="", money=money.settled(_refused(fields), rest))
        case "record" | "revised":
            cell = _recorded(cell, fields, kind)
        case "rejection":
            reason = fields["reason"]
            settled = money.settled(_refused(fields), reason)
            cell = cell._replace(outcome="rejection", reason=reason, money=settled, counts=0)
        case "failure" if not cell.settled:
            cell = cell._replace(outcome="failure", reason=fields["reason"])
        case "retry" if cell.outcome in {"rejection", "failure", "open"}:
            cell = cell._replace(outcome="open", reason="", money=money.reopened())
    return cell


def _replied(cell: Cell, fields: Mapping[str, Any]) -> Money:
    money = cell.money
    if fields.get("found") and (lost := money.lost_reply(fields["model"], Usage(**fields["usage"]))) is not None:
        money = money.without(lost)
    return money.replied(_FREE, settled=cell.settled)


def _recorded(cell: Cell, fields: Mapping[str, Any], kind: str) -> Cell:
    place = cell.records + 1
    if cell.outcome == "record" and kind != "revised":
        return cell._replace(records=place)
    settled = cell.money.settled(_refused(fields), None)
    return cell._replace(outcome="record", reason="", money=settled, records=place, counts=place)


def _refused(fields: Mapping[str, Any]) -> Mapping[str, Paid]:
    return {reason: Paid(paid.calls) for reason, paid in refused_of(fields).items()}
