"""Replies in short: what they are billed for, and how they ended. What else they say is known."""

from __future__ import annotations

import struct

from ...engine.pricing import Price, cost
from ...engine.reply import Circumstances, decode
from ...simulator.effects import WELL, Effect
from ...simulator.reading import Reading
from ...simulator.replies import Generated
from ...simulator.tiers import Service
from ...simulator.wording import Worded, word
from ...types import Completion, ReplyForm, Usage

TEXT, OBJECT = "1", "{}"
"""What replies say, to texts and to structured requests."""
_SHORT = struct.Struct("<BB5Q")
"""The tier and the finish reason, by their numbers, and the usage, field by field."""
_TIERS: tuple[Service, ...] = ("default", "flex", "priority")
_FINISHES = ("stop", "tool_calls")


def shorten(reading: Reading, generated: Generated, usage: Usage, effect: Effect) -> Worded:
    """Return a reply in short, or in full where it does not say what is known; see `simulator.bodies.Language`."""
    if effect is not WELL or generated.finish_reason not in _FINISHES or reading.service not in _TIERS:
        return word(reading, generated, usage, effect)
    tier, finish = _TIERS.index(reading.service), _FINISHES.index(generated.finish_reason)
    return Worded(_SHORT.pack(tier, finish, *usage))


def read(
    body: bytes, *, model: str, structure: ReplyForm | None, price: Price | None, around: Circumstances
) -> Completion:
    """Return what a reply says, in short or in full; see `engine.reply.Read`."""
    if len(body) != _SHORT.size or body[0] >= len(_TIERS):
        return decode(body, model=model, structure=structure, price=price, around=around)
    tier, finish, *tokens = _SHORT.unpack(body)
    usage, paid_as = Usage(*tokens), _TIERS[tier]
    return Completion(
        text=TEXT if structure is None else "" if structure == "tools" else OBJECT,
        arguments=None if structure is None else OBJECT,
        finish_reason=_FINISHES[finish],
        refusal=None,
        usage=usage,
        model=model,
        structure=structure,
        cost_usd=cost(usage, price, tier=paid_as) if price and any(usage) else None,
        body=body,
        tier=paid_as,
        request_id=around.request_id,
        latency_s=around.latency_s,
        attempts=around.attempts,
    )
