"""Money and time in a report."""

from __future__ import annotations

from decimal import Decimal

_MINUTE_S = 60


def dollars(sum_usd: Decimal | None) -> str:
    """Return a sum of money: in cents, or with more digits where it is small."""
    if sum_usd is None:
        return "unknown: the price of a model is not known"
    return f"${sum_usd:,.2f}" if sum_usd >= 1 or not sum_usd else f"${sum_usd:.4f}"


def spell(seconds: float) -> str:
    """Return a duration in two units at most."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, left_s = divmod(round(seconds), _MINUTE_S)
    hours, minutes = divmod(minutes, _MINUTE_S)
    if not hours:
        return f"{minutes} min {left_s:02} s"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes:02} min"
