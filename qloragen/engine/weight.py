"""What a server counts for one of our tokens, learned from the levels that it shows."""

from __future__ import annotations

from typing import NamedTuple

_SPAN_S = 2.0
"""Least time between two replies that are compared: calls that overtake one another should matter little."""
_GAIN = 0.5
_GAIN_ALONE = 0.05
_LIGHTEST, _HEAVIEST = 0.1, 4.0


class Sight(NamedTuple):
    """What the server counted in front of one call, the call included."""

    time_s: float
    """When the call was admitted here."""
    amount: float
    """What it was taken for, unweighed."""
    total: float
    """Sum of all that was taken until then, unweighed."""
    level: float
    """The server's."""
    alone: bool
    """Our own bucket was empty before it."""


class Weight:
    """Ratio of the server's count to ours.

    Rules:
    1. Between two calls the server has counted what its level has risen by, and what has leaked away meanwhile.
    2. That is too much where its bucket was empty for a while. But a level is never below the call's own count: so each
       call alone gives an upper bound, and in an empty bucket a close one.
    3. Where our bucket was empty, the server's was too, or nearly so.
    """

    def __init__(self) -> None:
        self.value = 1.0
        self._begin: Sight | None = None

    def observe(self, sight: Sight, per_s: float) -> None:
        """Take in one reply of a server whose bucket leaks `per_s`."""
        bound = sight.level / sight.amount
        if sight.alone:
            self._move(bound, _GAIN)
        elif bound < self.value:
            self._move(bound, _GAIN_ALONE)
        begin = self._begin
        if begin is None or bound < 2 * self.value:
            self._begin = sight
        elif sight.time_s - begin.time_s >= _SPAN_S:
            counted = sight.level - begin.level + per_s * (sight.time_s - begin.time_s)
            self._move(counted / (sight.total - begin.total), _GAIN)
            self._begin = sight

    def _move(self, towards: float, gain: float) -> None:
        self.value += gain * (max(_LIGHTEST, min(_HEAVIEST, towards)) - self.value)
