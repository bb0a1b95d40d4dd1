"""What a fault does to one call: to its status, its answer, its bytes on the wire. The fields combine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

Json = dict[str, Any]
"""A JSON object as it is parsed: whatever a client or a fault puts in."""


class Wire(Enum):
    """How the bytes of a reply travel."""

    WHOLE = "whole"
    """As they should."""
    RESET_BEFORE_HEADERS = "reset_before_headers"
    """A reset in place of them."""
    RESET_AFTER_HEADERS = "reset_after_headers"
    TRUNCATED = "truncated"
    """Headers, half of the body, and the end of the connection."""
    NEVER_ENDS = "never_ends"
    """Headers, half of the body, and silence."""
    TRICKLE = "trickle"
    """A few bytes at a time."""
    HANG = "hang"
    """Silence."""
    REFUSED = "refused"
    """No connection."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What goes wrong with one call. Without any field set, nothing does."""

    status: int = 200
    error: Mapping[str, object] | None = None
    """The `error` object of the body, for a status other than 200."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Added to the latency."""
    wire: Wire = Wire.WHOLE
    raw: bytes | None = None
    """The whole body, for example an HTML page; nothing is billed."""
    prose: str | None = None
    """Text in place of any answer, structured or not."""
    arguments: str | None = None
    """The structured answer, word for word, however wrong."""
    kept: float = 1.0
    """The share of the answer's tokens that is generated."""
    finish_reason: str | None = None
    edit: Callable[[Json], Json] | None = None
    """Last change to a good reply: empty choices, no usage..."""
    structured: bool = False
    """Only for calls that ask for a structured answer; others go well."""
    gap_s: float = 1.0
    """Between the pieces of a trickle."""


WELL = Effect()
"""Nothing goes wrong."""


def error(
    status: int,
    message: str = "a scripted fault",
    *,
    code: str | None = None,
    type: str | None = None,
    param: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Effect:
    """Return the effect of an error reply in OpenAI's form."""
    return Effect(
        status=status,
        error={"message": message, "type": type, "param": param, "code": code},
        headers=headers or {},
    )
