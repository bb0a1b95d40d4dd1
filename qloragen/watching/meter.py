"""How fast a count has grown over the last minute."""

from __future__ import annotations

from collections import deque

SPAN_S = 60.0
_LEAST_S = 5.0
"""A count that is younger tells no rate: limits let some calls go at once."""


class Meter:
    """A count that only grows, looked at from time to time; times are seconds of one clock."""

    def __init__(self, now_s: float, count: int = 0) -> None:
        self._seen: deque[tuple[float, int]] = deque([(now_s, count)])

    def note(self, now_s: float, count: int) -> None:
        """Take in the count of a moment; the oldest that is not needed any more is forgotten."""
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - SPAN_S:
            self._seen.popleft()
        if now_s > self._seen[-1][0]:
            self._seen.append((now_s, count))

    def per_minute(self, now_s: float, count: int) -> float:
        """Return by how much the count grows in a minute, as it did in the last one, being `count` now."""
        begun_s, before = self._seen[0]
        for seen_s, earlier in self._seen:
            if seen_s > now_s - SPAN_S:
                break
            begun_s, before = seen_s, earlier
        return 60.0 * (count - before) / max(now_s - begun_s, _LEAST_S)
