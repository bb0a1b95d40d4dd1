"""What a run has cost, and what of it in vain: for people as tables, for programs as values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from .store.ledger import Account, Bill, LostAccount, LostSum, total, total_lost
from .store.money import ASKED_AGAIN, NO_TYPES, SURPLUS, Paid, total_paid
from .words import counted, table

ByTier = Mapping[tuple[str, str, str], Bill]
"""Model, stage and tier to what was paid."""
_COLUMNS = ("calls", "prompt", "cached", "completion", "reasoning", "USD")
_USUAL = "default"
_MEANT = {
    SURPLUS: "came after a good one",
    NO_TYPES: "classified, and no type applies",
    ASKED_AGAIN: "left behind by a retry",
}
"""Reasons that do not speak for themselves."""


def usd(cost: Decimal | None) -> str:
    """Return a cost for people: dollars with four digits after the point, or `unknown`."""
    return "unknown" if cost is None else f"{cost:.4f}"


def usd_at_least(cost_usd: Decimal, unpriced_calls: int) -> str:
    """Return for people what is known of a sum of which some calls may have an unknown cost."""
    if not unpriced_calls:
        return usd(cost_usd)
    return f"> {cost_usd:.4f}" if cost_usd else "unknown"


def dollars(cost_usd: Decimal, unpriced_calls: int) -> str:
    """Return the same for a sentence."""
    if not unpriced_calls:
        return f"${usd(cost_usd)}"
    return f"more than ${usd(cost_usd)}" if cost_usd else "unknown cost"


def money(cost_usd: Decimal, unpriced_calls: int = 0) -> str:
    """Return the same in cents, where cents say it."""
    return dollars(cost_usd, unpriced_calls) if unpriced_calls or 0 < cost_usd < 1 else f"${cost_usd:,.2f}"


def by_tier(bills: Mapping[Account, Bill]) -> ByTier:
    """Return bills summed over types; what names no tier is taken for the usual one."""
    sums: dict[tuple[str, str, str], Bill] = {}
    for account, bill in bills.items():
        key = (account.model, account.stage, account.tier or _USUAL)
        sums[key] = sums.get(key, Bill()).plus(bill)
    return {key: sums[key] for key in sorted(sums, key=_in_order)}


def _in_order(key: tuple[str, str, str]) -> tuple[str, str, bool, str]:
    model, stage, tier = key
    return stage, model, tier != _USUAL, tier


def bill_table(bills: Mapping[Account, Bill]) -> str:
    """Return bills as a table, with their sum below; tiers are named where they are not the usual one."""
    whole = total(bills.values())
    rows: list[tuple[str, ...]] = [("model, stage", *_COLUMNS)]
    rows += [(_name(*key), *_cells(bill)) for key, bill in by_tier(bills).items()]
    rows.append(("total", *_cells(whole)))
    shown = table(rows)
    return "\n".join([shown, *_unknown(whole)])


def _unknown(bill: Bill) -> Iterator[str]:
    """Yield what is to be said of calls whose cost is unknown."""
    if bill.bounded_calls:
        which = f"{counted(bill.bounded_calls, 'call')} whose reply does not say what it is billed for"
        yield f"{which}: not zero, but in no sum; up to ${usd(bill.worst_usd)}"
    if unbounded := bill.unpriced_calls - bill.bounded_calls:
        yield (
            f"{counted(unbounded, 'call')} of models whose price was unknown then: not zero, but in no sum. "
            "QLORAGEN_MODELS sets it for calls to come."
        )


def waste_table(waste: Mapping[str, Paid], bill: Bill) -> str:
    """Return by reason what of a bill was paid in vain, and what share of the bill that is, with the sum below."""
    rows = [("paid in vain", "calls", "USD", "of the bill")]
    parts = sorted(waste.items(), key=lambda part: (-part[1].cost_usd, -part[1].calls, part[0]))
    rows += [_waste_row(_meaning(reason), paid, bill) for reason, paid in parts]
    rows.append(_waste_row("total", total_paid(waste.values()), bill))
    return table(rows)


def lost_said(lost: Mapping[LostAccount, LostSum]) -> str:
    """Return in words how many calls brought no reply, why, and what they have cost or may have cost."""
    whole = total_lost(lost.values())
    reasons: dict[str, int] = {}
    for place, one in lost.items():
        reasons[place.reason] = reasons.get(place.reason, 0) + one.calls
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.items())
    said = [f"{whole.billed_calls} were billed, and are in the sums"] if whole.billed_calls else []
    if bounded := whole.calls - whole.billed_calls - whole.unpriced_calls:
        said.append(f"{bounded} may have been billed: up to ${usd(whole.worst_usd)}, which is in no sum")
    if whole.unpriced_calls:
        said.append(f"{whole.unpriced_calls} may have been billed, nobody knows how much: no price is known")
    return f"{whole.calls} ({why}); {'; '.join(said)}"


def bill_fields(bill: Bill) -> dict[str, object]:
    """Return a bill as JSON values."""
    return {
        "calls": bill.calls,
        **bill.usage._asdict(),
        "cost_usd": None if bill.total_usd is None else format(bill.total_usd, "f"),
        "unpriced_calls": bill.unpriced_calls,
        "worst_usd": format(bill.worst_usd, "f"),
    }


def paid_fields(paid: Paid) -> dict[str, object]:
    """Return a sum as JSON values; what is known of its cost is `cost_usd`."""
    return {**paid._asdict(), "cost_usd": format(paid.cost_usd, "f")}


def waste_fields(paid: Paid, bill: Bill) -> dict[str, object]:
    """Return what of a bill was paid in vain as JSON values, and what share of the bill that is."""
    return {**paid_fields(paid), "share": share(paid.cost_usd, bill.cost_usd)}


def lost_fields(lost: Mapping[LostAccount, LostSum]) -> list[dict[str, object]]:
    """Return lost calls as JSON values, by model and reason."""
    return [
        {
            **place._asdict(),
            **one._asdict(),
            "cost_usd": format(one.cost_usd, "f"),
            "worst_usd": format(one.worst_usd, "f"),
        }
        for place, one in lost.items()
    ]


def prices_said(prices: Mapping[str, str]) -> str:
    """Return where the prices of models come from, a line for each origin."""
    models: dict[str, list[str]] = {}
    for model, origin in prices.items():
        models.setdefault(origin, []).append(model)
    return "\n".join(f"  {', '.join(names)}: {origin}" for origin, names in models.items())


def share(part_usd: Decimal, whole_usd: Decimal) -> float | None:
    """Return what part of a sum something is, from 0 to 1; None of nothing."""
    return float(part_usd / whole_usd) if whole_usd else None


def _waste_row(name: str, paid: Paid, bill: Bill) -> tuple[str, str, str, str]:
    part = share(paid.cost_usd, bill.cost_usd)
    shown = "" if part is None else f"{part:.1%}"
    return name, f"{paid.calls:,}", usd_at_least(paid.cost_usd, paid.unpriced_calls), shown


def _meaning(reason: str) -> str:
    return f"  {reason} ({_MEANT[reason]})" if reason in _MEANT else f"  {reason}"


def _name(model: str, stage: str, tier: str) -> str:
    return f"{model}, {stage}" if tier == _USUAL else f"{model}, {stage}, {tier}"


def _cells(bill: Bill) -> Iterable[str]:
    usage = bill.usage
    tokens = (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens, usage.reasoning_tokens)
    return (f"{bill.calls:,}", *(f"{count:,}" for count in tokens), usd_at_least(bill.cost_usd, bill.unpriced_calls))
