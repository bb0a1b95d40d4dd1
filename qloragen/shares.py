"""How far a share of a sample can be from that of the whole."""

from __future__ import annotations

from math import sqrt

_Z = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which a sample of `of` has `hits` (E. B. Wilson, 1927); (0, 1) for an
    empty sample."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = share + z2 / (2 * of)
    spread = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    whole = 1 + z2 / of
    # Rounding must not put a share beside its own interval.
    return max(0.0, min(share, (middle - spread) / whole)), min(1.0, max(share, (middle + spread) / whole))
