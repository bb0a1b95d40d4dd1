"""Whether a service tier that is not always there has room for one more call, as far as its refusals show.

A tier such as flex refuses at once what it has no room for, which says nothing of the rate limits. Each refused request
comes back by itself, after a wait of its own; what is here keeps all of them together from hammering at a shut door.

Rules:
1. A refusal costs one credit, a call that is let in earns one, and some are saved. So nothing waits as long as fewer
   than half of the calls are refused.
2. A call that has not been refused for several times as long as refusals take has been let in: its reply may take
   minutes.
3. While most calls are refused, those whose fate is not known yet hold credit: what was saved is not spent at once, and
   when there is room again, the calls that are let in double with every round.
4. Without credit one call goes every half second; the longer nobody has been let in, the fewer, down to four a minute.

Measured with calls of 20 s (99th percentile 200 s) and 64 in flight: when 30 % find no room at random, 1.44 calls are
made for each reply and a run takes 1.01 times as long as without refusals, when half of them do, 2.0 calls and 1.12
times. Of a tier with room for 64 calls of 512 at once, 97 % is used with 4.5 refusals a second. Without any room some
450 calls are refused in the first hour and 240 in each further one; a minute after there is room again all is well.
"""

from __future__ import annotations

from collections import deque
from math import inf

FLEX = "flex"
"""The tier that is not always there."""

_SAVED = 64.0
"""Credit to begin with, and the most there ever is."""
_RECENT = 256
"""Calls over which the share of the refused ones is averaged."""
_REFUSALS_AWAITED, _LEAST_AWAITED_S, _MOST_AWAITED_S = 4.0, 1.0, 30.0
_FADES = 0.9
"""Of the longest time that a refusal took, with every further one."""
_QUICKEST_S, _SLOWEST_S = 0.5, 15.0
"""Between two calls without credit."""
_SLOWER_AFTER_S = 30.0
"""So long without anyone let in adds the quickest once more."""


class Capacity:
    """What is known of one model's room at the tier; all times are seconds of the caller's clock."""

    def __init__(self) -> None:
        self._credit = _SAVED
        self._refused_share = 0.0
        self._unknown: deque[float] = deque()
        """When the calls were sent whose fate is not known yet."""
        self._sent_at_s = -inf
        self._refusal_s = 0.0
        self._starved_since_s: float | None = None
        """When the first call was refused since the last one that was let in."""

    def wait_s(self, now_s: float) -> float:
        """Return how long nobody should be sent."""
        self._look(now_s)
        if self._credit > self._refused_share * len(self._unknown):
            return 0.0
        slower = self.starved_s(now_s) / _SLOWER_AFTER_S
        due_s = self._sent_at_s + min(_QUICKEST_S * (1 + slower), _SLOWEST_S)
        if self._unknown:
            due_s = min(due_s, self._unknown[0] + self._awaited_s)
        return max(0.0, due_s - now_s)

    def starved_s(self, now_s: float) -> float:
        """Return for how long calls have been refused, and nobody let in."""
        return 0.0 if self._starved_since_s is None else now_s - self._starved_since_s

    def sent(self, now_s: float) -> None:
        """Count a call that is sent."""
        self._unknown.append(now_s)
        self._sent_at_s = now_s

    def refused(self, sent_at_s: float, now_s: float) -> None:
        """Take in that there was no room for a call."""
        self._look(now_s)
        if sent_at_s in self._unknown:
            self._unknown.remove(sent_at_s)
        else:  # it was taken for one that had been let in
            self._credit -= 1
        self._credit = max(0.0, self._credit - 1)
        self._refusal_s = max(now_s - sent_at_s, _FADES * self._refusal_s)
        self._refused_share += (1 - self._refused_share) / _RECENT
        if self._starved_since_s is None:
            self._starved_since_s = now_s

    def answered(self, sent_at_s: float) -> None:
        """Take in that a call has been served."""
        if sent_at_s in self._unknown:
            self._unknown.remove(sent_at_s)
            self._let_in()
        self._starved_since_s = None

    def left(self, sent_at_s: float) -> None:
        """Take in that a call has come to an end that says nothing of room: another failure, or it was not sent."""
        if sent_at_s in self._unknown:
            self._unknown.remove(sent_at_s)

    def resumed(self, paused_s: float) -> None:
        """Take in that nothing was sent for a while, and not for want of room."""
        if self._starved_since_s is not None:
            self._starved_since_s += paused_s

    @property
    def _awaited_s(self) -> float:
        """How long a call that is not refused counts as one that may yet be."""
        return min(max(_LEAST_AWAITED_S, _REFUSALS_AWAITED * self._refusal_s), _MOST_AWAITED_S)

    def _look(self, now_s: float) -> None:
        """Count those as let in that have not been refused in time."""
        while self._unknown and self._unknown[0] + self._awaited_s <= now_s:
            self._unknown.popleft()
            self._let_in()

    def _let_in(self) -> None:
        self._credit = min(self._credit + 1, _SAVED)
        self._refused_share -= self._refused_share / _RECENT
        self._starved_since_s = None
