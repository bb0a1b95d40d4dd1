"""What requests say, in a form to identify them by."""

from __future__ import annotations

from collections.abc import Iterable

from ..types import Message


def wording(messages: Iterable[Message]) -> list[dict[str, object]]:
    """Return all that is in `messages` as JSON values, however their texts are held in memory."""
    return [{"role": message.role, "text": message.whole, "shared": message.shared} for message in messages]
