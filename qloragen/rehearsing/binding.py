"""What bound a run: what its calls waited for, and whether one core is enough."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.bound import Bound
from .observed import Observed
from .values import Binding, Cpu

_BUSY = 0.85
"""Share of a core above which it slows a run down: at times it has more to do than on average."""
_WORTH_SAYING = 0.02


def bindings_of(observed: Observed, cpu: Cpu) -> tuple[Binding, ...]:
    """Return what kept calls waiting, and for which share of the makespan, the most important first.

    Models wait at the same time, so that shares add up for each of them alone.
    """
    found = [*_of_models(observed)]
    if cpu.share >= _BUSY:
        found.append(Binding(None, None, min(cpu.share, 1.0)))
    return tuple(sorted(found, key=_weight, reverse=True))


def _of_models(observed: Observed) -> Iterator[Binding]:
    for model, seen in observed.models.items():
        for bound, seconds in seen.bound_s.items():
            share = seconds / observed.makespan_s if observed.makespan_s else 0.0
            if share >= _WORTH_SAYING:
                yield Binding(model, bound, min(share, 1.0))


def _weight(binding: Binding) -> tuple[bool, bool, float]:
    """A core that is too slow comes first; that nobody waits comes after everything that somebody waits for."""
    return binding.bound is None, binding.bound is not Bound.IDLE, binding.share
