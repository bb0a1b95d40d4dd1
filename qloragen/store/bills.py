"""What a run's lines say of money: lost calls, and what was refused of what a settled cell has cost.

`refused` in the line that settles a cell lists, by reason, calls and what they cost:
`[["schema",2,"0.0012",0]]` are two calls for $0.0012, none of them with an unknown cost. It comes first of all fields,
so that it is easily left out of the sink; the line has none when nothing was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from ..types import Cell, LostCall, Usage, Worst
from .frame import framed
from .ledger import NOTHING_WORSE, Account, Lost
from .money import Money, Paid, Waste


def usd_text(cost_usd: Decimal | None) -> str | None:
    """Return a cost as lines have it, in plain digits: `str` would write 1E-7 for a tenth of a micro-dollar."""
    return None if cost_usd is None else format(cost_usd, "f")


def usd_of(text: str | None) -> Decimal | None:
    """Return the cost that a line says."""
    return None if text is None else Decimal(text)


def worst_fields(worst: Worst | None) -> dict[str, object]:
    """Return the fields of the line of a reply that does not say what it is billed for; none of one that does."""
    return {} if worst is None else {"worst_usd": usd_text(worst.usd), "worst_tokens": worst.tokens}


def worst_of(fields: Mapping[str, Any]) -> Worst:
    """Return the most that a reply can have come to of which a line does not know the bill."""
    return Worst(usd_of(fields["worst_usd"]), fields["worst_tokens"]) if "worst_tokens" in fields else NOTHING_WORSE


def account_of(fields: Mapping[str, Any]) -> Account:
    """Return where a call is booked whose line has these fields."""
    return Account(fields["model"], fields["stage"], fields["type_slug"], fields.get("tier"))


def booked_at(cell: Cell, tier: str | None) -> Account:
    """Return where a call for a cell is booked that is paid as `tier`."""
    return Account(cell.model, cell.stage, cell.type_slug, tier)


def lost_in(cell: Cell, call: LostCall) -> Lost:
    """Return a lost call for a cell as it is booked."""
    account = Account(call.model, cell.stage, cell.type_slug, call.tier)
    return Lost(account, call.reason, call.usage, call.cost_usd, call.worst_usd, call.worst_tokens)


def lost_line(cell: Cell, fields: Mapping[str, object], call: LostCall, time: datetime) -> bytes:
    """Return the journal line of a call for `cell`, whose own fields are given, that brought no reply."""
    said = {
        **fields,
        "model": call.model,
        "tier": call.tier,
        "reason": call.reason,
        "usage": None if call.usage is None else call.usage._asdict(),
        "cost_usd": usd_text(call.cost_usd),
        "worst_usd": usd_text(call.worst_usd),
        "worst_tokens": call.worst_tokens,
        **({} if call.request_id is None else {"request_id": call.request_id}),
        "time": time,
    }
    return framed(cell.key, "lost", said)


def lost_of(fields: Mapping[str, Any]) -> Lost:
    """Return the lost call that a line has in its fields."""
    usage = fields["usage"]
    return Lost(
        account_of(fields),
        fields["reason"],
        None if usage is None else Usage(**usage),
        usd_of(fields["cost_usd"]),
        usd_of(fields["worst_usd"]),
        fields["worst_tokens"],
    )


def refused_fields(refused: Mapping[str, Paid]) -> dict[str, object]:
    """Return the field of a line that says what was refused, if anything was."""
    return {"refused": _listed(tuple(refused.items()))} if refused else {}


def refused_of(fields: Mapping[str, Any]) -> dict[str, Paid]:
    """Return what a line says was refused."""
    return dict(_waste_of(fields["refused"])) if "refused" in fields else {}


def money_values(money: Money) -> list[object]:
    """Return what is known of a cell's money as JSON values; `money_of` reads them."""
    values: list[object] = [*_values(money.paid)]
    if not money.is_simple:
        values += [_listed(money.waste), _listed(money.sunk), [_lost_values(one) for one in money.lost]]
    return values


def money_of(values: list[Any]) -> Money:
    """Return the money of a cell out of JSON values."""
    paid = _paid_of(values[:3])
    if len(values) == 3:
        return Money(paid)
    _, _, _, waste, sunk, lost = values
    return Money(paid, _waste_of(waste), _waste_of(sunk), tuple(map(_lost_of, lost)))


def _lost_values(lost: Lost) -> list[object]:
    usage = None if lost.usage is None else list(lost.usage)
    worst_usd, worst_tokens = usd_text(lost.worst_usd), lost.worst_tokens
    return [list(lost.account), lost.reason, usage, usd_text(lost.cost_usd), worst_usd, worst_tokens]


def _lost_of(values: list[Any]) -> Lost:
    account, reason, usage, cost, worst, tokens = values
    known = None if usage is None else Usage(*usage)
    return Lost(Account(*account), reason, known, usd_of(cost), usd_of(worst), tokens)


def _listed(waste: Waste) -> list[list[object]]:
    return [[reason, *_values(paid)] for reason, paid in waste]


def _waste_of(rows: list[list[Any]]) -> Waste:
    return tuple((reason, _paid_of(values)) for reason, *values in rows)


def _values(paid: Paid) -> tuple[int, str | None, int]:
    return paid.calls, usd_text(paid.cost_usd), paid.unpriced_calls


def _paid_of(values: list[Any]) -> Paid:
    calls, cost, unpriced = values
    return Paid(int(calls), Decimal(cost), int(unpriced))
