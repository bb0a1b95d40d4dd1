"""How fast calls are taken up again after the server said "too much" without saying how much it takes."""

from __future__ import annotations

from math import inf


class Ramp:
    """A second bound on the calls in flight, like TCP's congestion window (RFC 5681, sections 3.1 and 3.2).

    After an outage it begins with one call, and each answer adds one more, which doubles the calls in flight with every
    round. After a refusal it is half of what was in flight, and each whole round adds a tenth, or one. When it reaches
    the ordinary bound it is gone.
    """

    def __init__(self) -> None:
        self.window = inf
        self._threshold = inf
        self._since_s = -inf
        self._since = 0

    def restart(self, now_s: float) -> None:
        """Begin again with one call; those that were sent before may hang, and are not counted."""
        self.window, self._threshold = 1.0, inf
        self._since_s, self._since = now_s, 0

    def is_full(self, in_flight: int) -> bool:
        """Whether one more call is too much, `in_flight` being all there are."""
        return (in_flight if self._since_s == -inf else self._since) >= self.window

    def began(self) -> None:
        """Count a call that is sent."""
        self._since += 1

    def ended(self, sent_at_s: float) -> None:
        """Take in that a call has come to its end."""
        self._since -= sent_at_s >= self._since_s

    def halve(self, in_flight: int) -> None:
        """Go on with half of what was in flight, or was allowed to be, when it was too much."""
        self.window = self._threshold = max(1.0, (in_flight if self.window == inf else self.window) / 2)

    def answered(self, limit: int) -> None:
        """Take in a good reply; `limit` is the ordinary bound."""
        if self.window == inf:
            return
        self.window += 1.0 if self.window < self._threshold else max(0.1, 1.0 / self.window)
        if self.window >= limit:
            self.window, self._since_s = inf, -inf
