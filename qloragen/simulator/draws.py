"""Chance that depends on the call and not on when it comes: seed, body, and how often this body came before.

So two runs of the same work meet the same latencies and the same faults, whatever the order and the concurrency.
"""

from __future__ import annotations

import math
import struct
from functools import cache
from hashlib import blake2b
from statistics import NormalDist

_INVERSE = NormalDist().inv_cdf
_Z99 = _INVERSE(0.99)
_WORDS = struct.Struct("<6Q")
_SCALE = 2.0**-64
_DRAWING = blake2b(digest_size=_WORDS.size)


def identify(body: bytes, seed: int) -> bytes:
    """Return 8 bytes that stand for a body under this seed."""
    hashing = _identifying(seed).copy()
    hashing.update(body)
    return hashing.digest()


@cache
def _identifying(seed: int) -> blake2b:
    return blake2b(digest_size=8, salt=seed.to_bytes(16, "little", signed=True))


class Draws:
    """The random numbers of one call, each uniform between 0 and 1 (both excluded)."""

    __slots__ = ("fault", "first", "sticky", "tier", "token")

    def __init__(self, identity: bytes, nth: int) -> None:
        hashing = _DRAWING.copy()
        hashing.update(identity + nth.to_bytes(8, "little"))
        first, token, fault, tier, _, _ = _WORDS.unpack(hashing.digest())
        self.first = (first + 0.5) * _SCALE
        """For the time to first token."""
        self.token = (token + 0.5) * _SCALE
        """For the time per token."""
        self.fault = (fault + 0.5) * _SCALE
        self.tier = (tier + 0.5) * _SCALE
        """For what becomes of a call at the flex tier."""
        self.sticky = (int.from_bytes(identity, "little") + 0.5) * _SCALE
        """For the faults that strike every repetition of a body."""


def lognormal(median: float, p99: float | None, uniform: float) -> float:
    """Return the quantile `uniform` of the lognormal distribution with this median and 99th percentile."""
    if p99 is None or p99 <= median or median <= 0:
        return median
    return median * math.exp(math.log(p99 / median) / _Z99 * _INVERSE(min(uniform, 1 - 1e-15)))


class Repetitions:
    """How often each body has come: of the last different ones, as many as are remembered, or at least half of them."""

    def __init__(self, remembered: int) -> None:
        self._young: dict[bytes, int] = {}
        self._old: dict[bytes, int] = {}
        self._most = max(1, remembered // 2)

    def count(self, identity: bytes) -> int:
        """Return how often `identity` was counted before, and count it."""
        seen = self._young.get(identity)
        if seen is None:
            seen = self._old.get(identity, 0)
            if len(self._young) >= self._most:
                # Whole generations are dropped: a dict that loses its oldest key each time gets slow.
                self._old, self._young = self._young, {}
        self._young[identity] = seen + 1
        return seen
