"""Rate limits as the API enforces them, and the headers that announce them. Knows no clock: `now_s` comes in.

* A bucket fills with what is charged, leaks at the limit's rate, and holds `burst_s` seconds of it.
* A call is let in when level + min(amount, capacity) <= capacity: one that is larger than the window's share, but not
  than the minute's limit, passes only through an empty bucket, and leaves a debt that has to leak out first.
* Tokens are charged up front, from the request alone (prompt by characters / 4, and its cap), and never given back.
* A rejected call, for whatever limit, counts against the RPM too, up to a full bucket ("unsuccessful requests
  contribute to your per-minute limit", help.openai.com 5955604); tokens are taken only by calls that are let in. The
  wait that it is told is the longer one of both buckets, what it cost itself included.

Headers: every reply to a call for a model that there is has them, be it an answer, a fault, a 400 or a 429; that of an
outage, a wrong key, an unknown model or an unreadable body has none. They are `x-ratelimit-limit-*` per minute;
`-remaining-*`, the limit less the bucket's level, 0 or more; `-reset-*`, the time until the bucket is empty ("12ms",
"1.5s", "6m0s"). A 429 for a limit adds `retry-after-ms`, and `retry-after` in whole seconds, rounded up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .settings import Limits
from .waits import duration, retry_after

_SLACK = 1e-9
"""Share of the capacity by which sums of floats may be off."""


class Bucket:
    """One token bucket; `limit` is per minute."""

    __slots__ = ("_at_s", "_level", "_names", "_shown", "capacity", "limit", "rate")

    def __init__(self, kind: str, limit: float, burst_s: float) -> None:
        self._names = tuple(f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset"))
        self._shown = str(int(limit))
        self.limit = limit
        self.rate = limit / 60
        """Per second."""
        self.capacity = self.rate * burst_s
        self._level = 0.0
        self._at_s = 0.0

    def level(self, now_s: float) -> float:
        """Return what has been charged and not yet leaked out; above the capacity it is debt."""
        if now_s > self._at_s:
            self._level = max(0.0, self._level - (now_s - self._at_s) * self.rate)
            self._at_s = now_s
        return self._level

    def wait_s(self, amount: float, now_s: float) -> float:
        """Return the seconds until `amount` would be let in if nothing else came; 0 is now."""
        over = self.level(now_s) + min(amount, self.capacity) - self.capacity
        return 0.0 if over <= self.capacity * _SLACK else over / self.rate

    def charge(self, amount: float) -> None:
        """Take `amount`, whatever the level."""
        self._level += amount

    def punish(self, amount: float) -> None:
        """Take `amount`, but never more than fills the bucket."""
        self._level = max(self._level, min(self.capacity, self._level + amount))

    def announce(self, headers: dict[str, str], now_s: float) -> None:
        """Put what a reply says of it into its headers."""
        level = self.level(now_s)
        for_limit, for_remaining, for_reset = self._names
        headers[for_limit] = self._shown
        headers[for_remaining] = str(max(0, int(self.limit - level)))
        headers[for_reset] = duration(level / self.rate)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Which limit a call ran into."""

    by: str
    """`requests` or `tokens`."""
    limit: float
    used: float
    requested: float
    wait_s: float
    """Until it would be let in; infinite for a call that is larger than the limit."""


class ServerLimits:
    """The two buckets of one model."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._requests = Bucket("requests", limits.rpm, limits.burst_s) if limits.rpm else None
        self._tokens = Bucket("tokens", limits.tpm, limits.burst_s) if limits.tpm else None

    def admit(self, characters: int, cap_tokens: int | None, now_s: float) -> Rejection | None:
        """Charge a call of so many characters and this cap, or say what it ran into."""
        tokens = self.charged_tokens(characters, cap_tokens)
        if self._tokens and tokens > self._tokens.limit:
            return self._rejection("tokens", self._tokens, tokens, tokens, now_s)
        if self._requests and self._requests.wait_s(1, now_s):
            return self._rejection("requests", self._requests, 1, tokens, now_s)
        if self._tokens and self._tokens.wait_s(tokens, now_s):
            return self._rejection("tokens", self._tokens, tokens, tokens, now_s)
        if self._requests:
            self._requests.charge(1)
        if self._tokens:
            self._tokens.charge(tokens)
        return None

    def punish(self, now_s: float) -> None:
        """Charge a call that was rejected, here or for another reason."""
        if self._requests:
            self._requests.level(now_s)
            self._requests.punish(self._limits.rejected_requests)

    def charged_tokens(self, characters: int, cap_tokens: int | None) -> int:
        """Return what a call takes from the TPM."""
        cap = self._limits.uncapped_tokens if cap_tokens is None else cap_tokens
        prompt = math.ceil(characters / 4)
        return prompt + cap if self._limits.charge == "sum" else max(prompt, cap)

    def _rejection(self, by: str, bucket: Bucket, amount: int, tokens: int, now_s: float) -> Rejection:
        used = bucket.level(now_s)
        self.punish(now_s)
        return Rejection(by, bucket.limit, used, amount, self._wait_s(tokens, now_s))

    def _wait_s(self, tokens: int, now_s: float) -> float:
        """Return the seconds until both buckets would let a call in, what its rejection cost included."""
        if self._tokens and tokens > self._tokens.limit:
            return math.inf
        waits = [self._requests.wait_s(1, now_s)] if self._requests else []
        return max(waits + ([self._tokens.wait_s(tokens, now_s)] if self._tokens else []), default=0.0)

    def headers(self, now_s: float) -> dict[str, str]:
        """Return what a reply announces."""
        found: dict[str, str] = {}
        if self._limits.announced:
            if self._requests:
                self._requests.announce(found, now_s)
            if self._tokens:
                self._tokens.announce(found, now_s)
        return found

    def retry_after(self, rejection: Rejection) -> dict[str, str]:
        """Return the headers of a 429; none for a call that can never be let in."""
        return retry_after(rejection.wait_s) if self._limits.retry_after else {}
