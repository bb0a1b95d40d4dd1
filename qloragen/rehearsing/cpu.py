"""What one core has to do in a run: as measured in a rehearsal, and with HTTP, as known."""

from __future__ import annotations

from collections.abc import Mapping

from ..engine.client import Transport
from .observed import Observed
from .values import Cpu

OVER_HTTP: Mapping[Transport, float] = {"openai": 0.92, "aiohttp": 0.9}
"""CPU time that a run takes over HTTP, for each second that the pipeline takes in a rehearsal of it, by transport.

Below 1, though sockets come on top: in a rehearsal the provider works in the same process, and leaves cold caches and
garbage behind. About the medians of 32 and nine turns with 200 articles about Apache Cassandra, 64 calls in flight that
are answered at once, one core for the run and a quiet one for the server: 0.82 to 1.08 and 0.85 to 0.96.
While other work kept both cores busy it was 1.12 to 1.43. A loop that wakes up for each single call takes more, but
then the core is not what binds.
"""


def cpu_of(observed: Observed, transport: Transport) -> Cpu:
    """Return what a run like this takes of one core like those of this machine."""
    calls = sum(model.sent for model in observed.models.values())
    work_s = observed.cpu_s * OVER_HTTP[transport]
    return Cpu(
        call_s=work_s / calls if calls else 0.0,
        work_s=work_s,
        share=work_s / observed.makespan_s if observed.makespan_s else 0.0,
    )
