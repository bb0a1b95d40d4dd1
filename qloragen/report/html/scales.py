"""Where on an axis a value stands, and which values are worth a mark there."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_SPANS = (1, 2, 5, 10, 15, 30)
_LENGTHS = (
    *(float(length) for length in _SPANS),
    *(float(length * _MINUTE) for length in _SPANS),
    *(float(length * _HOUR) for length in (1, 2, 3, 6, 12)),
    *(float(length * _DAY) for length in (1, 2, 5, 10, 20, 50, 100)),
)


def round_marks(highest: float, wanted: int = 4) -> tuple[float, ...]:
    """Return round values from 0 to the first one that is not below `highest`, about `wanted` of them above 0."""
    if highest <= 0:
        return (0.0, 1.0)
    step = _round_up(highest / wanted)
    return tuple(step * at for at in range(ceil(highest / step - 1e-9) + 1))


def _round_up(value: float) -> float:
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= value * (1 - 1e-9))


def decimals(values: Sequence[float]) -> int:
    """Return how many decimals it takes to tell the values as they are, 9 at most."""
    return next((places for places in range(9) if all(abs(round(one, places) - one) < 1e-10 for one in values)), 9)


def time_marks(seconds: float, wanted: int = 5) -> tuple[float, ...]:
    """Return lengths of time from 0 on that clocks know, none above `seconds`, at most `wanted` above 0."""
    step = next((length for length in _LENGTHS if seconds / length <= wanted), seconds / wanted)
    return tuple(step * at for at in range(floor(seconds / step + 1e-9) + 1)) if step > 0 else (0.0,)


def doubling_marks(lowest: float, highest: float, wanted: int = 6) -> tuple[float, ...]:
    """Return powers of two that enclose both values, at most `wanted + 2` of them."""
    low, high = floor(_log2(lowest)), max(ceil(_log2(highest)), floor(_log2(lowest)) + 1)
    step = ceil((high - low) / wanted)
    return tuple(2.0**power for power in range(low, high + step, step))


def on_doubling(value: float, marks: Sequence[float]) -> float:
    """Return where `value` stands between the first (0) and the last mark (1), with equal room for each doubling."""
    low, high = _log2(marks[0]), _log2(marks[-1])
    return min(max((_log2(value) - low) / (high - low), 0.0), 1.0)


def _log2(value: float) -> float:
    return log10(max(value, 1.0)) / log10(2)
