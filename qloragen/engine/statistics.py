"""What an engine has seen, as frozen values: for progress displays and tests."""

from __future__ import annotations

from dataclasses import dataclass

from ..types import Structure
from .lane import Lane


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What one model's lane has seen since the engine was made."""

    waiting: int
    """Requests that wait for admission, for a retry, or for a pause to end."""
    in_flight: int
    sent: int
    """HTTP calls."""
    completed: int
    rate_limited: int
    """429 replies."""
    retried: int
    """Calls sent again after a failure that counts."""
    changed: int
    """Calls sent again in another form."""
    given_up: int
    maybe_paid: int
    """Calls whose reply was lost and may have been billed."""
    prompt_token_error: float | None
    """Mean of |estimated - actual| / actual, None before the first reply with usage."""
    structure: Structure
    """How structured answers are asked for now."""


def snapshot(lane: Lane) -> ModelStatistics:
    """Return the counts of a lane at this moment."""
    tally = lane.tally
    return ModelStatistics(
        waiting=tally.waiting,
        in_flight=tally.in_flight,
        sent=tally.sent,
        completed=tally.completed,
        rate_limited=tally.rate_limited,
        retried=tally.retried,
        changed=tally.changed,
        given_up=tally.given_up,
        maybe_paid=tally.maybe_paid,
        prompt_token_error=lane.estimator.mean_error,
        structure=lane.shape.current,
    )
