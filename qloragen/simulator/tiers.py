"""At which tier a call is served: what it asks for in `service_tier`, and what it gets.

`auto`, `default` and anything that is not told apart here are served as `default`; a reply names the tier that was
used, and that is the one to pay for (developers.openai.com/api/docs/guides/flex-processing). Unverified: the words of
the 400 for a model without flex, and whether flex is ever served at another tier.
"""

from __future__ import annotations

from typing import Literal

from . import refusals
from .draws import Draws
from .effects import Json
from .refusals import Refusal
from .settings import Flex, Latency, Model

Service = Literal["default", "flex", "priority", "batch", "decisions"]
"""What is paid for, each at a price of its own."""


def service_of(body: Json, flex: Flex, draws: Draws) -> Service:
    """Return the tier at which a chat completion is served."""
    asked = body.get("service_tier")
    if asked == "priority":
        return "priority"
    if asked != "flex":
        return "default"
    # The part of the range above the share without capacity is the share that is served.
    served = (draws.tier - flex.unavailable) / (1 - flex.unavailable) if flex.unavailable < 1 else 1.0
    return "default" if 0 <= served < flex.downgraded else "flex"


def refused_by_tier(body: Json, flex: Flex, draws: Draws) -> Refusal | None:
    """Return what a call at the flex tier is told that cannot be served there."""
    if body.get("service_tier") != "flex":
        return None
    if not flex.offered:
        return refusals.invalid("Flex is not available for this model.", param="service_tier")
    return refusals.no_capacity() if draws.tier < flex.unavailable else None


def latency_at(model: Model, service: Service) -> Latency:
    """Return how long calls take at a tier."""
    return model.flex.latency or model.latency if service == "flex" else model.latency
