"""Which way a run is played: by the real pipeline, or in outline by what a sample of it was like."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import SettingsError
from ..settings import Settings
from ..simulator import Simulation
from ..types import Article
from . import outline, whole
from .fitting import fit
from .observed import Observed
from .timeline import Watch, nobody_watches


def played(
    articles: Sequence[Article],
    total: int,
    settings: Settings,
    simulation: Simulation,
    *,
    watch: Watch = nobody_watches,
) -> Observed:
    """Play a run of `total` articles like these, and return what was seen; as many as there are are played whole.

    It blocks, and needs a thread in which no event loop runs.

    Raises:
        SetupError: Settings or pack cannot be used, or batches are wished for more articles than there are.
    """
    if total == len(articles):
        return whole.play(articles, settings, simulation, watch=watch)
    if settings.batch:
        raise SettingsError(
            f"Batches are rehearsed by the real pipeline alone, which is to play {len(articles):,} articles, not "
            f"{total:,}: let it play all of them (--whole {total}; some 40 ms each), or take fewer (--limit)."
        )
    fitted = fit(settings)
    return outline.play(outline.shapes_of(articles, fitted, simulation), fitted, simulation, total)
