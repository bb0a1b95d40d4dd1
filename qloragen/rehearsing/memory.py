"""What a run needs of memory."""

from __future__ import annotations

from .observed import Observed
from .values import Memory

_BASE_BYTES = 110 * 2**20
"""A run of a few articles (benchmarks/README.md, "The main job"), most of it the price list and the packages."""
_RECORD_BYTES = 450
"""What is kept of each record, so that none is there twice, and of where it stands."""
_ARTICLE_BYTES = 500
"""What is kept of each article, to tell duplicates and where its cells stand."""
_OPEN_BYTES = 150_000
"""An article that is being worked on, with its calls in flight."""


def memory_of(observed: Observed, articles: int) -> Memory:
    """Return what this process has held, and what a run like the observed one is expected to hold at most."""
    open_articles = min(sum(model.max_in_flight for model in observed.models.values()), articles)
    kept = observed.records * _RECORD_BYTES + articles * _ARTICLE_BYTES + open_articles * _OPEN_BYTES
    return Memory(rehearsal_bytes=observed.peak_bytes, run_bytes=_BASE_BYTES + kept)
