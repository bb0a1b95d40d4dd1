"""What is done about a request that failed in a batch: the failure table, with batches for attempts.

Rules:
1. What a batch left undone is no failure, and none of a request's is its own fault until others of the same batch have
   succeeded.
2. One that has failed alike five times (see `RetryPolicy.max_alike`) is given up, for good if it was its own fault.
3. Batches of a model that bring nothing, one after the other, are the provider's or a setting's fault: the run stops.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...errors import ProviderUnavailable, RequestFailed, RunStopped
from ..call import Call
from ..diagnosis import described
from ..failures import Action, Failure, Row
from ..form import Form
from ..recovery import given_up
from ..retry import RetryPolicy
from .parked import Parked

FRUITLESS = 5
"""Batches in a row without one reply that end the run."""
_MOST_CHANGES = 12
"""Times that one request is sent in another form: more than there are forms and parameters."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request that has failed; without any of these it goes into the next batch."""

    failed: RequestFailed | None = None
    stop: RunStopped | None = None


_AGAIN = Verdict()


def verdict(parked: Parked, call: Call, failure: Failure, form: Form, policy: RetryPolicy, *, others: bool) -> Verdict:
    """Judge the failure of a request that was sent as `call`; `others` says that some of the same batch succeeded."""
    model = parked.request.model
    row = form.verdict(call, replace(failure, structure=call.structure))
    match row.action:
        case Action.STOP:
            return Verdict(stop=row.error(f"{model}: a batch was refused with {described(failure)}; {row.remedy}."))
        case Action.GIVE_UP:
            return Verdict(given_up(model, row, failure, suspect=True))
        case Action.CHANGE:
            parked.changes += 1
            return Verdict(given_up(model, row, failure)) if parked.changes > _MOST_CHANGES else _AGAIN
        case Action.RETRY:
            return _failed(parked, failure, row, policy, others=others)
    return _AGAIN


def _failed(parked: Parked, failure: Failure, row: Row, policy: RetryPolicy, *, others: bool) -> Verdict:
    kind = f"{row.reason} {failure.status}"
    parked.failures[kind] = parked.failures.get(kind, 0) + 1
    parked.own += others
    parked.lost += failure.maybe_paid
    alike = min(policy.max_alike, row.attempts or policy.max_alike)
    often = parked.failures[kind] >= alike or parked.count >= policy.max_attempts or parked.lost >= policy.max_lost
    spent = parked.request.max_attempts is not None and parked.count >= parked.request.max_attempts
    if not often and not spent:
        return _AGAIN
    own = often and parked.own > 0
    return Verdict(given_up(parked.request.model, row, failure, own=own, suspect=parked.own > 0))


def fruitless(model: str, why: str) -> ProviderUnavailable:
    """Return the error of a model whose batches bring nothing."""
    return ProviderUnavailable(
        f"{model}: {FRUITLESS} batches one after the other brought not one reply, the last one {why}; run the same"
        " command again when the provider is well, or without --batch."
    )
