"""Waiting times as response headers write them."""

from __future__ import annotations

import math


def retry_after(seconds: float) -> dict[str, str]:
    """Return the two headers that say how long to wait; none for an endless wait."""
    if math.isinf(seconds):
        return {}
    return {"retry-after-ms": str(math.ceil(seconds * 1000)), "retry-after": str(math.ceil(seconds))}


def duration(seconds: float) -> str:
    """Return `seconds` in the form of the reset headers: "12ms", "1.5s", "6m0s", "1h0m2s"; to the next millisecond."""
    milliseconds = math.ceil(seconds * 1000 - 1e-6)
    if milliseconds < 1000:
        return f"{milliseconds}ms"
    minutes, rest = divmod(milliseconds, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return text
