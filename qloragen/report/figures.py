"""The little statistics that a report needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, log, sqrt

_Z = 1.959964
"""Standard deviations on either side of the mean that hold 95 % of a normal distribution."""


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of which a sample of `of` has `hits` (E. B. Wilson, 1927)."""
    if not of:
        return 0.0, 1.0
    share, z2 = hits / of, _Z * _Z
    middle = share + z2 / (2 * of)
    spread = _Z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    whole = 1 + z2 / of
    # Rounding must not put a share beside its own interval.
    return max(0.0, min(share, (middle - spread) / whole)), min(1.0, max(share, (middle + spread) / whole))


def quantile(histogram: Mapping[int, int], share: float) -> int | None:
    """Return the least value that is not less than `share` of all; None when there are none."""
    rank = max(1, ceil(share * sum(histogram.values())))
    for value in sorted(histogram):
        rank -= histogram[value]
        if rank <= 0:
            return value
    return None


def evenness(counts: Iterable[int], kinds: int) -> float | None:
    """Return the entropy of a distribution over so many kinds, 1 where all are equally frequent; None without any."""
    there = [count for count in counts if count]
    whole = sum(there)
    if not whole:
        return None
    if kinds < 2:
        return 1.0
    return sum(-count / whole * log(count / whole) for count in there) / log(kinds)


def share(part: int, whole: int) -> float | None:
    """Return what share of a whole a part is; None of nothing."""
    return part / whole if whole else None
