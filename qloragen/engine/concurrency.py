"""How many calls may be in flight: a fixed number, or one that finds the server's knee by itself.

FILL
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import exp, inf, log, sqrt
from typing import Protocol

_GROWTH = 2.0
_PROBE = 1.6
_ELASTIC = 0.56
_SATURATED = 0.1
_HEADROOM = 1.4
_LEAST_SPREAD = 0.15
_QUICK, _CAREFUL = 32, 150
_PROBE_AFTER, _PROBE_AFTER_MOST = 2, 24
_DRIFT = 0.2
_CUT = 0.7
_FAILING = 0.15


class Concurrency(Protocol):
    """Says how many calls may be in flight, and is told what becomes of them; all times in seconds of one clock."""

    @property
    def limit(self) -> int:
        """Calls that may be in flight now; fewer than there are means that none is to be begun until enough end."""
        ...

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Take in a reply with `tokens` completion tokens (0: unknown); `in_flight` counts the call itself."""
        ...

    def failed(self, now_s: float) -> None:
        """Take in a sign of overload: a timeout, a 5xx, a lost connection, a 429 of unknown limits."""
        ...


@dataclass(frozen=True, slots=True)
class FixedConcurrency:
    """Always the same number."""

    limit: int

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Change nothing."""

    def failed(self, now_s: float) -> None:
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


@dataclass(slots=True)
class _Window:
    """Counts the replies at one limit, after those to calls from before it have passed."""

    limit: int
    wanted: int
    settling: int
    begun_s: float = 0.0
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
        self.in_flight += in_flight
        self.log_tokens += log_tokens
        count, duration_s = self.replies, now_s - self.begun_s
        if count < self.wanted or duration_s <= 0:
            return None
        rate = log(count / duration_s)
        return _Level(self.limit, self.in_flight / count, rate, self.log_tokens / count, count)


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
        if self.tokens_variance < 1e-6:
            return 0.0
        return min(1.0, max(0.0, self.covariance / self.tokens_variance))

    @property
    def noise(self) -> float:
        """Variance of the logarithm of the latency that the length leaves unexplained."""
        return max(0.0, self.latency_variance - self.slope * self.covariance)


class _Phase(Enum):
    GROW = auto()
    HOLD = auto()
    PROBE = auto()


class AutoConcurrency:
    def __init__(self, maximum: int = 512, start: int = 8) -> None:
        self._maximum = maximum
        self._lengths = _Lengths()
        self._phase = _Phase.GROW
        self._base: _Level | None = None
        """The level that the present one is compared with."""
        self._holds = 0
        """Windows until the next probe."""
        self._patience = _PROBE_AFTER
        self._eager = True
        self._descended = False
        self._failing = 0.0
        self._grace = 0
        self._ceiling = inf
        self._now_s = 0.0
        self._window = self._fresh(min(start, maximum), settle=min(start, maximum))

    @property
    def limit(self) -> int:
        return self._window.limit

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        self._now_s = now_s
        self._failing -= self._failing / self._breath
        self._grace = max(0, self._grace - 1)
        log_tokens = log(max(tokens, 1))
        self._lengths.learn(log_tokens, log(max(latency_s, 1e-6)))
        level = self._window.add(now_s, log_tokens, in_flight)
        if level is not None:
            self._next(level)

    def failed(self, now_s: float) -> None:
        self._failing += (1 - self._failing) / self._breath
        if self._grace > 0:
            self._grace -= 1
        elif self._failing > _FAILING:
            self._cut()

    @property
    def _breath(self) -> float:
        return max(40.0, self.limit / 2)

    def _cut(self) -> None:
        self._ceiling = self.limit if self._base else inf
        self._grace, self._failing = self.limit, 0.0
        self._base, self._phase, self._eager, self._descended = None, _Phase.GROW, True, False
        self._patience = _PROBE_AFTER
        self._move(_CUT * self.limit)

    def _next(self, level: _Level) -> None:
        if level.in_flight < self.limit / 2:
            self._idle(level)
        elif self._phase is _Phase.HOLD:
            self._held(level)
        elif self._base is None:
            self._grow(level)
        elif self._phase is _Phase.GROW:
            self._climbed(self._base, level)
        else:
            self._probed(level, self._base)

    def _idle(self, level: _Level) -> None:
        if self._phase is _Phase.PROBE and self._base is not None:
            self._hold(self._base.limit)
        else:
            self._move(self.limit)

    def _grow(self, level: _Level) -> None:
        if level.limit >= self._maximum:
            self._hold(self._maximum)
            return
        self._base, self._phase = level, _Phase.GROW
        step = level.limit * (_GROWTH if self._eager else _PROBE)
        if step > 0.9 * self._ceiling:
            step = max(min(step, 0.9 * self._ceiling), 1.05 * level.limit + 1)
        self._move(step)

    def _climbed(self, low: _Level, high: _Level) -> None:
        spread, gain = self._compared(low, high)
        doubt = sqrt(self._lengths.noise * (1 / low.replies + 1 / high.replies))
        if spread < _LEAST_SPREAD:
            self._hold(high.limit)
        elif gain + self._eager * doubt > _ELASTIC * spread:
            self._grow(high)
        else:
            self._hold(_HEADROOM * low.in_flight * exp(max(gain, 0.0)) + 1)

    def _held(self, level: _Level) -> None:
        self._holds -= 1
        share = 1 / _PROBE
        if self._base is not None:
            doubt = 4 * sqrt(self._lengths.noise * (1 / level.replies + 1 / self._base.replies))
            change = self._compared(self._base, level)[1]
            if abs(change) > max(_DRIFT, doubt):
                self._holds, self._patience = 0, _PROBE_AFTER
                share = min(share, exp(change))
        self._base = level
        if self._holds <= 0 and level.limit == 1:
            self._grow(level)
        elif self._holds <= 0:
            self._phase = _Phase.PROBE
            self._move(level.limit * share)
        else:
            self._move(self.limit, settle=False)

    def _probed(self, low: _Level, high: _Level) -> None:
        spread, gain = self._compared(low, high)
        if spread < _LEAST_SPREAD:
            self._hold(high.limit)
        elif gain > _ELASTIC * spread:
            if self._descended:
                self._hold(_HEADROOM * low.in_flight * exp(gain) + 1)
            else:
                self._grow(high)
        elif gain < _SATURATED * spread:
            self._base, self._holds, self._phase, self._descended = low, 1, _Phase.HOLD, True
            self._move(low.limit, settle=False)
        else:
            self._hold(_HEADROOM * low.in_flight * exp(gain) + 1)

    def _compared(self, low: _Level, high: _Level) -> tuple[float, float]:
        gain = high.log_rate - low.log_rate + self._lengths.slope * (high.log_tokens - low.log_tokens)
        return log(high.in_flight / low.in_flight), gain

    def _hold(self, limit: float) -> None:
        self._base, self._phase, self._eager, self._descended = None, _Phase.HOLD, False, False
        self._holds = self._patience
        self._patience = min(2 * self._patience, _PROBE_AFTER_MOST)
        self._move(limit)

    def _move(self, limit: float, *, settle: bool = True) -> None:
        old = self._window.limit
        new = min(self._maximum, max(1, round(limit)))
        self._window = self._fresh(new, settle=max(old, new) if settle else 0)

    def _fresh(self, limit: int, settle: int) -> _Window:
        enough = min(_QUICK, 4 * limit) if self._phase is _Phase.GROW else min(_CAREFUL, max(_QUICK, round(self._lengths.noise / 0.01)))
        turns = max(1 if self._phase is _Phase.GROW else 2, -(-enough // limit))
        return _Window(limit, turns * limit, settle, self._now_s)
