"""What is done about each failure of a model's calls: state and decisions of one model, without any waiting.

Rules:
1. A refusal for the rate shuts the model's gate, once for all calls that were in flight together; the request is
   untouched.
2. Failures of one request among the successes of others are the request's: they are counted, and bounded.
3. Failures in a row with no success between them are the provider's: the gate is shut, and from then on one request at
   a time probes, after waits that grow to `SLOWEST_PROBE_S`. Failures in an outage count against no request.
4. A probe that fails for a request which has failed alike among successes says nothing about the provider, but enough
   about the request. So does one that fails for the same request again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf
from random import Random

from ..errors import ProviderUnavailable, RequestFailed
from ..logs import get_logger
from .diagnosis import described
from .failures import Action, Failure, Row
from .gate import Cause, Gate
from .ramp import Ramp
from .retry import RetryBudget, RetryPolicy

OUTAGE_AFTER = 10
"""Failures in a row that say that the provider is ill: with one call in two failing, one chance in a thousand."""
SLOWEST_PROBE_S = 15.0
"""Longest wait between two probes in an outage: four a minute."""
REFUSED_AFTER = 20
"""Requests in a row that are refused as malformed, with no success ever, say that the fault is not theirs."""
_RECENT = 32
_REFUSED_TOO_OFTEN = 0.1
"""Part of the last `_RECENT` answers, smoothed: a single refusal is no sign of a limit."""
_SUSPECT = 3
"""So many failures of one kind among the successes of others make a request suspect."""

log = get_logger()


@dataclass(slots=True)
class Effort:
    """What one request has taken so far."""

    sent: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    """Failed attempts that count, by reason."""
    lost: int = 0
    """Attempts that may have been billed and brought no reply."""
    lost_usd: Decimal = Decimal(0)
    """What they may have cost at worst."""
    probes: int = 0
    """Probes in an outage that failed."""
    sent_at_s: dict[str, list[float]] = field(default_factory=dict)
    """When those attempts were sent, by reason."""
    again: bool = False
    """Has its place in front of those who come for the first time."""


@dataclass(slots=True)
class Attempt:
    """One call that was sent."""

    sent_at_s: float
    probe: bool
    answered_s: float
    """When its failure was known."""


class Recovery:
    """The health of one model, as far as its failures show it; times are seconds of the caller's clock."""

    def __init__(self, model: str, policy: RetryPolicy, random: Random, *, limits_known: Callable[[], bool]) -> None:
        self.gate = Gate()
        self.ramp = Ramp()
        self.answered = 0
        """Good replies."""
        self._well_at_s = -inf
        """When the last of the calls was sent that have had a good reply."""
        self._model = model
        self._policy = policy
        self._random = random
        self._limits_known = limits_known
        self._budget = RetryBudget()
        self._failed_in_a_row = 0
        self._refused_in_a_row = 0
        self._episodes = 0
        """Times that the gate was shut for the rate since the last good reply."""
        self._too_many = 0
        """Calls in flight when the last episode began; 0 once they have been made fewer for it."""
        self._refused_share = 0.0
        """Part of the last answers that were 429."""
        self._probes = 0
        self._ill_since_s: float | None = None
        """When the gate was shut first since the last good reply."""

    def succeeded(self, *, sent_at_s: float, probe: bool, limit: int) -> None:
        """Take in a good reply; `limit` is how many calls may be in flight."""
        self.answered += 1
        self._well_at_s = max(self._well_at_s, sent_at_s)
        self._refused_in_a_row = self._episodes = 0
        self._refused_share -= self._refused_share / _RECENT
        self._ill_since_s = None
        self._budget.succeeded()
        self.ramp.answered(limit)
        self._provider_lives(probe=probe)

    def decide(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt, in_flight: int) -> float:
        """Return after how many seconds the request comes back to the gate.

        Raises:
            RequestFailed: it is given up.
            RunStopped: nothing will be answered any more.
        """
        match row.action:
            case Action.STOP:
                raise row.error(f"{self._model}: {row.reason} ({described(failure)}); {row.remedy}.")
            case Action.WAIT:
                return self._refused_for_the_rate(failure, effort, attempt, in_flight)
            case Action.RETRY:
                return self._failed(row, failure, effort, attempt)
            case Action.CHANGE:
                self._provider_lives(probe=attempt.probe)
                return 0.0
            case Action.GIVE_UP:
                self._provider_lives(probe=attempt.probe)
                self._refused(row, failure)
                raise given_up(self._model, row, failure)

    def hold(self, now_s: float, wait_s: float) -> None:
        """Let nobody pass before the window is over whose limit is used up."""
        if self.gate.cause is None:
            self.gate.shut(Cause.RATE_LIMITED, now_s, wait_s, why="the limit of this minute is used up")

    # ------------------------------------------------------------------------------------------------- rate limits

    def _refused_for_the_rate(self, failure: Failure, effort: Effort, attempt: Attempt, in_flight: int) -> float:
        effort.again, now_s, gate = True, attempt.answered_s, self.gate
        self._failed_in_a_row = 0
        self._refused_share += (1 - self._refused_share) / _RECENT
        if attempt.sent_at_s < gate.shut_at_s:
            gate.extend(now_s + (failure.retry_after_s or 0.0))
            self._slow_down()
            return 0.0
        self._episodes += 1
        self._too_many = in_flight
        wait_s = failure.retry_after_s or self._policy.delay_s(self._episodes, self._random)
        refusal_s = now_s - attempt.sent_at_s
        gate.shut(Cause.RATE_LIMITED, now_s, wait_s, why=described(failure), refusal_s=refusal_s)
        self._slow_down()
        log.info("model_paused", model=self._model, cause=Cause.RATE_LIMITED, wait_s=round(wait_s, 3))
        self._check_patience(now_s, self._policy.patience_s)
        return 0.0

    def _slow_down(self) -> None:
        """Let fewer calls be in flight where nobody knows the limit, once an episode, and not for a single refusal."""
        if self._too_many and self._refused_share > _REFUSED_TOO_OFTEN and not self._limits_known():
            self.ramp.halve(self._too_many)
            self._too_many = 0

    # ------------------------------------------------------------------------------------------------- failures

    def _failed(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        effort.again, in_outage = True, self.gate.cause is Cause.OUTAGE
        self._failed_in_a_row += 1
        if attempt.probe:
            self.gate.probe_lost(attempt.answered_s)
        if in_outage:
            return self._probe_failed(row, failure, effort, attempt) if attempt.probe else 0.0
        if self._failed_in_a_row >= OUTAGE_AFTER:
            self._probes = 0
            self._shut_for_outage(failure, attempt.answered_s)
            return 0.0
        self._count(row, failure, effort, attempt)
        wait_s = self._policy.delay_s(effort.failures.total(), self._random, at_least_s=failure.retry_after_s)
        return max(wait_s, self._budget.take_s())

    def _count(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> None:
        policy = self._policy
        effort.failures[row.reason] += 1
        effort.sent_at_s.setdefault(row.reason, []).append(attempt.sent_at_s)
        alike = min(policy.max_alike, row.attempts or policy.max_alike)
        if (
            effort.failures.total() >= policy.max_attempts
            or effort.failures[row.reason] >= alike
            or effort.lost >= policy.max_lost
        ):
            raise given_up(self._model, row, failure)

    def _probe_failed(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        effort.probes += 1
        effort.again = False  # the next probe is another request
        self._probes += 1
        self._shut_for_outage(failure, attempt.answered_s)
        may_be_its_own_fault = failure.kind != "connection" or failure.maybe_paid
        if may_be_its_own_fault and (
            self._amid_successes(row, effort) >= _SUSPECT
            or effort.probes >= self._policy.max_alike
            or effort.lost >= self._policy.max_lost
        ):
            raise given_up(self._model, row, failure)
        return 0.0

    def _amid_successes(self, row: Row, effort: Effort) -> int:
        """Return how many attempts failed like this although calls that were sent later had good replies."""
        return sum(sent_at_s < self._well_at_s for sent_at_s in effort.sent_at_s.get(row.reason, ()))

    def _shut_for_outage(self, failure: Failure, now_s: float) -> None:
        wait_s = min(SLOWEST_PROBE_S, 2.0**self._probes) * self._random.uniform(0.8, 1.0)
        wait_s = max(wait_s, failure.retry_after_s or 0.0)
        self.gate.shut(Cause.OUTAGE, now_s, wait_s, why=described(failure))
        self.ramp.restart()
        log.warning("model_paused", model=self._model, cause=Cause.OUTAGE, wait_s=round(wait_s, 3), probes=self._probes)
        self._check_patience(now_s, self._policy.patience_s if self.answered else self._policy.first_patience_s)

    def _provider_lives(self, *, probe: bool) -> None:
        self._failed_in_a_row = 0
        if probe and self.gate.cause is not None:
            log.info("model_resumed", model=self._model, cause=self.gate.cause)
            self.gate.open()

    def _refused(self, row: Row, failure: Failure) -> None:
        self._refused_in_a_row += 1
        if not self.answered and not row.final and self._refused_in_a_row >= REFUSED_AFTER:
            raise row.error(
                f"{self._model}: not one request was accepted, the last one was refused with {described(failure)};"
                f" {row.remedy}."
            )

    def _check_patience(self, now_s: float, patience_s: float) -> None:
        self._ill_since_s = now_s if self._ill_since_s is None else self._ill_since_s
        if now_s - self._ill_since_s > patience_s:
            raise ProviderUnavailable(
                f"{self._model}: nothing but failures for {patience_s:g} s, the last one was {self.gate.why};"
                " run the same command again when the provider is well."
            )


def given_up(model: str, row: Row, failure: Failure) -> RequestFailed:
    """Return the error of a request that has no answer."""
    return RequestFailed(f"{model}: {row.reason} ({described(failure)}).", reason=row.reason, final=row.final)
