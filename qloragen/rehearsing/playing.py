"""Which way a run is played: by the real pipeline, or in outline by what a sample of it was like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import SettingsError
from ..settings import Settings
from ..simulator import Simulation
from ..types import Article
from ..words import counted
from . import outline, whole
from .observed import Observed
from .timeline import NOBODY, Onlooker


class Played(NamedTuple):
    """What was seen, and what of it was played by real articles."""

    observed: Observed
    shapes: outline.Shapes | None
    """What the sample was like; None where all articles were played whole."""


def played(
    articles: Sequence[Article],
    total: int,
    settings: Settings,
    simulation: Simulation,
    *,
    onlooker: Onlooker = NOBODY,
) -> Played:
    """Play a run of `total` articles like these; as many as there are are played whole.

    It blocks, and needs a thread in which no event loop runs.

    Raises:
        SetupError: Settings or pack cannot be used, or batches are wished for more articles than there are.
    """
    if settings.batch and total > len(articles):
        raise SettingsError(
            f"Batches are rehearsed by the real pipeline alone, which is to play {len(articles):,} articles, not "
            f"{total:,}: let it play all of them (--whole {total}, of a source that has so many; some 40 ms each), or "
            f"take fewer (--articles {len(articles)})."
        )
    played_whole = counted(len(articles), "article")
    whole.play(articles[:1], settings, simulation)  # what is loaded at first use is no work that each call takes
    if total == len(articles):
        onlooker.stage(f"{played_whole}, played by the real pipeline")
        return Played(whole.play(articles, settings, simulation, watch=onlooker.watch), None)
    onlooker.stage(f"a sample of {played_whole}, played by the real pipeline")
    shapes = outline.shapes_of(articles, settings, simulation, watch=onlooker.watch)
    calls = shapes.calls * total // len(articles)
    onlooker.stage(f"{counted(total, 'article')}, played by what the sample was like; about {calls:,} calls")
    return Played(outline.play(shapes, settings, simulation, total, watch=onlooker.watch), shapes)
