"""Plays articles by their shapes: real engine, real limits and budget, simulated provider, no parsing and no journal."""

from __future__ import annotations

from ...settings import Settings
from ...simulator import Simulation
from ..observed import Observed
from .shapes import Shapes


def play(shapes: Shapes, settings: Settings, simulation: Simulation, articles: int) -> Observed:
    """Play so many articles like those of the sample, and return what was seen.

    They come in the order of the sample, each as often as it stands for others; as many as the sample has are exactly
    that. `cpu_s` is what the real pipeline would have taken for so many calls, as measured with the sample. It blocks,
    and needs a thread in which no event loop runs. The same arguments bring the same result.

    Raises:
        SettingsError: The settings cannot be used, or ask for batches, which have no outline.
    """
    raise NotImplementedError
