"""How fast calls are taken up again after the server said "too much" without saying how much it takes."""

from __future__ import annotations

from math import inf


class Ramp:
    """A second bound on the calls in flight, like TCP's congestion window (RFC 5681, sections 3.1 and 3.2).

    It begins with one call. Each answer adds one more, which doubles the calls in flight with every round, up to half
    of what was in flight when it went wrong; from there on each whole round adds one. When it reaches the ordinary
    bound it is gone.
    """

    def __init__(self) -> None:
        self.window = inf
        self._threshold = inf

    def restart(self, threshold: float = inf) -> None:
        """Begin again, fast up to `threshold` calls in flight."""
        self.window, self._threshold = 1.0, max(1.0, threshold)

    def answered(self, limit: int) -> None:
        """Take in a good reply; `limit` is the ordinary bound."""
        if self.window == inf:
            return
        self.window += 1.0 if self.window < self._threshold else 1.0 / self.window
        if self.window >= limit:
            self.window = inf
