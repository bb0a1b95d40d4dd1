"""What one process has seen and done; the run's files hold the rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ..types import Skip
from .workload import Workload

MAX_LISTED_SKIPS = 1000
"""How many skipped pieces of a source are kept to be listed; all are counted."""


@dataclass(slots=True)
class Tally:
    """Counts of one process."""

    articles: int = 0
    """Articles taken from the source."""
    finished_articles: int = 0
    """Articles for which nothing is left to ask now."""
    records: int = 0
    """Records made."""
    adopted: int = 0
    """Replies that the provider had stored, taken in place of new calls."""
    rejected: Counter[str] = field(default_factory=Counter)
    """Cells given up for good, by reason."""
    rejected_before: int = 0
    """Cells of this process's articles that an earlier process gave up for good."""
    failed: Counter[str] = field(default_factory=Counter)
    """Cells given up until the next run, by reason."""
    skips: Counter[str] = field(default_factory=Counter)
    """Pieces of the source that are no articles, by reason."""
    work: Workload = field(default_factory=Workload)
    """What forecasts are made of."""
    listed_skips: list[Skip] = field(default_factory=list)
    """The first `MAX_LISTED_SKIPS` of them."""

    @property
    def rejections(self) -> int:
        """Cells given up for good."""
        return self.rejected.total()

    @property
    def failures(self) -> int:
        """Cells given up until the next run."""
        return self.failed.total()

    @property
    def missing(self) -> int:
        """Cells of this process's articles that have no result."""
        return self.rejections + self.rejected_before + self.failures

    def skip(self, skip: Skip) -> None:
        """Count a piece of the source that is no article."""
        self.skips[skip.reason.value] += 1
        if len(self.listed_skips) < MAX_LISTED_SKIPS:
            self.listed_skips.append(skip)
