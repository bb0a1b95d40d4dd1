"""How long calls took: a sample of any number of replies, and the lognormal times that it is most likely drawn from.

The simulator's model: a call takes T + n * t seconds, T (the time to first token) and t (the time for each of n
completion tokens) lognormal. The sum of both is taken for lognormal with the same mean and variance (Fenton, IRE
Transactions on Communications Systems 8(1), 1960), and the four parameters are those under which the sample is most
likely, with what lies far out counted by its distance and not by its square (Huber), so that a few calls that hung do
not make all others slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, expm1, inf, log, log1p, sqrt
from random import Random
from statistics import NormalDist, median, quantiles

from ..simulator import Latency

SAMPLE = 1_500
"""Replies that are kept of a model: every one has the same chance, however many there are."""
_SEED = 8
_Z99 = NormalDist().inv_cdf(0.99)
_FAR = 2.5
"""Deviations beyond which a reply counts by its distance alone."""
_LEAST_S = 1e-6
_NARROW = 1.5
"""Where lengths differ by less than this factor, nobody can tell the time of a token from that of the first."""
_STEPS = (0.7, 0.2, 0.05, 0.01, 0.003)
"""By how much logarithms of parameters are changed while that makes the sample more likely."""
_ROUNDS = 60
_SPREAD = log(0.3)
"""Where the climb begins."""
_STILL = 0.02
"""A spread below this is none."""
_LEAST_VARIANCE = 1e-6
"""Of the logarithm of a time: journals round to milliseconds."""
_LEAST_FIRST = 0.02
"""Share of a short reply's time that the first part is taken to be at least, to begin with."""
_LEAST = 10
"""Replies below which lengths tell nothing."""
_DIGITS = 6

Pair = tuple[int, float]
"""Completion tokens of a reply, and seconds that it took."""
Times = tuple[float, ...]
"""Logarithms of mean and spread (the deviation of the logarithm) of the first part, then, if any, of a token."""


@dataclass(slots=True)
class Sample:
    """Replies of which as many are kept as a fit needs."""

    count: int = 0
    pairs: list[Pair] = field(default_factory=list)
    _random: Random = field(default_factory=lambda: Random(_SEED))  # noqa: S311 - chance, not secrecy

    def add(self, tokens: int, latency_s: float) -> None:
        """Take in one reply."""
        self.count += 1
        pair = (tokens, max(latency_s, _LEAST_S))
        if len(self.pairs) < SAMPLE:
            self.pairs.append(pair)
        elif (place := self._random.randrange(self.count)) < SAMPLE:
            self.pairs[place] = pair


def latency_of(pairs: Sequence[Pair]) -> Latency:
    """Return the times that replies (at least one) took; where all are about as long, all of it is the first part."""
    start = _guessed(sorted(pairs)) if _tell_tokens(pairs) else (log(median(seconds for _, seconds in pairs)), _SPREAD)
    first, first_spread, *of_token = map(exp, _climbed(start, [(count, log(seconds)) for count, seconds in pairs]))
    median_s, p99_s = _quantiles(first, first_spread)
    return Latency(median_s, p99_s, *(_quantiles(*of_token) if of_token else ()))


def _guessed(pairs: Sequence[Pair]) -> Times:
    """Return where the climb begins: on the line through the middles of the shorter and of the longer replies."""
    third = len(pairs) // 3
    (low, low_s), (high, high_s) = (
        (median(tokens for tokens, _ in part), median(seconds for _, seconds in part))
        for part in (pairs[:third], pairs[-third:])
    )
    token = max((high_s - low_s) / (high - low), _LEAST_S) if high > low else _LEAST_S
    first = max(low_s - low * token, low_s * _LEAST_FIRST)
    return log(first), _SPREAD, log(token), _SPREAD


def _tell_tokens(pairs: Sequence[Pair]) -> bool:
    if len(pairs) < _LEAST:
        return False
    tenth, *_, last = quantiles((tokens for tokens, _ in pairs), n=10)
    return last > _NARROW * max(tenth, 1.0)


def _quantiles(mean_s: float, spread: float) -> tuple[float, float | None]:
    """Return median and 99th percentile of a lognormal time; of a fixed one, the time alone."""
    median_s = mean_s * exp(-(spread**2) / 2)
    if spread < _STILL:
        return round(mean_s, _DIGITS), None
    return round(median_s, _DIGITS), round(median_s * exp(_Z99 * spread), _DIGITS)


def _climbed(times: Times, logs: Sequence[Pair]) -> Times:
    """Return times nearby under which the replies are likeliest: each parameter is changed for as long as that helps,
    first in great steps, then in small ones."""
    best = _unlikely(times, logs)
    for step in _STEPS:
        for _ in range(_ROUNDS):
            before = best
            for place in range(len(times)):
                for by in (step, -step):
                    tried = (*times[:place], times[place] + by, *times[place + 1 :])
                    if (cost := _unlikely(tried, logs)) < best:
                        times, best = tried, cost
                        break
            if best == before:
                break
    return times


def _unlikely(times: Times, logs: Sequence[Pair]) -> float:
    """Return the negative logarithm of how likely replies are, (tokens, log of seconds), but for a constant."""
    first, spread, token, token_spread = map(exp, times if len(times) == 4 else (*times, -inf, 0.0))
    first_variance = first**2 * expm1(spread**2)
    token_variance = token**2 * expm1(token_spread**2)
    cost = 0.0
    for tokens, seconds in logs:
        mean = first + tokens * token
        variance = log1p((first_variance + tokens * tokens * token_variance) / (mean * mean)) + _LEAST_VARIANCE
        away = abs(seconds - log(mean) + variance / 2) / sqrt(variance)
        cost += log(variance) / 2 + (away * away / 2 if away < _FAR else _FAR * (away - _FAR / 2))
    return cost
