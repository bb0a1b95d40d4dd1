"""The third reading of a journal: its records and its rejected pairs, one by one, for a reader to browse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..store.frame import key_of
from ..words import counted
from .articles import Articles
from .cells import Cells, short
from .choice import accepted, is_accepted, is_rejected, rejected
from .moment import Moment
from .records import Counting
from .shown import Refusals, shown_of
from .values import Shown

MOST = 10_000
"""Records and rejected pairs that are handed out unless another number is given."""


@dataclass(frozen=True, slots=True)
class Browsing:
    """Which cells are handed out."""

    accepted: frozenset[int]
    rejected: frozenset[int]
    said: str
    """The same in words."""


def browsing(cells: Cells, most: int) -> Browsing:
    """Choose `most` cells: all where there are no more; a quarter of them rejected ones where there are so many."""
    alike = cells.alike().items()
    good = sum(count for cell, count in alike if is_accepted(cell))
    bad = sum(count for cell, count in alike if is_rejected(cell))
    most_bad = min(bad, max(most - good, most // 4))
    most_good = min(good, most - most_bad)
    said = f"{_some(most_good, good, 'record', 'accepted')}, {_some(most_bad, bad, 'pair', 'rejected')}"
    chosen = "" if (most_good, most_bad) == (good, bad) else "; those whose ids come first"
    return Browsing(accepted(cells, most_good), rejected(cells, most_bad), said + chosen)


def _some(part: int, whole: int, noun: str, what: str) -> str:
    if not whole:
        return f"no {what} {noun}s"
    if part == whole:
        return f"{'all ' if whole > 1 else ''}{counted(whole, f'{what} {noun}')}"
    return f"{part:,} of {whole:,} {what} {noun}s"


def browsed(moment: Moment, cells: Cells, articles: Articles, chosen: Browsing) -> Iterator[Shown]:
    """Yield the chosen records in the order in which they were made, then the rejected pairs, those of an article
    together; raises SetupError."""
    counting, refusals = Counting(cells), Refusals(chosen.rejected)
    for _, kind, line in moment.lines():
        refusals.take(kind, line)
        if short(key_of(line)) in chosen.accepted and (made := counting.record(kind, line)) is not None:
            yield shown_of(made)
    yield from sorted(refusals.shown(articles), key=lambda shown: (shown.content_hash, shown.id))
