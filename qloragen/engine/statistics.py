"""What an engine has seen, as frozen values: for progress displays and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ..types import Structure
from .bound import Bound
from .gate import Cause
from .lane import Lane

_STARVED_S = 10.0
"""A tier without room for so long is a reason to wait that people are told."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Why a model is not called at the moment."""

    cause: Cause
    why: str
    """What the server said, or whoever paused the engine."""
    probe_in_s: float | None
    """When the next probe is made; None while one is under way, and while the engine is held."""


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What one model's lane has seen since the engine was made."""

    waiting: int
    """Requests that wait for admission."""
    in_flight: int
    """Calls without a reply."""
    keeping: int
    """Calls whose reply is being kept: until it is, no other is sent in their place."""
    max_in_flight: int
    """How many calls may be in flight now."""
    sent: int
    """HTTP calls, and requests in batches."""
    batched: int
    """The latter alone."""
    completed: int
    rate_limited: int
    """Refusals for the rate (429)."""
    no_capacity: int
    """Refusals for want of room at the flex tier."""
    retried: int
    """Calls that failed in passing, and came back to be sent again."""
    changed: int
    """Calls sent again in another form."""
    given_up: int
    maybe_paid: int
    """Calls whose reply was lost and may have been billed."""
    rpm: int | None
    """Requests per minute that are kept; None while no limit is known."""
    tpm: int | None
    """Tokens per minute that are kept; None while no limit is known."""
    pause: Pause | None
    """None while calls are made."""
    prompt_token_error: float | None
    """Mean of |estimated - actual| / actual, None before the first reply with usage."""
    structure: Structure
    """How structured answers are asked for now."""
    bound: Bound
    """What keeps requests from being sent now."""
    bound_s: Mapping[Bound, float]
    """For how many seconds each bound has done so since the first request; every bound is there, and the sum is the
    time since then."""
    prompt_tokens: int
    """Billed for replies, the cached ones included."""
    cached_tokens: int
    """Billed as read from the provider's prompt cache; a part of the prompt tokens."""
    completion_tokens: int
    """Billed for replies."""
    batched_tokens: int
    """Prompt and completion tokens that were billed for replies in batches."""


def snapshot(lane: Lane) -> ModelStatistics:
    """Return the counts of a lane at this moment."""
    tally = lane.tally
    return ModelStatistics(
        waiting=lane.admission.waiting,
        in_flight=lane.admission.unanswered,
        keeping=lane.admission.keeping,
        max_in_flight=lane.concurrency.limit,
        sent=tally.sent,
        batched=tally.batched,
        completed=tally.completed,
        rate_limited=tally.rate_limited,
        no_capacity=tally.no_capacity,
        retried=tally.retried,
        changed=tally.changed,
        given_up=tally.given_up,
        maybe_paid=tally.maybe_paid,
        rpm=lane.limits.rpm,
        tpm=lane.limits.tpm,
        pause=_pause(lane),
        prompt_token_error=lane.estimator.mean_error,
        structure=lane.form.shape.current,
        bound=lane.admission.account.now or Bound.IDLE,
        bound_s=lane.admission.account.seconds(asyncio.get_running_loop().time()),
        prompt_tokens=tally.prompt_tokens,
        cached_tokens=tally.cached_tokens,
        completion_tokens=tally.completion_tokens,
        batched_tokens=tally.batched_tokens,
    )


def _pause(lane: Lane) -> Pause | None:
    if lane.halt.paused is not None:
        return Pause(Cause.HELD, lane.halt.paused, None)
    now_s = asyncio.get_running_loop().time()  # anyio knows no clock in a callback, such as that of a signal
    gate = lane.recovery.gate
    if gate.cause is not None:
        return Pause(gate.cause, gate.why, None if gate.probing else gate.wait_s(now_s))
    capacity = lane.recovery.capacity
    if capacity.starved_s(now_s) < _STARVED_S:
        return None
    return Pause(Cause.NO_CAPACITY, "the flex tier has no capacity", capacity.wait_s(now_s))
