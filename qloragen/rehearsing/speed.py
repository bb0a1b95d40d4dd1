"""How long calls took: a sample of any number of replies, and the lognormal times that it is most likely drawn from.

The simulator's model: a call takes T + n * t seconds, T (the time to first token) and t (the time for each of n
completion tokens) lognormal. Their means are a weighted regression of seconds on tokens. The sum of both is taken for
lognormal with the same mean and variance (Fenton, IRE Transactions on Communications Systems 8(1), 1960), and their
spreads are those under which the sample is most likely. What lies far out counts as if it lay less far: a few calls
that hung do not make all others slow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import exp, expm1, log, log1p, sqrt
from random import Random
from statistics import NormalDist, median, quantiles
from typing import NamedTuple

from ..simulator import Latency

SAMPLE = 1_500
"""Replies that are kept of a model: every one has the same chance, however many there are."""
_SEED = 8
_Z99 = NormalDist().inv_cdf(0.99)
_FAR = 2.5
"""Deviations of the logarithm beyond which a reply counts by its distance, and not by its square."""
_FAR_S = 6.0
"""Deviations beyond which it is taken to lie no farther out."""
_LEAST_S, _MOST_S = 1e-6, 1e6
_LEAST_FIRST = 0.02
"""Share of a middling reply's time that the first part is taken to be at least."""
_LEAST = 10
"""Replies below which lengths tell nothing."""
_NARROW = 1.5
"""Where lengths differ by less than this factor, nobody can tell the time of a token from that of the first."""
_SPREAD = 0.3
"""Where the search for spreads begins."""
_STEPS = (0.7, 0.2, 0.05, 0.01)
"""By how much their logarithms are changed while that makes the sample more likely."""
_STILL = 0.02
"""A spread below this is none."""
_LEAST_VARIANCE = 1e-6
"""Of the logarithm of a time: journals round to milliseconds."""
_ROUNDS, _PASSES = 60, 3

Pair = tuple[int, float]
"""Completion tokens of a reply, and seconds that it took."""


class _Times(NamedTuple):
    """Means in seconds, and spreads: the deviations of the logarithms."""

    first_s: float
    spread: float
    token_s: float
    token_spread: float

    def mean_s(self, tokens: int) -> float:
        return self.first_s + tokens * self.token_s

    def variance(self, tokens: int) -> float:
        """Return that of the logarithm of a reply's time."""
        parts = self.first_s**2 * expm1(self.spread**2) + (tokens * self.token_s) ** 2 * expm1(self.token_spread**2)
        return log1p(parts / self.mean_s(tokens) ** 2) + _LEAST_VARIANCE


@dataclass(slots=True)
class Sample:
    """Replies of which as many are kept as a fit needs."""

    count: int = 0
    pairs: list[Pair] = field(default_factory=list)
    _random: Random = field(default_factory=lambda: Random(_SEED))  # noqa: S311 - chance, not secrecy

    def add(self, tokens: int, latency_s: float) -> None:
        """Take in one reply."""
        pair = (tokens, min(max(latency_s, _LEAST_S), _MOST_S))
        self.count += 1
        if len(self.pairs) < SAMPLE:
            self.pairs.append(pair)
        elif (place := self._random.randrange(self.count)) < SAMPLE:
            self.pairs[place] = pair


def latency_of(pairs: Sequence[Pair]) -> Latency:
    """Return the times that replies (at least one) took; where all are about as long, all of it is the first part."""
    if not _tell_tokens(pairs):
        pairs = [(0, seconds) for _, seconds in pairs]
    times = _Times(median(seconds for _, seconds in pairs), _SPREAD, 0.0, _SPREAD)
    for _ in range(_PASSES):
        times = _spread(_levelled(times, pairs), pairs)
    first = _quantiles(times.first_s, times.spread)
    return Latency(*first, *(_quantiles(times.token_s, times.token_spread) if times.token_s else ()))


def _tell_tokens(pairs: Sequence[Pair]) -> bool:
    if len(pairs) < _LEAST:
        return False
    tenth, *_, last = quantiles((tokens for tokens, _ in pairs), n=10)
    return last > _NARROW * max(tenth, 1.0)


def _quantiles(mean_s: float, spread: float) -> tuple[float, float | None]:
    """Return median and 99th percentile of a lognormal time; of a fixed one, the time alone."""
    if spread < _STILL:
        return _rounded(mean_s), None
    median_s = mean_s * exp(-(spread**2) / 2)
    return _rounded(median_s), _rounded(median_s * exp(_Z99 * spread))


def _rounded(seconds: float) -> float:
    """Return a time in as many digits as a sample tells of it."""
    return float(f"{seconds:.3g}")


def _levelled(times: _Times, pairs: Sequence[Pair]) -> _Times:
    """Return the times with the means of a regression, each reply weighted by what its variance is taken to be."""
    weight = tokens_sum = seconds_sum = squares = products = 0.0
    for tokens, seconds in pairs:
        mean_s = times.mean_s(tokens)
        away_s = _FAR_S * mean_s * sqrt(expm1(times.variance(tokens)))
        near_s = min(max(seconds, mean_s - away_s), mean_s + away_s)
        one = 1 / (away_s * away_s)
        weight += one
        tokens_sum += one * tokens
        seconds_sum += one * near_s
        squares += one * tokens * tokens
        products += one * tokens * near_s
    spread = weight * squares - tokens_sum * tokens_sum
    slope = max((weight * products - tokens_sum * seconds_sum) / spread, 0.0) if spread > 0 else 0.0
    middling = seconds_sum / weight
    first_s = middling - slope * tokens_sum / weight
    if first_s < _LEAST_FIRST * middling:
        first_s = _LEAST_FIRST * middling
        slope = (middling - first_s) * weight / tokens_sum
    return times._replace(first_s=first_s, token_s=slope)


def _spread(times: _Times, pairs: Sequence[Pair]) -> _Times:
    """Return the times with spreads nearby under which the replies are likeliest: each is changed for as long as that
    helps, first in great steps, then in small ones."""
    best = _unlikely(times, pairs)
    for step in _STEPS:
        for _ in range(_ROUNDS):
            before = best
            for tried in _neighbours(times, exp(step)):
                if (cost := _unlikely(tried, pairs)) < best:
                    times, best = tried, cost
            if best == before:
                break
    return times


def _neighbours(times: _Times, by: float) -> Iterator[_Times]:
    yield times._replace(spread=times.spread * by)
    yield times._replace(spread=times.spread / by)
    yield times._replace(token_spread=times.token_spread * by)
    yield times._replace(token_spread=times.token_spread / by)


def _unlikely(times: _Times, pairs: Sequence[Pair]) -> float:
    """Return the negative logarithm of how likely replies are, but for a constant."""
    cost = 0.0
    for tokens, seconds in pairs:
        variance = times.variance(tokens)
        away = abs(log(seconds / times.mean_s(tokens)) + variance / 2) / sqrt(variance)
        cost += log(variance) / 2 + (away * away / 2 if away < _FAR else _FAR * (away - _FAR / 2))
    return cost
