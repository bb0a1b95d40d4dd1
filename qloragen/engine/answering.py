"""The way of one request: admitted, sent, read, and what is done when it fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import NamedTuple, Protocol

from ..errors import ProviderUnavailable, RequestFailed, RunStopped, SettingsError
from ..observing import Observer
from ..types import Completion, LostCall, Request
from .admission import Ticket
from .budget import NOTHING, Spending
from .call import Call
from .client import Client, ConnectionLost, Deciding, HttpReply
from .diagnosis import of_connection, of_reply, of_timeout
from .effort import Attempt, Effort
from .failures import Action, Failure
from .halt import Halt
from .lane import Lane
from .onlookers import Onlookers
from .pricing import cost
from .reply import Circumstances, UnreadableReply

Keep = Callable[[Completion], Awaitable[None]]
"""Puts a paid reply where it is safe; see `Engine.complete`."""
Lost = Callable[[LostCall], None]
"""Books a call that may have been billed and brought no reply; see `Engine.complete`."""


class _Send(Protocol):
    def __call__(self, body: bytes, /, *, timeout_s: float) -> Awaitable[HttpReply]: ...


class Caller(NamedTuple):
    """What whoever asks wants to be told."""

    keep: Keep | None = None
    lost: Lost | None = None


_REASONS = {"unreadable": "bad_body"}
"""Codes of lost calls where they are not the kind of the failure."""
_HAD_ITS_CHANCES = 3
"""Failed attempts of a request, when the run stops for nothing but failures, that are worth being noted as its own."""


class Answering:
    """Gets answers from a client; all state is that of the lanes."""

    def __init__(self, client: Client, halt: Halt, observer: Observer | None) -> None:
        self._client = client
        self._deciding = client if isinstance(client, Deciding) else None
        self._halt = halt
        self._onlookers = Onlookers(observer)

    async def answer(self, lane: Lane, request: Request, caller: Caller) -> Completion:
        """Try until there is a reply; see `Engine.complete`."""
        if request.predicates:
            self._check_decides(lane)
        effort = Effort(most=request.max_attempts)
        try:
            while not isinstance(outcome := await self._attempt(lane, request, effort, caller), Completion):
                await self._halt.sleep(outcome)
        except ProviderUnavailable as reason:
            # Others succeeded while it failed: whoever asks again should know that it had its chances.
            if any(effort.own.values()) and effort.count >= _HAD_ITS_CHANCES and effort.last is not None:
                failed = effort.last[0].split()[0]
                raise RequestFailed(str(reason), reason=failed, final=False, suspect=True) from reason
            raise
        return outcome

    def _check_decides(self, lane: Lane) -> None:
        if self._deciding is None:
            raise SettingsError("This client cannot ask for decisions: give the engine one that has `decide`.")
        if not lane.form.family.decisions:
            raise SettingsError(
                f"Model {lane.spec.name} is not known to judge predicates: choose one that does, such as gpt-6-luna,"
                " or say that it does (decisions = true among what is set for the model)."
            )

    async def _attempt(self, lane: Lane, request: Request, effort: Effort, caller: Caller) -> Completion | float:
        """Make one call; returns its reply, or after how many seconds the request comes back."""
        prepare = partial(lane.prepare, request, effort)
        ticket = await lane.admission.admit(prepare, again=effort.again, follows=request.follows)
        try:
            outcome = await self._exchange(lane, ticket, effort, caller)
            if not isinstance(outcome, Completion):
                return self._recover(lane, ticket, outcome, effort, caller)
            try:
                if ticket.watch is not None:
                    ticket.watch.answered(outcome)
            finally:  # an observer with a fault must not cost a reply that is paid for
                if caller.keep is not None:
                    await self._keep(lane, outcome, caller.keep)
            return outcome
        finally:
            try:
                if ticket.watch is not None:
                    ticket.watch.close()
            finally:
                lane.admission.give_back(ticket)

    async def _keep(self, lane: Lane, completion: Completion, keep: Keep) -> None:
        """Have a reply kept; whoever cannot keep it must not be sent another one in its place."""
        lane.admission.keeping += 1
        try:
            await keep(completion)
        except RunStopped as reason:
            self._halt.stop(reason)
            raise
        finally:
            lane.admission.keeping -= 1

    async def _exchange(self, lane: Lane, ticket: Ticket, effort: Effort, caller: Caller) -> Completion | Failure:
        effort.sent += 1
        ticket.watch = self._onlookers.begin(ticket.call.request, effort.sent, ticket.waited_s)
        timeout_s = lane.patience(ticket.call).timeout_s(effort.sent)
        lane.tally.sent += 1
        try:
            reply = await self._sender(ticket.call)(ticket.call.body, timeout_s=timeout_s)
        except ConnectionLost as lost:
            return of_connection(lost)
        except TimeoutError:
            return of_timeout(timeout_s)
        except asyncio.CancelledError:
            _lose(lane, ticket, effort, caller)
            if ticket.watch is not None:
                ticket.watch.failed("cancelled", None)
            raise
        return _read(lane, ticket, effort, reply)

    def _sender(self, call: Call) -> _Send:
        if call.request.predicates and self._deciding is not None:
            return self._deciding.decide
        return self._client.post

    def _recover(self, lane: Lane, ticket: Ticket, failure: Failure, effort: Effort, caller: Caller) -> float:
        """Do what the failure table says; returns after how many seconds the request comes back."""
        if failure.maybe_paid:
            _lose(lane, ticket, effort, caller, failure)
        else:
            ticket.spent = NOTHING
        try:
            return _decided(lane, ticket, failure, effort)
        except RequestFailed:
            lane.tally.given_up += 1
            raise
        except RunStopped as reason:
            self._halt.stop(reason)
            self._halt.check()
            raise


def _read(lane: Lane, ticket: Ticket, effort: Effort, reply: HttpReply) -> Completion | Failure:
    now_s, call = _now_s(), ticket.call
    outcome = _decoded(lane, call, reply, latency_s=now_s - ticket.sent_at_s, attempts=effort.sent)
    lane.heard(reply, outcome if isinstance(outcome, Failure) else None, ticket, now_s)
    if isinstance(outcome, Failure):
        return outcome
    ticket.spent = call.spent(outcome.usage, outcome.cost_usd, lane.spec.price)
    lane.succeeded(ticket, outcome, effort, now_s)
    return outcome if any(outcome.usage) else replace(outcome, worst=call.worst(lane.spec.price))


def _decoded(lane: Lane, call: Call, reply: HttpReply, *, latency_s: float, attempts: int) -> Completion | Failure:
    if reply.status >= 300:
        return of_reply(reply, call.structure, call.tier)
    around = Circumstances(reply.headers.get("x-request-id"), latency_s, attempts)
    form = "decisions" if call.request.predicates else call.structure
    try:
        return lane.read(reply.body, model=lane.spec.name, structure=form, price=lane.spec.price, around=around)
    except UnreadableReply:
        return of_reply(reply, call.structure, call.tier)


def _decided(lane: Lane, ticket: Ticket, failure: Failure, effort: Effort) -> float:
    """Return after how many seconds a request that has failed comes back, and tell those who look on.

    Raises:
        RequestFailed: it does not.
        RunStopped: none does.
    """
    now_s = _now_s()
    row = lane.failed(ticket, failure, effort, now_s)
    probe = lane.recovery.gate.is_probe(ticket.pass_)
    decides = bool(ticket.call.request.predicates)
    attempt = Attempt(ticket.sent_at_s, probe, now_s, lane.admission.unanswered, decides)
    delay_s: float | None = None
    try:
        delay_s = lane.recovery.decide(row, failure, effort, attempt)
    finally:
        if ticket.watch is not None:
            ticket.watch.failed(row.reason, failure.status, delay_s)
    lane.tally.retried += row.action is Action.RETRY
    return delay_s


def _lose(lane: Lane, ticket: Ticket, effort: Effort, caller: Caller, failure: Failure | None = None) -> None:
    """Book a call that may have been billed and brought no reply; without a failure it was cancelled."""
    lost = _lost_call(lane, ticket.call, failure)
    lane.tally.maybe_paid += 1
    ticket.spent = Spending(lost.worst_usd or Decimal(0), lost.worst_tokens, 1)
    effort.lost += 1
    effort.lost_usd += ticket.call.worst_usd(lane.spec.price) if lost.cost_usd is None else lost.cost_usd
    if caller.lost is not None:
        caller.lost(lost)


def _lost_call(lane: Lane, call: Call, failure: Failure | None) -> LostCall:
    price, bill = lane.spec.price, failure.billed if failure else None
    reason = _REASONS.get(failure.kind, failure.kind) if failure else "cancelled"
    tier = bill.tier if bill and bill.tier else call.tier
    if bill is not None:
        lane.tally.billed(bill.usage)
        cost_usd = cost(bill.usage, price, tier=tier) if price else None
        tokens = bill.usage.prompt_tokens + bill.usage.completion_tokens
        return LostCall(lane.spec.name, reason, bill.usage, cost_usd, cost_usd, tokens, tier)
    worst = call.worst(price)
    return LostCall(lane.spec.name, reason, None, None, worst.usd, worst.tokens, tier)


def _now_s() -> float:
    return asyncio.get_running_loop().time()
