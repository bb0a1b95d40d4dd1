"""How often and how patiently a call is repeated."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Limits of repetition; all times in seconds."""

    max_attempts: int = 5
    """A request is given up when so many of its attempts failed; refusals for the rate do not count."""
    base_s: float = 0.5
    """Longest delay after the first failure; it doubles with each further one."""
    cap_s: float = 60.0
    """Longest delay ever, unless the server asks for more."""
    timeout_s: float = 120.0
    """Total time of one attempt."""
    patience_s: float = 1800.0
    """So long may a model answer with nothing but 429 before the run stops."""

    def delay_s(self, failures: int, random: Random, *, at_least_s: float | None = None) -> float:
        """Return the wait after the `failures`-th failure (1 is the first), in seconds.

        Full jitter: uniform between 0 and min(cap, base * 2 ** (failures - 1)), which spreads clients that failed
        together best (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Never less than what
        the server asked for.
        """
        bound_s = self.base_s * 2.0 ** min(failures - 1, 32)
        return max(random.uniform(0.0, min(self.cap_s, bound_s)), at_least_s or 0.0)
