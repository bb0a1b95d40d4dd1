"""A rehearsal as values: what is to be played, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass

from ..engine.bound import Bound
from ..settings import Settings
from ..simulator import Simulation
from ..types import Article


@dataclass(frozen=True, slots=True)
class Rehearsing:
    """What is to be rehearsed: articles, settings, and what the provider is like."""

    settings: Settings
    """As for the run itself, fit for a rehearsal (`provider.fit`): it writes nowhere and reports nowhere."""
    simulation: Simulation
    articles: tuple[Article, ...]
    """What the real pipeline plays: all that there is, or a sample drawn evenly, in the order of the source."""
    total: int
    """How many articles are rehearsed in all: what is more than `articles` is played by what these were like."""

    @property
    def sampled(self) -> bool:
        """Whether there is more to play than the real pipeline plays."""
        return self.total > len(self.articles)


@dataclass(frozen=True, slots=True)
class Binding:
    """What decided how long a run took: what kept its calls waiting for most of the time."""

    model: str | None
    """None: no single model; the CPU, or a budget of the whole run."""
    bound: Bound | None
    """None: the CPU, which no virtual time shows."""
    share: float
    """Of the makespan."""


@dataclass(frozen=True, slots=True)
class Cpu:
    """The work that one core has with a run."""

    call_s: float
    """CPU seconds for each call, as measured here, with what HTTP takes in a run (as known)."""
    work_s: float
    """CPU seconds in all."""
    share: float
    """Of one core, over the makespan; above 1 the run takes longer than its makespan says."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a run needs of memory, resident."""

    rehearsal_bytes: int
    """The most that this process has held, the simulated provider's part included."""
    run_bytes: int
    """What the run itself is expected to hold at most."""
