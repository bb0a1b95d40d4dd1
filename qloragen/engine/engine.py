"""Turns requests into completions: admission, sending, settling, and what to do about every failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import assert_never

import anyio

from ..errors import BudgetReached, ProviderUnavailable, RequestFailed, RunStopped, SettingsError
from ..types import Completion, Request
from .budget import Budget, Reservation
from .client import Client, ConnectionLost, HttpReply
from .failures import Action, Failure, Row, described, of_connection, of_reply, of_timeout
from .lane import Call, Lane, ModelSpec
from .reply import UnreadableReply, decode
from .retry import RetryPolicy
from .statistics import ModelStatistics, snapshot

_PATIENT = RetryPolicy()

_IN_A_ROW = 20
"""So many requests that fail one after the other, and nothing else, say that the fault is not theirs."""


@dataclass(slots=True)
class _Effort:
    """What one request has taken so far."""

    sent: int = 0
    sent_at_s: float = 0.0
    failures: Counter[str] = field(default_factory=Counter)
    """Failed attempts that count, by reason."""


class Engine:
    """Answers requests within the limits of each model; one engine serves any number of concurrent callers.

    `spent_usd` is what the run has cost before; `max_cost_usd` bounds both together.

    Raises:
        SettingsError: there is a spending limit and a model without a price.
    """

    def __init__(
        self,
        client: Client,
        models: Iterable[ModelSpec],
        *,
        retry: RetryPolicy = _PATIENT,
        max_cost_usd: Decimal | None = None,
        spent_usd: Decimal = Decimal(0),
        random: Random | None = None,
    ) -> None:
        self._client = client
        self._lanes = {spec.name: Lane(spec) for spec in models}
        self._retry = retry
        self._budget = Budget(max_cost_usd, spent_usd)
        self._random = random or Random()  # noqa: S311 - jitter, not secrets
        self._stopped: RunStopped | None = None
        self._waits: set[anyio.CancelScope] = set()
        for name, lane in self._lanes.items():
            if max_cost_usd is not None and lane.spec.price is None:
                raise SettingsError(
                    f"The price of model {name} is unknown, so no spending limit can be kept:"
                    " set the model's price, or drop the limit."
                )

    async def complete(self, request: Request) -> Completion:
        """Wait for admission, send, retry as the failure table says, and return the paid reply.

        From the moment the reply is there nothing is awaited any more, so that it cannot be lost to a cancellation.
        A reply without a usable answer (refused, cut off, prose in place of a call) is a completion like any other.
        A cancelled caller gives back everything it had reserved.

        Raises:
            RequestFailed: this request has no answer.
            RunStopped: no request will get one any more.
        """
        lane = self._lane(request.model)
        if request.function is None or lane.shape.settled or not lane.shape.one_by_one:
            return await self._answer(lane, request)
        async with AsyncExitStack() as held:
            with self._waiting(lane):
                await held.enter_async_context(lane.shape.turn)
            if not lane.shape.settled:
                return await self._answer(lane, request)
        return await self._answer(lane, request)

    def stop(self, reason: RunStopped) -> None:
        """Send nothing more: everyone who waits gets `reason`, calls in flight are finished. The first reason stays."""
        if self._stopped is None:
            self._stopped = reason
            for scope in tuple(self._waits):
                scope.cancel()

    @property
    def stopped(self) -> RunStopped | None:
        """Why nothing is sent any more; None while the engine works."""
        return self._stopped

    @property
    def spent_usd(self) -> Decimal:
        """What the run has cost, with the worst case of calls whose bill never came."""
        return self._budget.spent_usd

    @property
    def reserved_usd(self) -> Decimal:
        """The worst case of all calls that are being made."""
        return self._budget.reserved_usd

    @property
    def statistics(self) -> Mapping[str, ModelStatistics]:
        """Counts of each model at this moment."""
        return {name: snapshot(lane) for name, lane in self._lanes.items()}

    # ------------------------------------------------------------------------------------------------- one request

    async def _answer(self, lane: Lane, request: Request) -> Completion:
        effort = _Effort()
        while True:
            call, outcome = await self._attempt(lane, request, effort)
            if isinstance(outcome, Completion):
                return replace(outcome, attempts=effort.sent)
            await self._recover(lane, call, outcome, effort)

    async def _attempt(self, lane: Lane, request: Request, effort: _Effort) -> tuple[Call, Completion | Failure]:
        """Wait for a slot, for money and for the gate, in this order; then send.

        The slot comes first: an admission must be used at once, else a stalled provider would turn saved-up ones into
        a burst above the limits. The body is made when the slot is there, with all that was learned until then.
        """
        async with AsyncExitStack() as held:
            with self._waiting(lane):
                await held.enter_async_context(lane.slots)
                call = lane.prepare(request)
                reservation = await held.enter_async_context(self._budget.reserve(call.worst_usd))
                await lane.gate.admit(call.tokens)
            self._raise_if_stopped()
            effort.sent += 1
            effort.sent_at_s = anyio.current_time()
            return call, await self._exchange(lane, call, reservation)
        raise AssertionError("unreachable")

    async def _exchange(self, lane: Lane, call: Call, reservation: Reservation) -> Completion | Failure:
        reservation.cost_usd = call.worst_usd  # until the bill is there; it stays so if that never comes
        sent_at_s = anyio.current_time()
        answer = await self._send(lane, call)
        latency_s = anyio.current_time() - sent_at_s
        outcome = _read(answer, lane, call, latency_s) if isinstance(answer, HttpReply) else answer
        if isinstance(outcome, Completion):
            lane.succeeded(call, outcome)
            if outcome.cost_usd is not None:
                reservation.cost_usd = outcome.cost_usd
        elif outcome.maybe_paid:
            lane.tally.maybe_paid += 1
        else:
            reservation.cost_usd = Decimal(0)
        return outcome

    async def _send(self, lane: Lane, call: Call) -> HttpReply | Failure:
        timeout_s = self._retry.timeout_s
        lane.tally.sent += 1
        lane.tally.in_flight += 1
        try:
            with anyio.fail_after(timeout_s):
                return await self._client.post(call.body, timeout_s=timeout_s)
        except ConnectionLost as lost:
            return of_connection(lost)
        except TimeoutError:
            return of_timeout(timeout_s)
        except anyio.get_cancelled_exc_class():
            lane.tally.maybe_paid += 1
            raise
        finally:
            lane.tally.in_flight -= 1

    # ---------------------------------------------------------------------------------------------------- failures

    async def _recover(self, lane: Lane, call: Call, failure: Failure, effort: _Effort) -> None:
        """Do what the failure table says; return when the request is to be sent again."""
        row = lane.verdict(call, failure)
        match row.action:
            case Action.CHANGE:
                lane.tally.changed += 1
            case Action.WAIT:
                self._pause(lane, call, failure, effort)
            case Action.RETRY:
                await self._retry_later(lane, row, failure, effort)
            case Action.GIVE_UP:
                self._give_up(lane, row, failure)
            case Action.STOP:
                self._end(row.error(f"{lane.spec.name}: {row.reason} ({described(failure)}); {row.remedy}."))
            case _:
                assert_never(row.action)

    def _pause(self, lane: Lane, call: Call, failure: Failure, effort: _Effort) -> None:
        lane.tally.rate_limited += 1
        lane.refuse_above(failure.limit_tokens, call)
        lane.pause(failure, effort.sent_at_s, self._retry, self._random)
        since_s = lane.refused_since_s
        if since_s is not None and anyio.current_time() - since_s > self._retry.patience_s:
            self._end(
                ProviderUnavailable(
                    f"{lane.spec.name}: nothing but rate-limit replies for {self._retry.patience_s:g} s"
                    f" ({described(failure)}); lower the rate, or run the same command again later."
                )
            )

    async def _retry_later(self, lane: Lane, row: Row, failure: Failure, effort: _Effort) -> None:
        effort.failures[row.reason] += 1
        failures, most = effort.failures.total(), self._retry.max_attempts
        if failures >= most or effort.failures[row.reason] >= (row.attempts or most):
            lane.transient_in_a_row += 1
            self._end_after(lane.transient_in_a_row, max(_IN_A_ROW, lane.spec.max_concurrency), lane, failure)
            self._give_up(lane, row, failure)
        delay_s = self._retry.delay_s(failures, self._random, at_least_s=failure.retry_after_s)
        with self._waiting(lane):
            await anyio.sleep(delay_s)
        lane.tally.retried += 1

    def _give_up(self, lane: Lane, row: Row, failure: Failure) -> None:
        lane.tally.given_up += 1
        if row.reason == "bad_request":
            lane.rejected_in_a_row += 1
            if lane.tally.completed == 0:
                self._end_after(lane.rejected_in_a_row, _IN_A_ROW, lane, failure)
        raise RequestFailed(
            f"{lane.spec.name}: {row.reason} ({described(failure)}).", reason=row.reason, final=row.final
        ) from None

    def _end_after(self, in_a_row: int, bound: int, lane: Lane, failure: Failure) -> None:
        if in_a_row >= bound:
            self._end(
                ProviderUnavailable(
                    f"{lane.spec.name}: {in_a_row} requests in a row failed, the last one with"
                    f" {described(failure)}; run the same command again when the provider is well."
                )
            )

    def _end(self, reason: RunStopped) -> None:
        """Stop the engine; this caller gets the first reason as all others do."""
        self.stop(reason)
        self._raise_if_stopped()

    # ----------------------------------------------------------------------------------------------------- waiting

    @contextmanager
    def _waiting(self, lane: Lane) -> Iterator[None]:
        """Enclose waits that end when the engine stops. What was got before that is the caller's to give back."""
        self._raise_if_stopped()
        lane.tally.waiting += 1
        scope = anyio.CancelScope()
        self._waits.add(scope)
        try:
            with scope:
                yield
        except BudgetReached as reached:
            self._end(reached)
        finally:
            lane.tally.waiting -= 1
            self._waits.discard(scope)
        if scope.cancelled_caught:
            self._raise_if_stopped()

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped.with_traceback(None)

    def _lane(self, model: str) -> Lane:
        try:
            return self._lanes[model]
        except KeyError:
            raise SettingsError(f"Model {model!r} is not among the models of this engine.") from None


def _read(reply: HttpReply, lane: Lane, call: Call, latency_s: float) -> Completion | Failure:
    if reply.status >= 300:
        return of_reply(reply, call.structure)
    try:
        completion = decode(reply.body, model=lane.spec.name, structure=call.structure, price=lane.spec.price)
    except UnreadableReply:
        return of_reply(reply, call.structure)
    request_id = reply.headers.get("x-request-id", completion.request_id)
    return replace(completion, request_id=request_id, latency_s=latency_s)
