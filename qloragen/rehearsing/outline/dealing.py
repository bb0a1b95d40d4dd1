"""Which article of a sample stands for each of many."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from random import Random

_PARTS = 10
"""Articles are shuffled within a tenth of the whole: the trend of a sorted source stays, while copies of one article
are not worked on side by side."""


def dealt(sample: int, articles: int, seed: int) -> Iterator[int]:
    """Yield for each of `articles` the number of the one of `sample` that stands for it.

    Each stands for as many as the others, give or take one, in the order of the sample on the whole. No more than there
    are in the sample are not shuffled at all.
    """
    random = Random(seed)  # noqa: S311 - a rehearsal keeps no secrets
    length = max(articles // _PARTS, 1)
    for start in range(0, articles, length):
        part = array("L", (number * sample // articles for number in range(start, min(start + length, articles))))
        if articles > sample:
            random.shuffle(part)
        yield from part
