"""How many calls may be in flight while it is not known yet what a server allows.

1. Before the first reply: one, and twice as many after each second, up to `_MOST_UNHEARD`; the reply may tell the
   limits.
2. If it does not: twice as many after each tenth of a second. Refusals come that soon, and a server without limits is
   in full use after one second, whatever its latency.
"""

from __future__ import annotations

from math import inf, log2

_UNHEARD_S, _HEARD_S = 1.0, 0.1
"""Times of doubling."""
_MOST_UNHEARD = 64
_ENOUGH_DOUBLINGS = 20
"""A million calls; more than that is no bound any more."""


class Scouting:
    """A bound on the calls in flight, for the first moments; times are seconds of the caller's clock."""

    def __init__(self, *, needed: bool) -> None:
        self.needed = needed
        """Something is still to be found out."""
        self._from = 1.0
        self._since_s: float | None = None
        self._doubling_s = _UNHEARD_S
        self._most: float = _MOST_UNHEARD

    def wait_s(self, in_flight: int, limit: int, now_s: float) -> float:
        """Return how long until one more call may be in flight; `limit` is the ordinary bound, where this one ends."""
        if not self.needed:
            return 0.0
        if self._since_s is None:
            self._since_s = now_s
        doublings = min(int((now_s - self._since_s) / self._doubling_s), _ENOUGH_DOUBLINGS)
        allowed = min(self._most, self._from * 2**doublings)
        if in_flight < allowed:
            self.needed = allowed < limit
            return 0.0
        if allowed >= self._most:
            return inf
        doublings = int(log2(in_flight / self._from)) + 1
        return max(self._since_s + doublings * self._doubling_s - now_s, self._doubling_s / 100)

    def heard(self, in_flight: int, now_s: float, *, told: bool) -> None:
        """Take in that a reply has come, and whether it has told the limits."""
        if told:
            self.needed = False
        elif self._most == _MOST_UNHEARD:
            self._from, self._since_s = float(max(1, in_flight)), now_s
            self._doubling_s, self._most = _HEARD_S, inf

    def refused(self) -> bool:
        """Take in a refusal, which says how much is too much; True if that was still to be found out."""
        found_out, self.needed = self.needed, False
        return found_out
