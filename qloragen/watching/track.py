"""How calls to one model have gone lately: how much of its limits they use, and whether more are allowed all the time.

All seconds here are those in which the model could be called: outages and pauses of ours do not count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..engine.bound import Bound
from ..engine.gate import Cause
from ..engine.statistics import ModelStatistics
from .remaining import Unanswered

_LEAST_S, _SHARE = 40.0, 0.4
"""The window that is looked at: so long, and at least that part of the time so far; half of that of a young session."""
_STEPS = 100
"""Moments that are remembered of it."""
_LITTLE_S = 3.0
"""So long is a window taken to have been used in full, before anything is known."""
_DOUBLED = 1.9
_CAUTION = 10.0
"""Replies by which what is known on the whole is outweighed."""
_FEW = 3
_REFUSED = 0.02
"""Share of refusals from which on the server, and not what is known of its limits, sets the pace."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Sums of one lane up to a moment."""

    at_s: float
    busy_s: float
    """In which something kept requests from being sent."""
    in_flight: int
    in_flight_s: float
    """Calls in flight, summed over time."""
    limit_s: float
    """Calls that might have been, summed over time."""
    completed: int
    refused: int
    tokens: int
    """Of the replies."""


_BEGINNING = Moment(0.0, 0.0, 0, 0.0, 0.0, 0, 0, 0)


class Track:
    """Follows one model; `note` is called about every second, times are of the event loop's clock."""

    def __init__(self, now_s: float) -> None:
        self._seen_s = now_s
        """When it was noted last."""
        self._active_s = self._in_flight_s = self._limit_s = 0.0
        self._window: deque[Moment] = deque()
        self.climbs = True
        """Whether the calls that may be in flight have only ever doubled: then they may go on to."""
        self.limit = 1
        """Calls that may be in flight now."""
        self._sent, self._sent_at_s = 0, 0.0

    def note(self, now_s: float, counts: ModelStatistics) -> None:
        """Take in the counts of a moment."""
        passed_s, self._seen_s = now_s - self._seen_s, now_s
        if counts.pause is not None and counts.pause.cause in (Cause.OUTAGE, Cause.HELD):
            self._rewind()
            return
        self._active_s += passed_s
        self._in_flight_s += passed_s * counts.in_flight
        self._limit_s += passed_s * counts.max_in_flight
        if counts.sent != self._sent:
            self._sent, self._sent_at_s = counts.sent, self._active_s
        moment = self._moment(counts)
        if counts.max_in_flight != self.limit:
            self.climbs = self.climbs and counts.max_in_flight >= _DOUBLED * self.limit
            self.limit = counts.max_in_flight
        self._remember(moment)

    @property
    def unsent_for_s(self) -> float:
        """How long nothing was sent."""
        return max(0.0, self._active_s - self._sent_at_s)

    def unanswered(self, answered_s: float) -> Unanswered:
        """Return the calls that are in flight; `answered_s` is the latency of those that are answered."""
        calls = self._window[-1].in_flight if self._window else 0
        return Unanswered(calls, max(0.0, self._in_flight_s - answered_s))

    def latency_s(self, usual_s: float) -> float:
        """Return how long calls have taken lately, `usual_s` being how long they have on the whole: a server that is
        full takes longer the more of them are in flight."""
        first, last = self._ends()
        done = last.completed - first.completed
        return (last.in_flight_s - first.in_flight_s + _CAUTION * usual_s) / (done + _CAUTION)

    def mean_limit(self) -> float:
        """Return how many calls might be in flight lately."""
        first, last = self._ends()
        return (last.limit_s - first.limit_s) / (last.at_s - first.at_s) if last.at_s > first.at_s else self.limit

    def use(self, counts: ModelStatistics) -> float:
        """Return the share of the tightest limit that was used lately while requests waited; more than 0, at most 1."""
        first, last = self._ends()
        done = last.completed + last.in_flight - first.completed - first.in_flight
        each = last.tokens / last.completed if last.completed else 0.0
        tokens = last.tokens - first.tokens + each * (last.in_flight - first.in_flight)
        used_s = max(
            60 * done / counts.rpm if counts.rpm else 0.0,
            60 * tokens / counts.tpm if counts.tpm else 0.0,
            (last.in_flight_s - first.in_flight_s) / self.mean_limit(),
        )
        share = (used_s + _LITTLE_S) / (self._busy_s() + _LITTLE_S)
        return min(1.0, max(_REFUSED, share))

    def refused_pace_s(self, latency_s: float) -> float | None:
        """Return the seconds that each good reply took lately, where many calls are refused for the rate; else None."""
        first, last = self._ends()
        done, refused = last.completed - first.completed, last.refused - first.refused
        if done <= _FEW or refused <= _REFUSED * done:
            return None
        return max(1.0, self._busy_s() - (0.0 if first.completed else latency_s)) / done

    def _busy_s(self) -> float:
        first, last = self._ends()
        return min(last.busy_s - first.busy_s, last.at_s - first.at_s)

    def _ends(self) -> tuple[Moment, Moment]:
        return (self._window[0], self._window[-1]) if self._window else (_BEGINNING, _BEGINNING)

    def _moment(self, counts: ModelStatistics) -> Moment:
        return Moment(
            at_s=self._active_s,
            busy_s=sum(counts.bound_s.values()) - counts.bound_s[Bound.IDLE],
            in_flight=counts.in_flight,
            in_flight_s=self._in_flight_s,
            limit_s=self._limit_s,
            completed=counts.completed,
            refused=counts.rate_limited,
            tokens=counts.prompt_tokens + counts.completion_tokens,
        )

    def _rewind(self) -> None:
        """Forget what has passed since the last good reply: an outage begins before it is known as one."""
        window = self._window
        while len(window) > 1 and window[-2].completed == window[-1].completed:
            window.pop()
        if window:
            last = window[-1]
            self._active_s, self._in_flight_s, self._limit_s = last.at_s, last.in_flight_s, last.limit_s

    def _remember(self, moment: Moment) -> None:
        span_s = max(_SHARE * self._active_s, min(_LEAST_S, self._active_s / 2))
        window = self._window
        while len(window) > 2 and window[1].at_s <= moment.at_s - span_s:
            window.popleft()
        if len(window) > 1 and window[-1].at_s - window[-2].at_s < span_s / _STEPS:
            window[-1] = moment
        else:
            window.append(moment)
