"""What bound a run: what its calls waited for, and whether one core is enough."""

from __future__ import annotations

from collections.abc import Iterator

from ..engine.bound import Bound
from .observed import Observed
from .values import Binding, Cpu

_BUSY = 0.85
"""Share of a core above which it slows a run down: at times it has more to do than on average."""
_WORTH_SAYING = 0.02
AT_ONCE_S = 1.0
"""Nothing binds a run that is over sooner, as one is whose first call is refused."""


def bindings_of(observed: Observed, cpu: Cpu) -> tuple[Binding, ...]:
    """Return what kept calls from being sent, and for which share of the makespan, the most important first.

    Models wait at the same time, so shares add up for each of them alone. Latency binds for no longer than the busiest
    of those that were asked has nothing to send. Nothing binds a run that is over at once.
    """
    if max(observed.makespan_s, cpu.work_s) < AT_ONCE_S:
        return ()
    found = sorted(_of_models(observed), key=lambda one: one.share, reverse=True)
    idle = [binding for binding in found if binding.bound is Bound.IDLE]
    asked = sum(any(seen.bound_s.values()) for seen in observed.models.values())
    busiest = idle[-1:] if len(idle) == asked else []
    first = [binding for binding in found if binding not in idle or binding in busiest]
    slow = [Binding(None, None, min(cpu.share, 1.0))] if cpu.share >= _BUSY else []
    return (*slow, *first, *(binding for binding in idle if binding not in busiest))


def _of_models(observed: Observed) -> Iterator[Binding]:
    for model, seen in observed.models.items():
        asked_s = sum(seen.bound_s.values())
        before_s = max(observed.makespan_s - asked_s, 0.0) if asked_s else 0.0  # nobody had anything for it by then
        for bound, seconds in seen.bound_s.items():
            within_s = seconds + before_s if bound is Bound.IDLE else seconds
            share = within_s / observed.makespan_s if observed.makespan_s else 0.0
            if share >= _WORTH_SAYING:
                yield Binding(model, bound, min(share, 1.0))
