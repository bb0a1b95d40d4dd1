"""What one core has to do in a run: the work of the pipeline, as measured in a rehearsal, and of HTTP, as known."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.client import Transport
from .observed import Observed
from .values import Cpu

HTTP_SHARE: Mapping[Transport, float] = {"openai": 0.28, "aiohttp": 0.15}
"""CPU time that calls take over HTTP, for each second that they take in process, by transport.

Medians of five and six turns with 100 articles about Apache Cassandra, 64 calls in flight that are answered at once,
on a machine that was busy with other work: 2.6 to 5.7 ms a call in process, and 19 to 43 % more over OpenAI's client,
6 to 65 % past it. It is a share because both grow alike on a slower machine. A loop that wakes up for each single
call takes more, but then the core is not what binds.
"""


def cpu_of(observed: Observed, transport: Transport) -> Cpu:
    """Return what a run like this takes of one core like those of this machine."""
    calls = sum(model.sent for model in observed.models.values())
    work_s = observed.cpu_s * (1 + HTTP_SHARE[transport])
    return Cpu(
        call_s=work_s / calls if calls else 0.0,
        work_s=work_s,
        share=work_s / observed.makespan_s if observed.makespan_s else 0.0,
    )
