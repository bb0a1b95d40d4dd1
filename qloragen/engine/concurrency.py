"""How many calls may be in flight: a fixed number, or one that finds the server's knee by itself.

`AutoConcurrency` is for endpoints that announce no limits. Up to its knee a server answers in proportion to the calls
in flight; beyond it they only queue, in its slots (llama.cpp) or by slowing each other down (vLLM).

1. Levels are compared by their replies a second, never by latency: by Little's law (in flight = rate * latency) that is
   the same, but says at once what is wanted, and needs no latency "without load", which heavy tails and batching blur.
   A window counts replies in multiples of the limit, after one limit's worth of them to let a change pass through. What
   completion lengths explain is taken out by regression, so that a run of long replies is no loss of speed.
2. Slow start, as in TCP (RFC 5681): the limit doubles while the rate goes along, at least nearly, doubts included.
3. If it does not, the knee is where the lower level's line reaches the higher one's rate, and the limit is set to one
   and a half times that, the queue keeping the server busy (Vegas' and Gradient2's idea: limit * latency without load
   / latency, and some room; Netflix, concurrency-limits, Gradient2Limit.java, read in November 2026).
4. Now and then the limit is halved for one window: as long as the rate is halved along, there is room above, and it
   grows again; if nothing is lost, it comes down. A sudden change of the rate brings that forward. The better it has
   been confirmed, the rarer: after 3 to 32 windows.
5. When more than a tenth of the calls fail, it is cut by 0.7 (CUBIC; RFC 9438), once for all that are in flight
   together; then slow start, in small steps near where it failed. Rarer failures are not the load's.
6. While fewer than half of the calls allowed are in flight, nothing is concluded (Gradient2's guard).

Measured after warm-up with latencies of 2 s that vary little, heavily (99th percentile 20 s) or with the completion's
length, six runs each: servers with 1 to 256 slots, or a shared speed, give 0.97 to 1.00 of what a fixed limit of twice
the knee gives (least run 0.96) with 1.5 times the knee and a few calls in flight (at one slot and heavy tails up to 23
for long); without a knee 512 are reached in 35 to 53 s from 8, and 0.97 to 0.98 of the best rate are kept. A server
that goes on gaining slowly beyond its knee, with no end, is used to two thirds of its asymptote. After a loss of half
or nine tenths of the capacity the limit has mostly come down after 600 s, at full throughput; after 30 s of outage
it takes 27 to 56 s to be back at 512. Of a server that refuses calls beyond 100 at once it uses 0.93 to 0.96, with 1 to
2 % of the calls refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import ceil, exp, inf, log, sqrt
from typing import Protocol

_GROWTH, _STEP = 2.0, 1.6
"""Factors from one level to the next: in slow start, and later."""
_PROBE = 0.5
_ELASTIC = 0.65
"""The rate follows the limit if its logarithm grows by this share of the limit's."""
_IMPOSSIBLE = 1.3
"""A rate that grows by more than this share of the limit's, or falls, says that the server itself has changed."""
_HEADROOM, _SPARE = 1.5, 1
_LEAST_SPREAD = 0.15
"""Levels nearer than this, in logarithms, cannot be told apart."""
_CHANGED = 0.2
"""Change of the logarithm of the rate, from one window to the next at the same limit, that means something."""
_SETTLED = 0.25
_QUICK, _CAREFUL = 32, 150
"""Replies in a window: at least, and at most where latencies vary much."""
_QUICK_TURNS = 4
_VARIANCE = 0.01
"""Of the logarithm of the rate in a careful window."""
_RARELY, _OFTEN = 32, 3
"""Windows between two probes."""

_CUT = 0.7
_FAILING = 0.25
_BREATH = 60
"""Calls over which the share of failures is averaged, at least."""
_NEAR, _FAR = 0.9, 1.5
"""From here to there, relative to where it failed, the limit grows in small steps."""
_SMALL_STEP = 1.05


class Concurrency(Protocol):
    """Says how many calls may be in flight, and is told what becomes of them; all times in seconds of one clock."""

    @property
    def limit(self) -> int:
        """Calls that may be in flight now. It may come to be less than there are: then they are left to end."""
        ...

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Take in a reply with `tokens` completion tokens (0: unknown); `in_flight` counts the call itself."""
        ...

    def failed(self, now_s: float) -> None:
        """Take in a sign of overload: a timeout, a 5xx, a lost connection, a 429 of unknown limits."""
        ...

    def interrupted(self, now_s: float) -> None:
        """Take in that no call was made for a while, for reasons that are not the server's."""
        ...


@dataclass(frozen=True, slots=True)
class FixedConcurrency:
    """Always the same number."""

    limit: int

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Change nothing."""

    def failed(self, now_s: float) -> None:
        """Change nothing."""

    def interrupted(self, now_s: float) -> None:
        """Change nothing."""


@dataclass(frozen=True, slots=True)
class _Level:
    """What one limit came to."""

    limit: int
    in_flight: float
    """On average."""
    log_rate: float
    """Logarithm of the replies a second."""
    log_tokens: float
    """Mean logarithm of their tokens."""
    replies: int

    def blended(self, newer: _Level) -> _Level:
        """Return the same limit's next level with two thirds of what was known before, lest small changes add up."""
        log_rate = (2 * self.log_rate + newer.log_rate) / 3
        log_tokens = (2 * self.log_tokens + newer.log_tokens) / 3
        return _Level(newer.limit, newer.in_flight, log_rate, log_tokens, 2 * newer.replies)


@dataclass(slots=True)
class _Window:
    """Counts the replies at one limit, after those that are still due to the one before."""

    limit: int
    wanted: int
    settling: int
    begun_s: float
    replies: int = 0
    in_flight: int = 0
    log_tokens: float = 0.0

    def add(self, now_s: float, log_tokens: float, in_flight: int) -> _Level | None:
        """Count a reply; return the level when there are enough."""
        if self.settling > 0:
            self.settling -= 1
            self.begun_s = now_s
            return None
        self.replies += 1
        self.in_flight += max(1, in_flight)
        self.log_tokens += log_tokens
        count, duration_s = self.replies, now_s - self.begun_s
        if count < self.wanted or duration_s <= 0:
            return None
        return _Level(self.limit, self.in_flight / count, log(count / duration_s), self.log_tokens / count, count)


@dataclass(slots=True)
class _Lengths:
    """How latency goes with completion length: a regression of the logarithms over some 500 replies."""

    replies: int = 0
    tokens: float = 0.0
    latency: float = 0.0
    tokens_variance: float = 0.0
    latency_variance: float = 0.0
    covariance: float = 0.0

    def learn(self, log_tokens: float, log_latency: float) -> None:
        self.replies += 1
        weight = max(1 / self.replies, 1 / 500)
        x, y = log_tokens - self.tokens, log_latency - self.latency
        self.tokens += weight * x
        self.latency += weight * y
        self.tokens_variance += weight * ((1 - weight) * x * x - self.tokens_variance)
        self.latency_variance += weight * ((1 - weight) * y * y - self.latency_variance)
        self.covariance += weight * ((1 - weight) * x * y - self.covariance)

    @property
    def slope(self) -> float:
        """Latency's growth with length, in logarithms: 0 if it has none, 1 if it is proportional."""
        if self.tokens_variance < 1e-6:
            return 0.0
        return min(1.0, max(0.0, self.covariance / self.tokens_variance))

    @property
    def noise(self) -> float:
        """Variance of the logarithm of the latency that length leaves unexplained."""
        return max(0.0, self.latency_variance - self.slope * self.covariance)

    def gain(self, low: _Level, high: _Level) -> float:
        """Return by how much the logarithm of the rate is higher, as if completions had been equally long."""
        return high.log_rate - low.log_rate + self.slope * (high.log_tokens - low.log_tokens)

    def doubt(self, low: _Level, high: _Level) -> float:
        """Return the standard deviation of `gain`."""
        return sqrt(self.noise * (1 / low.replies + 1 / high.replies))


@dataclass(slots=True)
class _Overload:
    """Tells failures that come of overload from those that happen."""

    share: float = 0.0
    """Of the calls that failed, lately."""
    grace: int = 0
    """Calls still to end that were in flight at the last cut."""

    def ended(self, limit: int, *, failed: bool) -> bool:
        """Count a call; return whether the limit is to be cut."""
        self.share += (failed - self.share) / max(_BREATH, limit / 2)
        if self.grace > 0:
            self.grace -= 1
            return False
        if not failed or self.share <= _FAILING:
            return False
        self.share, self.grace = 0.0, limit
        return True


class _Phase(Enum):
    GROW = auto()
    HOLD = auto()
    PROBE = auto()


@dataclass(slots=True)
class _Probes:
    """When to probe next, in windows."""

    due: int = 0
    pause: int = _OFTEN

    def schedule(self, *, settled: bool) -> None:
        """Set the next probe: each time later while the limit stays about where it is, else at once."""
        self.pause = min(2 * self.pause, _RARELY) if settled else _OFTEN
        self.due = self.pause if settled else 1


class AutoConcurrency:
    """Finds the number by itself, from 1 to `maximum`; the module's head says how."""

    def __init__(self, maximum: int = 512, start: int = 8) -> None:
        self._maximum = maximum
        self._lengths = _Lengths()
        self._overload = _Overload()
        self._probes = _Probes()
        self._phase = _Phase.GROW
        self._eager = True
        """Slow start is under way."""
        self._base: _Level | None = None
        """The level before the present one, as far as they are to be compared."""
        self._failed_at = inf
        """The limit of the last cut, until it is passed by far without one."""
        first = min(start, maximum)
        self._window = _window(first, settling=first, now_s=0.0, enough=_QUICK)

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return self._window.limit

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Take in a reply; see `Concurrency`."""
        self._overload.ended(self.limit, failed=False)
        log_tokens = log(max(tokens, 1))
        self._lengths.learn(log_tokens, log(max(latency_s, 1e-6)))
        level = self._window.add(now_s, log_tokens, in_flight)
        if level is not None:
            self._conclude(level, now_s)

    def failed(self, now_s: float) -> None:
        """Take in a sign of overload; see `Concurrency`."""
        if self._overload.ended(self.limit, failed=True):
            cut_after_cut = self._phase is _Phase.GROW and self._base is None  # so not the load's fault, but an outage
            self._failed_at = inf if cut_after_cut else self.limit
            self._base, self._phase, self._eager = None, _Phase.GROW, True
            self._move(_CUT * self.limit, now_s)

    def interrupted(self, now_s: float) -> None:
        """Measure again; see `Concurrency`."""
        self._idle(now_s)

    def _conclude(self, level: _Level, now_s: float) -> None:
        if level.in_flight < self.limit / 2:
            self._idle(now_s)
        elif self._phase is _Phase.HOLD:
            self._held(level, now_s)
        elif self._base is None:
            self._grow(level, now_s)
        elif self._phase is _Phase.GROW:
            self._compare(self._base, level, now_s)
        else:
            self._compare(level, self._base, now_s)

    def _idle(self, now_s: float) -> None:
        """Measure again; a probe is given up."""
        if self._phase is _Phase.PROBE and self._base is not None:
            self._hold(self._base.limit, now_s, known=self._base)
        else:
            self._move(self.limit, now_s)

    def _compare(self, low: _Level, high: _Level, now_s: float) -> None:
        """Decide by what a higher limit gained."""
        spread, gain = log(high.in_flight / low.in_flight), self._lengths.gain(low, high)
        doubt = self._lengths.doubt(low, high)
        if spread < _LEAST_SPREAD:
            self._hold(high.limit, now_s, known=high)
        elif not self._eager and not -_CHANGED - 2 * doubt <= gain <= _IMPOSSIBLE * spread + 2 * doubt:
            self._hold(low.limit, now_s, known=None)
        elif gain + self._eager * doubt > _ELASTIC * spread:
            self._grow(high, now_s)
        else:
            limit = _HEADROOM * low.in_flight * exp(max(gain, 0.0)) + _SPARE
            near = abs(log(limit / high.limit)) < _SETTLED and not self._eager
            self._hold(limit, now_s, known=high if near else None)

    def _grow(self, level: _Level, now_s: float) -> None:
        if level.limit >= self._maximum:
            self._probes.pause = _RARELY
            self._hold(self._maximum, now_s, known=level)
            return
        if level.limit >= _FAR * self._failed_at:
            self._failed_at = inf
        step = level.limit * (_GROWTH if self._eager else _STEP)
        if step > _NEAR * self._failed_at:
            step = max(_NEAR * self._failed_at, _SMALL_STEP * level.limit + 1)
        self._base, self._phase = level, _Phase.GROW
        self._move(max(step, level.limit + 1), now_s)

    def _hold(self, limit: float, now_s: float, *, known: _Level | None) -> None:
        """Stay at a limit; `known` is a level like it, None if it still has to prove itself."""
        self._probes.schedule(settled=known is not None)
        self._base, self._phase, self._eager = known, _Phase.HOLD, False
        self._move(limit, now_s)

    def _held(self, level: _Level, now_s: float) -> None:
        """Go on holding, or probe: when it is time, or when the rate has changed."""
        self._probes.due -= 1
        before = self._base or level
        change = self._lengths.gain(before, level)
        changed = abs(change) > max(_CHANGED, 4 * self._lengths.doubt(before, level))
        self._base = level if changed else before.blended(level)
        if not changed and self._probes.due > 0:
            self._move(self.limit, now_s, settle=False)
        elif level.limit == 1:
            self._grow(level, now_s)
        else:
            self._phase = _Phase.PROBE
            self._move(level.limit * min(_PROBE, exp(change)), now_s)

    def _move(self, limit: float, now_s: float, *, settle: bool = True) -> None:
        """Begin a window at a limit within the bounds."""
        old, new = self.limit, min(self._maximum, max(1, round(limit)))
        enough = _QUICK
        if self._phase is not _Phase.GROW:
            enough = max(2 * new, min(_CAREFUL, max(_QUICK, round(self._lengths.noise / _VARIANCE))))
        elif new * _QUICK_TURNS < _QUICK:
            enough = new * _QUICK_TURNS
        self._window = _window(new, settling=max(old, new) if settle else 0, now_s=now_s, enough=enough)


def _window(limit: int, *, settling: int, now_s: float, enough: int) -> _Window:
    """Return a window of whole turns: calls that were begun together end together."""
    return _Window(limit, limit * ceil(enough / limit), settling, now_s)
