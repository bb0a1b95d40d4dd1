"""How long an attempt may take: a generous multiple of what calls have lately taken, never above a ceiling.

A call that hangs holds a slot until its timeout. A short timeout frees it soon, but cuts off slow calls that would
have been answered, and may be billed all the same.

Rules:
1. Until 200 replies are there, and nine of ten calls begun have returned, the ceiling holds: what comes back first is
   what is fast.
2. Then it is five times the 99th percentile of the latencies (a histogram with logarithmic bins, whose counts are
   halved from time to time, so that old replies fade), and 10 s at least; at the flex tier, whose calls may wait for
   room at any time, 300 s.
3. Second and later attempts get the ceiling. So a call that is slow by nature loses one attempt, and its latency is
   learned; only what is cut off at the ceiling itself stays unknown.
4. After a timeout the ceiling holds until 50 more replies are there: timeouts never bring the value down.

Five times the 99th percentile is the 99.996th of a lognormal distribution with median 2 s and 99th percentile 20 s.
Measured on such latencies: of 10,000 calls with a learned timeout it cuts off 0.2 to 0.3 over runs of 20,000 calls with
1, 64 or 512 in flight, 0.8 over the first 1,000 with 64; the timeout is about 105 s (16 s at median 0.5 s and 99th
percentile 3 s). A server that becomes twenty times slower at once loses 24 attempts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil, floor, log2

FLOOR_S = 10.0
FLEX_S, FLEX_FLOOR_S = 900.0, 300.0
"""Ceiling and floor where calls wait for room: as long as the provider advises, and never less than a third of it."""

_ENOUGH = 200
_RETURNED = 0.9
_ENOUGH_AGAIN = 50
_MEMORY = 4_000
"""Replies in the histogram before it is halved."""
_QUANTILE = 0.99
_MULTIPLE = 5.0
_SHORTEST_S = 0.05
_BINS_AN_OCTAVE = 4
_BINS = 72
"""Bins up to 2**18 times the shortest: 3.6 hours."""


@dataclass(slots=True)
class _Histogram:
    """Counts of latencies in bins that grow by a fourth root of 2, 19 %."""

    counts: list[int] = field(default_factory=lambda: [0] * _BINS)
    total: int = 0

    def add(self, latency_s: float) -> None:
        octaves = log2(max(latency_s, _SHORTEST_S) / _SHORTEST_S)
        self.counts[min(floor(octaves * _BINS_AN_OCTAVE), _BINS - 1)] += 1
        self.total += 1
        if self.total >= _MEMORY:
            self.counts = [count // 2 for count in self.counts]
            self.total = sum(self.counts)

    def quantile_s(self, share: float) -> float:
        """Return the upper end of the bin that holds the quantile."""
        above = self.total - ceil(share * self.total)
        number = _BINS
        while number > 0 and above >= 0:
            number -= 1
            above -= self.counts[number]
        return float(_SHORTEST_S * 2 ** ((number + 1) / _BINS_AN_OCTAVE))


class Patience:
    """Timeouts of the attempts at one kind of request, in seconds.

    Keep one for each kind: how long a reply takes depends on its length first of all.
    """

    def __init__(self, ceiling_s: float, floor_s: float = FLOOR_S) -> None:
        self._ceiling_s = ceiling_s
        self._floor_s = floor_s
        self._latencies = _Histogram()
        self._begun = 0
        self._replies = 0
        self._distrusted = 0
        """Replies still to come before the value is believed again after a timeout."""
        self._learned_s = ceiling_s

    def timeout_s(self, attempt: int) -> float:
        """Return the total time of an attempt that begins now; 1 is a request's first."""
        self._begun += 1
        if attempt > 1 or self._distrusted or self._replies < max(_ENOUGH, _RETURNED * self._begun):
            return self._ceiling_s
        return self._learned_s

    def learn(self, latency_s: float) -> None:
        """Take in the time that a reply took, from its sending to its end."""
        self._replies += 1
        self._distrusted = max(0, self._distrusted - 1)
        self._latencies.add(latency_s)
        if self._replies % 16 == 0:  # a quantile costs more than all the rest
            generous_s = _MULTIPLE * self._latencies.quantile_s(_QUANTILE)
            self._learned_s = min(self._ceiling_s, max(self._floor_s, generous_s))

    def timed_out(self) -> None:
        """Take in that an attempt got no reply in its time."""
        self._distrusted = _ENOUGH_AGAIN
