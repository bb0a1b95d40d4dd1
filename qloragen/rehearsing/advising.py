"""Advice on a rehearsed run, by rehearsals of a smaller one."""

from __future__ import annotations

from ..settings import Settings
from ..simulator import Simulation
from . import whole
from .advice import Advice, advised
from .observed import Observed
from .timeline import Onlooker
from .values import Rehearsing

_SAMPLE = 100
"""Articles that changes are tried with."""


def advice_on(plan: Rehearsing, observed: Observed, onlooker: Onlooker) -> tuple[Advice, ...]:
    """Return what would make a run faster or cheaper, and what would not; `observed` is what it was like."""
    count = len(plan.articles)
    sample = plan.articles if count <= _SAMPLE else tuple(plan.articles[at * count // _SAMPLE] for at in range(_SAMPLE))

    def play(settings: Settings, simulation: Simulation) -> Observed:
        return whole.play(sample, settings, simulation, watch=onlooker.watch)

    base = observed if len(sample) == plan.total else play(plan.settings, plan.simulation)
    return advised(base, plan.settings, plan.simulation, play)
