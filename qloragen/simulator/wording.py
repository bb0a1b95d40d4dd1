"""From what a model has made of a call to the body of the reply."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import orjson

from ..types import Usage
from .effects import Effect, Json
from .reading import Reading
from .replies import CREATED, Generated, reply_to


class Worded(NamedTuple):
    """The reply to a call in the form in which it is sent."""

    body: bytes
    reply: Json | None = None
    """What it says; None where that is not in the form of the API."""


Word = Callable[[Reading, Generated, Usage, Effect], Worded]
"""Puts into words what a model has made of a chat completion: gets the call, what was generated, the bill, and what
goes wrong with it."""


def word(reading: Reading, generated: Generated, usage: Usage, effect: Effect) -> Worded:
    """Return a chat completion in the form of the API; see `Word`."""
    writes = reading.deployment.reports_writes
    created_s = int(reading.arrival.wall_s) if reading.body.get("store") else CREATED
    service = "default" if reading.service == "batch" else reading.service
    reply = reply_to(
        reading.body,
        reading.arrival.index,
        generated,
        usage,
        service=service,
        reports_writes=writes,
        created_s=created_s,
    )
    if effect.edit is not None:
        reply = effect.edit(reply)
    return Worded(orjson.dumps(reply), reply)
