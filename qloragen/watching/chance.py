"""How long the slowest of several calls takes, if latencies are lognormal, as those of language models about are."""

from __future__ import annotations

from math import exp, log, sqrt
from statistics import NormalDist
from typing import NamedTuple

_NORMAL = NormalDist()
_LEAST_S = 0.3
_FEWEST = 0.5


class Latency(NamedTuple):
    """The distribution of a latency in seconds."""

    mean_log: float
    deviation_log: float

    def slowest_s(self, calls: float, age_s: float = 0.0) -> float:
        """Return in how many seconds the last of so many calls ends, at the median, if all have lasted `age_s`."""
        if self.deviation_log < _NARROW:
            return max(_LEAST_S, exp(self.mean_log) - age_s)
        over = self._share_over(age_s) * (1 - 0.5 ** (1 / max(calls, _FEWEST)))
        share = min(max(1 - over, _RAREST), 1 - _RAREST)
        return max(_LEAST_S, exp(self.mean_log + self.deviation_log * _NORMAL.inv_cdf(share)) - age_s)

    def _share_over(self, age_s: float) -> float:
        """Return the share of calls that take longer."""
        return 1 - _NORMAL.cdf((log(age_s) - self.mean_log) / self.deviation_log) if age_s > 0 else 1.0


_NARROW = 1e-6
_RAREST = 1e-9


def latency_of(mean_s: float, variance_s2: float) -> Latency:
    """Return the distribution with this mean and variance."""
    mean_s = max(mean_s, _NARROW)
    variance_log = log(1 + variance_s2 / mean_s**2)
    return Latency(log(mean_s) - variance_log / 2, sqrt(variance_log))
