"""What one request has taken so far, and whether that is enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from .retry import RetryPolicy

_PROVEN = 3
"""So many failures of a request must have been its own before it is given up for their number."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that was sent and failed; times are seconds of one clock."""

    sent_at_s: float
    probe: bool
    """It was the one call that was let through a shut gate."""
    answered_s: float
    """When its failure was known."""
    in_flight: int
    """Calls in flight then, this one included."""
    decides: bool = False
    """It was sent to the end for decisions."""


@dataclass(slots=True)
class Effort:
    """The attempts at one request. A failure is its own when a call that was sent later had a good reply."""

    most: int | None = None
    """Failed attempts after which it is given up, whoever's fault they were; None: as the policy says."""
    sent: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    """Failed attempts by kind, which is reason and status; refusals for the rate are none."""
    own: dict[str, int] = field(default_factory=dict)
    """Those of them that were not the provider's."""
    last: tuple[str, Attempt] | None = None
    """Kind of the last failure, and its attempt."""
    since_s: float = 0.0
    """When the first failure was known."""
    changes: int = 0
    """Times that it was sent again in another form."""
    deferred: int = 0
    """Times that there was no room for it; these are no failures."""
    lost: int = 0
    """Attempts that may have been billed and brought no reply."""
    lost_usd: Decimal = Decimal(0)
    """What they may have cost at worst."""
    again: bool = False
    """It comes back, and so goes before those who come for the first time."""

    @property
    def count(self) -> int:
        """Failed attempts in all."""
        return sum(self.failures.values())

    @property
    def is_spent(self) -> bool:
        """Whether it has failed as often as its request may."""
        return self.most is not None and self.count >= self.most

    def failed(self, kind: str, attempt: Attempt, well_at_s: float) -> None:
        """Take in a failure; `well_at_s` is when the last of the calls was sent that have had a good reply.

        It decides whose fault the failure before this one was.
        """
        if self.last is None:
            self.since_s = attempt.answered_s
        else:
            before, then = self.last
            self.own[before] = self.own.get(before, 0) + (then.sent_at_s < well_at_s)
        self.last = (kind, attempt)
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def is_bad(self, policy: RetryPolicy, most_alike: int | None) -> bool:
        """Whether it has failed often, and mostly by its own fault; `most_alike` of the last kind, if not as usual."""
        return any(
            failures >= most and own >= min(_PROVEN, most - 1)
            for failures, own, most in self._counts(policy, most_alike)
        )

    def is_enough(self, policy: RetryPolicy, most_alike: int | None, *, alone_s: float, since_s: float) -> bool:
        """Whether it has cost enough, or has failed often and for `alone_s` seconds with no good reply to any other.

        `since_s` is from when on there was none.
        """
        if self.lost >= policy.max_lost:
            return True
        assert self.last is not None
        alone_for_s = self.last[1].answered_s - max(self.since_s, since_s)
        return alone_for_s >= alone_s and any(
            failures >= most for failures, _, most in self._counts(policy, most_alike)
        )

    def _counts(self, policy: RetryPolicy, most_alike: int | None) -> tuple[tuple[int, int, int], ...]:
        """Return failures, the own ones among them, and how many there may be: of the last kind, and of all."""
        assert self.last is not None
        kind = self.last[0]
        alike = min(policy.max_alike, most_alike or policy.max_alike)
        return (
            (self.failures[kind], self.own.get(kind, 0), alike),
            (self.count, sum(self.own.values()), policy.max_attempts),
        )
