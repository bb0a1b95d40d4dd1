"""What the provider has decided about one call, for a shell to act out."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from ..types import Usage
from .calls import Call
from .effects import Json, Wire
from .faults import Endpoint
from .tiers import Service

TRICKLED_PIECES = 60


def travel_s(wire: Wire, gap_s: float) -> float:
    """Return the seconds from the first byte of a body to its last."""
    return gap_s * (TRICKLED_PIECES - 1) if wire is Wire.TRICKLE else 0.0


class Plan(NamedTuple):
    """The reply to one call, when it comes, and how it travels. A shell acts it out, and then tells `Provider.end`."""

    outcome: str
    """What the statistics call it if it goes as planned."""
    status: int
    headers: Mapping[str, str]
    body: bytes
    first_s: float
    """Seconds from the arrival of the call to the first byte of the reply."""
    wire: Wire = Wire.WHOLE
    gap_s: float = 0.0
    """Between the pieces of a trickle."""
    usage: Usage | None = None
    """What it costs; None when nothing is billed."""
    reply: Json | None = None
    """`body`, where that is a chat completion in the form of the API."""
    kept: Json | None = None
    """How it is stored, where the call asked for that."""
    model: str | None = None
    """None when the call did not get to say."""
    service: Service = "default"
    endpoint: Endpoint = "chat"
    collects: str | None = None
    """The file whose content it is."""
    identity: bytes = b""
    call: Call | None = None

    @property
    def last_s(self) -> float:
        """Seconds from the arrival of the call to the last byte of the reply."""
        return self.first_s + travel_s(self.wire, self.gap_s)

    @property
    def half(self) -> bytes:
        """The half of the body that comes before it breaks."""
        return self.body[: len(self.body) // 2]

    @property
    def pieces(self) -> list[bytes]:
        """The pieces of a trickle, in order; some are empty when the body has fewer bytes than pieces."""
        ends = [len(self.body) * n // TRICKLED_PIECES for n in range(TRICKLED_PIECES + 1)]
        return [self.body[start:end] for start, end in pairwise(ends)]
