"""Advice on a rehearsed run, by rehearsals of a smaller one like it."""

from __future__ import annotations

from collections.abc import Sequence

from ..settings import Settings
from ..simulator import Simulation
from ..types import Article
from . import outline, whole
from .advice import Advice, advised
from .observed import Observed
from .timeline import Onlooker
from .values import Rehearsing

_SAMPLE = 100
"""Articles that changes are tried with."""
_MOST = 2_000
"""Articles that a change is played for: enough for a run to spend most of its time as a longer one does."""
_OF_THE_ENGINE = ("models", "rpm", "tpm", "max_concurrency", "open_articles", "flex")
"""Settings that change nothing in what articles ask for."""


def advice_on(plan: Rehearsing, observed: Observed, onlooker: Onlooker) -> tuple[Advice, ...]:
    """Return what would make a run faster or cheaper, and what would not; `observed` is what it was like."""
    onlooker.stage("what would make it faster or cheaper")
    if plan.total <= _SAMPLE and not plan.sampled:

        def play(settings: Settings, simulation: Simulation) -> Observed:
            return whole.play(plan.articles, settings, simulation, watch=onlooker.watch)

        return advised(observed, plan.settings, plan.simulation, play)
    smaller = _Smaller(plan, onlooker)
    return advised(smaller.play(plan.settings, plan.simulation), plan.settings, plan.simulation, smaller.play)


class _Smaller:
    """Plays fewer articles by what a sample of them asks for, under any settings."""

    def __init__(self, plan: Rehearsing, onlooker: Onlooker) -> None:
        count = len(plan.articles)
        wanted = min(count, _SAMPLE)
        self._sample: Sequence[Article] = [plan.articles[at * count // wanted] for at in range(wanted)]
        self._total = min(plan.total, _MOST)
        self._onlooker = onlooker
        self._known: list[tuple[Settings, outline.Shapes]] = []

    def play(self, settings: Settings, simulation: Simulation) -> Observed:
        """Play the run; see `advice.Play`. Batches are played for the sample alone."""
        watch = self._onlooker.watch
        if settings.batch:
            return whole.play(self._sample, settings, simulation, watch=watch)
        return outline.play(self._shapes(settings, simulation), settings, simulation, self._total, watch=watch)

    def _shapes(self, settings: Settings, simulation: Simulation) -> outline.Shapes:
        for known, shapes in self._known:
            alike = settings.model_copy(update={name: getattr(known, name) for name in _OF_THE_ENGINE})
            if alike == known:
                return shapes
        shapes = outline.shapes_of(self._sample, settings, simulation, watch=self._onlooker.watch)
        self._known.append((settings, shapes))
        return shapes
