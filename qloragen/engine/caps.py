"""How many completion tokens each kind of request is allowed: what it has lately needed, with room to spare.

Providers charge the tokens-per-minute limit with the cap, used or not, so a cap of 700 where replies have 90 tokens
makes the limit bind several times too early. A cut-off reply costs a whole call, so lowering has to be nearly safe.

Rules:
1. A group asks with its whole cap until enough replies have come back: 20, and half of all calls that were made, for
   what comes back first is what is short.
2. Then the cap is the one-sided prediction bound of a normal distribution of the logarithms (Hahn & Meeker,
   "Statistical Intervals", 1991: mean + t * deviation * sqrt(1 + 1/n)) at one in 2,000, or the longest recent reply if
   that is more, rounded up to a step.
3. A reply that a lowered cap has cut off gives the whole cap back at once, and counts as half as long again.
4. A reply cut off by the whole cap teaches nothing: a lowered cap would have cut it off as well.

Measured on 20 runs of 20,000 replies of lognormal length, median 90 and sigma 0.5, where the shortest come back first:
of a cap of 700 24 % is saved, of 1,500 63 %, and 0.28 to 0.38 replies in 1,000 are cut off by it (1 to 256 in flight;
0.55 among the first 100 replies). When the median jumps between 90 and 220 every 2,000 replies it is 1.5 in 1,000 and
32 % of 1,500; when it drifts from 60 to 240 it is 0.42 and 50 %.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from math import ceil, exp, inf, log, sqrt

_ENOUGH = 20
_MEMORY = 500
"""Replies that an average reaches back."""
_STEP = 32
_GROUPS = 1_000
_TAIL = 3.29
"""Quantile of the normal distribution for one in 2,000."""
_SMALL_SAMPLE = 4.5
"""Student's t with n - 1 degrees of freedom, times sqrt(1 + 1/n), is within 2 % of the normal quantile * (1 + this/n)
from 20 values on."""
_LEAST_SPREAD = 0.1
"""Deviation of the logarithms that is assumed at least: replies that were all alike say little of the next one."""
_RAISE = 1.5


@dataclass(slots=True)
class _Peak:
    """Longest of the last `_MEMORY` to 2 * `_MEMORY` replies."""

    older: float = 0.0
    newer: float = 0.0
    count: int = 0

    def learn(self, tokens: float) -> None:
        self.newer = max(self.newer, tokens)
        self.count += 1
        if self.count >= _MEMORY:
            self.older, self.newer, self.count = self.newer, 0.0, 0

    @property
    def tokens(self) -> float:
        return max(self.older, self.newer)


@dataclass(slots=True)
class _Group:
    """What one kind of request has lately needed; mean and variance are of the logarithm of the tokens."""

    peak: _Peak = field(default_factory=_Peak)
    lowered: set[int] = field(default_factory=set)
    """Caps given out that were below what was asked; multiples of the step, hence few."""
    begun: int = 0
    replies: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def learn(self, tokens: int) -> None:
        """Update the averages (exponentially weighted once `_MEMORY` is full; West, CACM 22(9), 1979)."""
        self.peak.learn(tokens)
        self.replies += 1
        weight = max(1 / self.replies, 1 / _MEMORY)
        away = log(tokens) - self.mean
        self.mean += weight * away
        self.variance = (1 - weight) * (self.variance + weight * away * away)

    def restart(self, tokens: float) -> None:
        """Begin anew after a cut-off; only the peak stays, raised to `tokens`."""
        self.peak.learn(tokens)
        self.begun = self.replies = 0
        self.mean = self.variance = 0.0

    def level(self) -> float:
        """Return what nearly every reply will stay below; infinite while that is unknown."""
        if self.replies < max(_ENOUGH, self.begun / 2):
            return inf
        spread = max(sqrt(self.variance), _LEAST_SPREAD) * _TAIL * (1 + _SMALL_SAMPLE / self.replies)
        return max(exp(self.mean + spread), self.peak.tokens)


class Caps:
    """The completion caps of one model, by group of requests; remembers the 1,000 groups used last."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, _Group] = OrderedDict()

    def cap(self, group: str | None, asked: int) -> int:
        """Return the completion tokens to allow a call for which `asked` were asked: as many or fewer.

        None stands for requests that are to have exactly what they ask for, such as one repeated after a cut-off.
        """
        if group is None:
            return asked
        known = self._group(group)
        known.begun += 1
        level = known.level()
        if level >= asked:
            return asked
        cap = _STEP * ceil(level / _STEP)
        if cap >= asked:
            return asked
        known.lowered.add(cap)
        return cap

    def learn(self, group: str | None, cap: int, completion_tokens: int, *, cut_off: bool) -> None:
        """Take in a reply to a call that had `cap`; one without usage (0 tokens) that was not cut off teaches nothing.

        `cut_off` says that the reply ended because of the cap, and not by itself.
        """
        if group is None:
            return
        known = self._group(group)
        if cut_off and cap in known.lowered:
            known.restart(_RAISE * cap)
        elif not cut_off and completion_tokens > 0:
            known.learn(completion_tokens)

    def _group(self, name: str) -> _Group:
        known = self._groups.get(name)
        if known is None:
            known = self._groups[name] = _Group()
        self._groups.move_to_end(name)
        if len(self._groups) > _GROUPS:
            self._groups.popitem(last=False)
        return known
