"""How often and how patiently a call is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .limiter import Bucket


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of repetition; all times in seconds."""

    max_attempts: int = 10
    """A request is given up when so many of its attempts failed, and it was not the provider's fault; refusals for the
    rate do not count."""
    max_alike: int = 5
    """The same, of failures of one kind: what fails alike again and again, while others do not, is its own fault."""
    max_lost: int = 6
    """The same, of attempts that may have been billed although no reply came: what an answer may cost is bounded by so
    many times its worst case, and by `Request.max_cost_usd`."""
    base_s: float = 0.5
    """Longest delay after the first failure; it doubles with each further one."""
    cap_s: float = 60.0
    """Longest delay ever, unless the server asks for more."""
    timeout_s: float = 120.0
    """Most time that one attempt may take in all; it adapts to the latencies seen, downwards."""
    patience_s: float = 6 * 3600.0
    """So long may a model answer with nothing but failures, or nothing but 429, before the run stops."""
    first_patience_s: float = 60.0
    """The same for failures of a model that has never given an answer: probably it never will."""

    def delay_s(self, failures: int, random: Random, *, at_least_s: float | None = None) -> float:
        """Return the wait after the `failures`-th failure (1 is the first), in seconds.

        Full jitter: uniform between 0 and min(cap, base * 2 ** (failures - 1)), which spreads clients that failed
        together best (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Never less than what
        the server asked for.
        """
        bound_s = self.base_s * 2.0 ** min(failures - 1, 32)
        return max(random.uniform(0.0, min(self.cap_s, bound_s)), at_least_s or 0.0)


class RetryBudget:
    """Keeps repeated calls a small part of all: a fifth of the good replies, and ten a second besides.

    The shape is that of Finagle's RetryBudget (twitter.github.io/finagle, "Clients"; read 2026-11). An empty budget
    fails nothing: batch work can wait.
    """

    PER_SUCCESS = 0.2
    PER_MINUTE = 600
    SAVED_S = 10.0
    """What is not used is kept for so long."""

    def __init__(self) -> None:
        self._retries = Bucket(self.PER_MINUTE, self.SAVED_S)

    def succeeded(self) -> None:
        """Earn a part of a retry."""
        self._retries.settle(-self.PER_SUCCESS)

    def take_s(self) -> float:
        """Take one retry; returns the seconds after which it may be made."""
        wait_s = self._retries.wait_s(1)
        self._retries.take(1)
        return wait_s
