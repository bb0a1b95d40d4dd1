"""The one place where requests for a model wait: in order of arrival, for everything that a call needs.

The request at the head of the queue waits for a slot, for the gate, for room in the spending limit and for both buckets
together, and gets all of it in one step, between two awaits. So nothing is ever held half, and however many wait behind
it, they cost nothing: when something changes, or the head's time has come, only the head is looked at.

The slot comes first: the call is made when it is there, with all that was learned until then, and what is admitted is
sent at once. Else a stalled provider would turn saved-up admissions into a burst above the limits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import inf

from ..errors import RunStopped
from .budget import Budget
from .call import Call
from .concurrency import Concurrency
from .halt import Halt
from .limits import Limits, Share
from .pricing import Price
from .recovery import Recovery
from .scouting import Scouting

Prepare = Callable[[Call | None], Call]
"""Makes the call for a request, given the one that it made before, if there was something to wait for."""

_NOTHING = Decimal(0)


@dataclass(slots=True)
class Ticket:
    """What one call holds while it is made."""

    call: Call
    share: Share
    probe: bool
    """It goes through a shut gate, alone."""
    sent_at_s: float
    worst_usd: Decimal
    """What is set aside for it."""
    cost_usd: Decimal
    """What is booked when it is given back."""


class _Waiter:
    __slots__ = ("call", "prepare", "ticket")

    def __init__(self, prepare: Prepare) -> None:
        self.prepare = prepare
        self.call: Call | None = None
        """Made when there was a slot for it."""
        self.ticket: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()


class Admission:
    """Admits calls to one model; times are those of the event loop, in seconds."""

    def __init__(
        self,
        recovery: Recovery,
        concurrency: Concurrency,
        limits: Limits,
        *,
        price: Price | None,
        budget: Budget,
        halt: Halt,
    ) -> None:
        self.concurrency = concurrency
        self.limits = limits
        self.scouting = Scouting(needed=not limits.given)
        self.in_flight = 0
        self._gate = recovery.gate
        self._ramp = recovery.ramp
        self._price = price
        self._budget = budget
        self._halt = halt
        self.waiting = 0
        self._first: deque[_Waiter] = deque()
        self._again: deque[_Waiter] = deque()
        """Those who come back: they have waited before, and go first."""
        self._head: _Waiter | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False
        halt.told.append(self.look)

    async def admit(self, prepare: Prepare, *, again: bool) -> Ticket:
        """Wait for a turn and for all that the call needs, and take it; `again` goes before those who are new.

        A cancelled caller leaves everything as if it had not come.

        Raises:
            RequestFailed: from `prepare`: the call cannot be made.
            RunStopped: the engine has stopped, or the call could exceed the spending limit, which stops it.
        """
        waiter = _Waiter(prepare)
        (self._again if again else self._first).append(waiter)
        if self._head is None:
            self.look()
        self.waiting += 1
        try:
            return await waiter.ticket
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            self.waiting -= 1

    def give_back(self, ticket: Ticket) -> None:
        """End a call: its slot and its money are free again. Tokens are settled by `limits`."""
        self.in_flight -= 1
        self._budget.settle(ticket.worst_usd, ticket.cost_usd)
        self.look()

    def look(self) -> None:
        """Admit everyone who can be admitted now; to be called when anything has changed."""
        if self._looking:
            return
        self._looking = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while (head := self._next()) is not None:
            wait_s = self._serve(head)
            if wait_s > 0:
                if wait_s < inf:
                    self._timer = asyncio.get_running_loop().call_later(wait_s, self.look)
                break
            self._head = None
        self._looking = False

    def _next(self) -> _Waiter | None:
        """Return the head of the queue; once there, it stays there."""
        if self._head is None and (queue := self._again or self._first):
            self._head = queue.popleft()
        return self._head

    def _serve(self, waiter: _Waiter) -> float:
        """Give the head of the queue its ticket, or what keeps it from getting one; returns how long it has to wait."""
        if waiter.ticket.done():
            return 0.0  # cancelled
        try:
            found = self._ticket_for(waiter)
        except RunStopped as reason:
            self._halt.stop(reason)
            waiter.ticket.set_exception(reason)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiter's, not of those who happen to look
            waiter.ticket.set_exception(error)
        else:
            if not isinstance(found, Ticket):
                return found
            waiter.ticket.set_result(found)
        return 0.0

    def _ticket_for(self, waiter: _Waiter) -> Ticket | float:
        """Take all that a call needs, or say how long to wait for it; more than 0 s, perhaps infinity."""
        self._halt.check()
        if (wait_s := self._slot_wait_s()) > 0:
            return wait_s
        waiter.call = call = waiter.prepare(waiter.call)
        if (wait_s := max(self._gate.wait_s(self._now_s()), self.limits.wait_s(call.tokens))) > 0:
            return wait_s
        worst_usd = _NOTHING if self._budget.limit_usd is None else call.worst_usd(self._price)
        if not self._budget.reserve(worst_usd, self.look):
            return inf
        return self._take(call, worst_usd)

    def _take(self, call: Call, worst_usd: Decimal) -> Ticket:
        now_s = self._now_s()
        self.in_flight += 1
        return Ticket(call, self.limits.take(call.tokens), self._gate.let_pass(now_s), now_s, worst_usd, worst_usd)

    def _leave(self, waiter: _Waiter) -> None:
        """Undo what was done for a waiter that was cancelled."""
        ticket = waiter.ticket
        if not ticket.cancelled() and ticket.exception() is None:
            self._never_sent(ticket.result())
        if waiter is self._head:
            self._head = None
            self._budget.leave(self.look)
            self.look()

    def _never_sent(self, ticket: Ticket) -> None:
        self.limits.give_back(ticket.share)
        if ticket.probe:
            self._gate.probe_lost(self._now_s())
        ticket.cost_usd = _NOTHING
        self.give_back(ticket)

    def _slot_wait_s(self) -> float:
        limit = self.concurrency.limit
        if self.in_flight >= min(limit, self._ramp.window):
            return inf
        return self.scouting.wait_s(self.in_flight, limit, self._now_s())

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
