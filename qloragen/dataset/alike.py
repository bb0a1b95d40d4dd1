"""How much of two texts is the same: the share of their pairs of neighbouring words.

Of runs of five words, by which sources find the same page once more, a copy with every tenth word changed keeps so few
that its likeness is 0.42; of pairs it keeps four of five, and is 0.68 alike. Where a part is the same word for word and
the rest is not, both say much the same: pages of one template of which half is boilerplate are 0.33 alike. Pages on one
subject that were written apart stay below 0.2 (benchmarks/README.md has what 201 articles about one database come to).
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from itertools import pairwise

from ..export.example import Example, ExportError
from ..pipeline.uniqueness.prints import Print, Subject, print_of
from ..sources.sketch import words
from ..types import digest

SIMILARITY = 0.6
"""From this likeness on two articles are kept in one split, unless something else is asked for: three quarters are the
same word for word, or 87 of 100 words, if what has changed is spread evenly."""
LEAST_SIMILARITY = 0.5
"""Of less, too few pairs are found: see `groups`."""


NEARLY_SAME = 0.6
"""From this likeness on two records say nearly the same, as by default when they are made (`near_duplicate`)."""


def print_of_example(example: Example) -> Print:
    """Return what a record, or general data, is compared by with others that may say nearly the same.

    General data is of no article, and records of before hashes were kept of no known text: none of them stands for the
    same as another one.
    """
    article, text = example.article_id or example.id, example.content_hash or example.id
    subject = Subject(digest(example.id), article, text, example.type_slug)
    return print_of(subject, example.instruction, example.output)


def pairs_of(text: str) -> list[str]:
    """Return the pairs of neighbouring words in a text, with an empty word before and after it; some may be there more
    than once."""
    return list(map(" ".join, pairwise(["", *words(text), ""])))


def jaccard(one: AbstractSet[object], other: AbstractSet[object]) -> float:
    """Return the share of what two sets have in common, of all that either has; 1 for two that are empty."""
    shared = len(one & other)
    together = len(one) + len(other) - shared
    return shared / together if together else 1.0


def checked_similarity(similarity: float) -> float:
    """Return it; raises ExportError when it is no likeness that could be looked for."""
    if not LEAST_SIMILARITY <= similarity <= 1:
        raise ExportError(
            f"similarity is {similarity:g}, and has to be from {LEAST_SIMILARITY} to 1: {SIMILARITY} keeps articles "
            "together of which three quarters are the same."
        )
    return similarity
