"""What a server says about its limits: the `x-ratelimit-*` headers of OpenAI's API, which many servers send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

Kind = Literal["requests", "tokens"]

_KINDS: tuple[Kind, ...] = ("requests", "tokens")
_HEADERS = {kind: tuple(f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset")) for kind in _KINDS}
_MINUTE_S = 61.0
"""A full bucket per minute is empty again within this time; a longer reset belongs to a limit per day."""
_HALF_A_MINUTE_S = 30.0
"""A bucket that would be full so much faster belongs to a limit per second."""
_CLEARLY_S = 5.0
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Announced(NamedTuple):
    """One limit per minute, as the server counts it at the moment of a reply."""

    per_minute: int
    level: float | None
    """How much is in use, if it leaks away evenly, as in a token bucket; None for a window that is emptied at once."""
    windowed: bool
    """Certainly such a window: in the middle of one both look alike."""
    remaining: float | None
    reset_s: float | None
    """When it will be all free again."""


def announced(headers: Mapping[str, str], kind: Kind) -> Announced | None:
    """Return the server's limit of one kind, or None where it names none, or one for another time than a minute.

    A `limit` of 0 or less means "none" on some servers.
    """
    for_limit, for_remaining, for_reset = _HEADERS[kind]
    limit = _number(headers.get(for_limit))
    if limit is None or limit < 1:
        return None
    remaining = _number(headers.get(for_remaining))
    reset_s = duration_s(headers.get(for_reset))
    if reset_s is not None and reset_s > _MINUTE_S:
        return None
    if remaining is None or reset_s is None:
        return Announced(int(limit), None, windowed=False, remaining=remaining, reset_s=reset_s)
    level = limit - remaining
    if level > 0 and 0 < reset_s * limit / level < _HALF_A_MINUTE_S:
        return None
    wrong_s = abs(level * 60 / limit - reset_s) - reset_s / 4
    leaks, windowed = wrong_s <= 0.1, wrong_s > _CLEARLY_S
    return Announced(int(limit), level if leaks else None, windowed=windowed, remaining=remaining, reset_s=reset_s)


def duration_s(text: str | None) -> float | None:
    """Return the seconds that `6m0s`, `1.5s`, `12ms`, or a bare number of seconds stand for; None for anything else."""
    if text is None:
        return None
    if not text[-1:].isalpha() and (bare := _number(text)) is not None:
        return max(0.0, bare)
    if single := _PART.fullmatch(text):
        return float(single[1]) * _SECONDS[single[2]]
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1e15 else None
