"""What is done about each failure of a model's calls: state and decisions of one model, without any waiting.

Rules:
1. A refusal for the rate shuts the model's gate, once for all calls that were in flight together; the request is
   untouched.
2. A failure is held against a request when a call that was sent later had a good reply: then it was not the provider.
   A request that has failed alike often enough, mostly so, is given up.
3. Failures in a row with no success between them are the provider's: the gate is shut, and from then on one request at
   a time probes, one that has not failed yet if there is one, after waits that grow to `SLOWEST_PROBE_S`.
4. Where no other request is there to tell whose fault it is, time decides: a minute, or in an outage a quarter of an
   hour.
5. What a request may cost is bounded in any case.
6. Chat completions and decisions are two ends of the API: good replies of one say nothing about failures of the other.
7. A refusal for want of room at the flex tier is nobody's fault and shuts no gate: the request comes back alone, and
   `capacity` bounds how many try.
"""

from __future__ import annotations

from math import inf
from random import Random

from ..errors import ProviderUnavailable, RequestFailed
from ..logs import get_logger
from .capacity import Capacity
from .diagnosis import described
from .effort import Attempt, Effort
from .failures import Action, Failure, Row
from .gate import Cause, Gate
from .ramp import Ramp
from .retry import RetryBudget, RetryPolicy
from .weather import Weather

OUTAGE_AFTER, FIRST_OUTAGE_AFTER = 10, 3
"""Failures in a row that say that the provider is ill: with one call in two failing, one chance in a thousand. Fewer
are enough for one that has never answered."""
_OF_SEVERAL = 3
"""So many requests must have failed in that row that were not at fault before: what is left at the end may be bad."""
SLOWEST_PROBE_S = 15.0
"""Longest wait between two probes in an outage: four a minute."""
REFUSED_AFTER = 20
"""Requests in a row that are refused as malformed, with no success ever, say that the fault is not theirs."""
STOPPED_AFTER = 3
"""Refusals in a row, of a kind that stops a run, after good replies: a single one without a code may be a proxy's."""
_MOST_CHANGES = 12
"""Times that one request is sent in another form: more than there are forms and parameters."""
_RECENT = 64
_REFUSED_TOO_OFTEN = 0.15
"""Part of the last `_RECENT` answers, smoothed: a single refusal is no sign of a limit."""
_ALONE_S, _ALONE_IN_AN_OUTAGE_S = 60.0, 900.0
"""So long is a request tried where nothing shows whose fault it is; in an outage once more for each probe that was the
first attempt of its request, for not all of them can be bad, and so much shorter for each bad request before it."""

log = get_logger()


class _End:
    """What replies of one end of the API show."""

    def __init__(self) -> None:
        self.well_at_s = -inf
        """When the last of the calls was sent that have had a good reply."""
        self.failed_in_a_row = 0
        self.failing: dict[int, bool] = {}
        """The requests that failed in that row, and whether each had failed by its own fault before."""

    def lives(self) -> None:
        """End the row: it has answered, though it may have refused."""
        self.failed_in_a_row = 0
        self.failing.clear()

    def fails(self, effort: Effort) -> None:
        """Take in one more failure."""
        self.failed_in_a_row += 1
        self.failing[id(effort)] = any(effort.own.values())


class Recovery:
    """The health of one model, as far as its failures show it; times are seconds of the caller's clock."""

    def __init__(self, model: str, policy: RetryPolicy, random: Random) -> None:
        self.gate, self.ramp, self.capacity = Gate(), Ramp(), Capacity()
        self.answered = 0
        """Good replies."""
        self._chat, self._decisions = _End(), _End()
        self._resumed_at_s = -inf
        """When the last pause was over that was not the server's doing."""
        self._model = model
        self._policy = policy
        self._random = random
        self._budget = RetryBudget()
        self._refused_in_a_row = self._stops_in_a_row = 0
        self._episodes = 0
        """Times that the gate was shut for the rate since the last good reply."""
        self._too_many = 0
        """Calls in flight when the last episode began; 0 once they have been made fewer for it."""
        self._refused_share = 0.0
        """Part of the last answers that were 429."""
        self._weather = Weather()
        self._bad = 0
        """Requests that were given up because they failed among the successes of others."""
        self._probes = 0
        self._first_attempts = 0
        """Those of the probes that were the first attempt of their request."""
        self._ill_since_s: float | None = None
        """When the gate was shut first since the last good reply."""

    def succeeded(self, *, sent_at_s: float, probe: bool, limit: int, failures: int = 0, decides: bool = False) -> None:
        """Take in a good reply after `failures` failed attempts; `limit` is how many calls may be in flight."""
        end = self._end(decides=decides)
        self.answered += 1
        self._weather.answered(failures)
        end.well_at_s = max(end.well_at_s, sent_at_s)
        self._refused_in_a_row = self._stops_in_a_row = self._episodes = 0
        self._refused_share -= self._refused_share / _RECENT
        self._ill_since_s = None
        self._budget.succeeded()
        self.ramp.answered(limit)
        self._provider_lives(end, probe=probe)

    def decide(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        """Return after how many seconds the request comes back to the gate.

        Raises:
            RequestFailed: it is given up.
            RunStopped: nothing will be answered any more.
        """
        effort.again = True
        match row.action:
            case Action.STOP:
                return self._stopped(row, failure, effort, attempt)
            case Action.WAIT:
                return self._refused_for_the_rate(failure, attempt)
            case Action.DEFER:
                return self._deferred(failure, effort, attempt)
            case Action.RETRY:
                return self._failed(row, failure, effort, attempt)
            case Action.CHANGE:
                self._provider_lives(self._end(decides=attempt.decides), probe=attempt.probe)
                if effort.changes > _MOST_CHANGES:
                    raise given_up(self._model, row, failure)
                return 0.0
            case Action.GIVE_UP:
                self._provider_lives(self._end(decides=attempt.decides), probe=attempt.probe)
                self._refused(row, failure)
                raise given_up(self._model, row, failure, suspect=True)

    def _stopped(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        self._stops_in_a_row += 1
        if self.answered and not failure.code and self._stops_in_a_row < STOPPED_AFTER:
            return self._failed(row, failure, effort, attempt)
        raise row.error(f"{self._model}: {row.reason} ({described(failure)}); {row.remedy}.")

    def hold(self, now_s: float, wait_s: float) -> None:
        """Let nobody pass before the window is over whose limit is used up."""
        if self.gate.cause is None:
            self.gate.shut(Cause.RATE_LIMITED, now_s, wait_s, why="the limit of this minute is used up")

    def resumed(self, now_s: float, paused_s: float) -> None:
        """Take in that nothing was sent for a while, and not for the server's sake: it is held against nobody."""
        self._resumed_at_s = now_s
        if self._ill_since_s is not None:
            self._ill_since_s += paused_s
        self.capacity.resumed(paused_s)

    # ------------------------------------------------------------------------------------------------- rate limits

    def _refused_for_the_rate(self, failure: Failure, attempt: Attempt) -> float:
        now_s, gate = attempt.answered_s, self.gate
        self._end(decides=attempt.decides).lives()
        self._refused_share += (1 - self._refused_share) / _RECENT
        if attempt.sent_at_s < gate.shut_at_s:
            gate.extend(now_s + (failure.retry_after_s or 0.0))
            self._slow_down()
            return 0.0
        self._episodes += 1
        self._too_many = attempt.in_flight
        wait_s = failure.retry_after_s or self._policy.delay_s(self._episodes, self._random)
        refusal_s = now_s - attempt.sent_at_s
        gate.shut(Cause.RATE_LIMITED, now_s, wait_s, why=described(failure), refusal_s=refusal_s)
        self._slow_down()
        log.info("model_paused", model=self._model, cause=Cause.RATE_LIMITED, wait_s=round(wait_s, 3))
        self._check_patience(now_s, self._policy.patience_s)
        return 0.0

    def _deferred(self, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        self.capacity.refused(attempt.sent_at_s, attempt.answered_s)
        effort.deferred += 1
        starved_s = self.capacity.starved_s(attempt.answered_s)
        if starved_s > self._policy.patience_s:
            raise ProviderUnavailable(
                f"{self._model}: there has been no capacity for the flex tier for {starved_s:.0f} s;"
                " run the same command again later, or without flex."
            )
        return self._policy.delay_s(effort.deferred, self._random, at_least_s=failure.retry_after_s)

    def _slow_down(self) -> None:
        """Let fewer calls be in flight where refusals are common, once an episode: some limit is not known."""
        if self._too_many and self._refused_share > _REFUSED_TOO_OFTEN:
            self.ramp.halve(self._too_many)
            self._too_many = 0

    # ------------------------------------------------------------------------------------------------- failures

    def _failed(self, row: Row, failure: Failure, effort: Effort, attempt: Attempt) -> float:
        end = self._end(decides=attempt.decides)
        effort.failed(f"{row.reason} {failure.status}", attempt, end.well_at_s)
        end.fails(effort)
        in_outage = self.gate.cause is Cause.OUTAGE
        if in_outage and not attempt.probe and not effort.is_spent:
            return 0.0  # it was in flight when the outage was found
        if (in_outage and attempt.probe) or (not in_outage and self._is_ill(end)):
            self._probes = self._probes + 1 if in_outage else 0
            first = in_outage and effort.count == 1
            self._first_attempts = self._first_attempts + first if in_outage else 0
            self._shut_for_outage(failure, attempt.answered_s)
            effort.again = False  # the next probe is another request
        bad = effort.is_bad(self._policy, row.attempts)
        since_s = max(end.well_at_s, self._resumed_at_s)
        if (
            bad
            or effort.is_spent
            or effort.is_enough(self._policy, row.attempts, alone_s=self._alone_s(), since_s=since_s)
        ):
            self._bad += bad
            own = bad and not self._weather.explains(effort.count)
            raise given_up(self._model, row, failure, own=own, suspect=any(effort.own.values()))
        if self.gate.cause is Cause.OUTAGE:
            return 0.0
        wait_s = self._policy.delay_s(effort.count, self._random, at_least_s=failure.retry_after_s)
        return max(wait_s, self._budget.take_s())

    def _end(self, *, decides: bool) -> _End:
        return self._decisions if decides else self._chat

    def _is_ill(self, end: _End) -> bool:
        """Whether the provider fails, and not only some requests: at the end of a run only the bad ones may be left."""
        if not self.answered:
            return end.failed_in_a_row >= FIRST_OUTAGE_AFTER
        without_blame = sum(not blamed for blamed in end.failing.values())
        return end.failed_in_a_row >= OUTAGE_AFTER and without_blame >= _OF_SEVERAL

    def _alone_s(self) -> float:
        """Return how long a request is tried where nothing shows whose fault it is."""
        if self.gate.cause is not Cause.OUTAGE:
            return _ALONE_S
        return max(_ALONE_S, _ALONE_IN_AN_OUTAGE_S * (1 + self._first_attempts) / (1 + self._bad))

    def _shut_for_outage(self, failure: Failure, now_s: float) -> None:
        wait_s = min(SLOWEST_PROBE_S, 2.0 ** min(self._probes, 10)) * self._random.uniform(0.8, 1.0)
        wait_s = max(wait_s, failure.retry_after_s or 0.0)
        self.gate.shut(Cause.OUTAGE, now_s, wait_s, why=described(failure))
        self.ramp.restart(now_s)
        log.warning("model_paused", model=self._model, cause=Cause.OUTAGE, wait_s=round(wait_s, 3), probes=self._probes)
        self._check_patience(now_s, self._policy.patience_s if self.answered else self._policy.first_patience_s)

    def _provider_lives(self, end: _End, *, probe: bool) -> None:
        end.lives()
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


def given_up(model: str, row: Row, failure: Failure, *, own: bool = False, suspect: bool = False) -> RequestFailed:
    """Return the error of a request that has no answer."""
    message = f"{model}: {row.reason} ({described(failure)})."
    return RequestFailed(message, reason=row.reason, final=row.final, own=own, suspect=suspect)
