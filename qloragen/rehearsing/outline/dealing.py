"""Which article of a sample stands for each of many."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from random import Random

_NEIGHBOURHOOD = 10
"""Articles are shuffled within about a tenth of the whole: the trend of a sorted source stays, while copies of one
article are not worked on side by side."""


def dealt(sample: int, articles: int, seed: int) -> Iterator[int]:
    """Yield for each of `articles` the number of the one of `sample` that stands for it.

    Each stands for as many as the others, give or take one, in the order of the sample on the whole. No more than there
    are in the sample are not shuffled at all.
    """
    random, held = Random(seed), array("L")  # noqa: S311 - a rehearsal keeps no secrets
    most = articles // _NEIGHBOURHOOD if articles > sample else 0
    for number in range(articles):
        one = number * sample // articles
        if len(held) < most:
            held.append(one)
            continue
        if most:
            place = random.randrange(most)
            one, held[place] = held[place], one
        yield one
    random.shuffle(held)
    yield from held
