"""The little statistics that a report needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil, log


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
