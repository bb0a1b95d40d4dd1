"""What one core has to do in a run: the work of the pipeline, as measured in a rehearsal, and of HTTP, as known."""

from __future__ import annotations

from .observed import Observed
from .values import Cpu

HTTP_CALL_S = 0.0021
"""CPU seconds that a call takes over HTTP, beyond what it takes in process."""


def cpu_of(observed: Observed) -> Cpu:
    """Return what a run like this takes of one core like those of this machine."""
    calls = sum(model.sent for model in observed.models.values())
    work_s = observed.cpu_s + calls * HTTP_CALL_S
    return Cpu(
        call_s=work_s / calls if calls else 0.0,
        work_s=work_s,
        share=work_s / observed.makespan_s if observed.makespan_s else 0.0,
    )
