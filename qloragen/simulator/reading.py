"""A call that has come in, as all that decide about it see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from .calls import Call
from .deployment import Deployment
from .draws import Draws
from .effects import Json
from .faults import Endpoint
from .prompts import Measured
from .tiers import Service


@dataclass(slots=True)
class Arrival:
    """A call that has come in; not frozen, which would take four times as long to make."""

    index: int
    identity: bytes
    draws: Draws
    headers: Mapping[str, str]
    now_s: float
    """Since the simulator began."""
    clock_s: float
    """On the shell's clock."""
    wall_s: float
    """Since 1970."""
    endpoint: Endpoint = "chat"


class Reading(NamedTuple):
    """A call whose form is right, at the model that it asks for."""

    arrival: Arrival
    body: Json
    model: str
    deployment: Deployment
    cap_tokens: int | None
    """Most completion tokens; None when the call has no cap."""
    prompt: Measured
    in_flight: int
    """Calls to this model, this one included."""
    call: Call | None
    service: Service
