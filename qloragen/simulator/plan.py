"""What the provider has decided about one call, for a shell to act out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..types import Usage
from .calls import Call
from .effects import Json, Wire

TRICKLED_PIECES = 60
"""At most."""


@dataclass(frozen=True, slots=True)
class Plan:
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
    """`body`, where that is a chat completion."""
    model: str | None = None
    """None when the call did not get to say."""
    identity: bytes = b""
    call: Call | None = None

    @property
    def last_s(self) -> float:
        """Seconds from the arrival of the call to the last byte of the reply."""
        return self.first_s + (self.gap_s * (len(self.pieces) - 1) if self.wire is Wire.TRICKLE else 0.0)

    @property
    def half(self) -> bytes:
        """The half of the body that comes before it breaks."""
        return self.body[: len(self.body) // 2]

    @property
    def pieces(self) -> list[bytes]:
        """The pieces of a trickle, in order, at least one."""
        size = -(-len(self.body) // TRICKLED_PIECES) or 1
        return [self.body[start : start + size] for start in range(0, len(self.body), size)] or [b""]
