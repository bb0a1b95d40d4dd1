"""The one place where requests for a model wait: in order of arrival, for everything that a call needs.

Before those who wait for their first turn go those who come back, then those who follow a call whose prefix is in the
prompt cache, but not for long. There are never more of these than the calls that they follow let in, so that the others
only wait for what was begun before them; and who has come to the head stays there, however big.

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
from math import inf

from ..errors import RunStopped
from .bound import Account, Bound
from .budget import NOTHING, Budget, Spending
from .call import Call
from .capacity import FLEX
from .concurrency import Concurrency
from .gate import Cause
from .halt import Halt
from .limits import Limits, Share
from .onlookers import Watch
from .pricing import Price
from .recovery import Recovery
from .scouting import Scouting

Prepare = Callable[[Call | None], Call]
"""Makes the call for a request, given the one that it made before, if there was something to wait for."""

_MOST_LEFT = 100
_LONGEST = (Bound.PAUSED, Bound.RPM, Bound.TPM, Bound.CAPACITY)
"""What keeps a call that waits longest for the gate, for requests, for tokens, or for room at its tier."""
_ROUNDING_S = 1e-9
"""Times nearer than this are the same."""


@dataclass(slots=True)
class Ticket:
    """What one call holds while it is made."""

    call: Call
    share: Share
    pass_: object | None
    """What the gate knows the call by, if it is a probe."""
    sent_at_s: float
    worst: Spending
    """What is set aside for it."""
    spent: Spending
    """What is booked when it is given back."""
    waited_s: float = 0.0
    """How long it took to get it."""
    watch: Watch | None = None
    """What tells those who look on at the call."""


class _Waiter:
    __slots__ = ("call", "failed", "prepare", "ticket")

    def __init__(self, prepare: Prepare, *, failed: bool) -> None:
        self.prepare = prepare
        self.failed = failed
        self.call: Call | None = None
        """Made when there was a slot for it."""
        self.ticket: asyncio.Future[Ticket]
        """Made when there is something to wait for."""


class Admission:
    """Admits calls to one model; times are those of the event loop, in seconds."""

    def __init__(
        self,
        recovery: Recovery,
        concurrency: Concurrency,
        limits: Limits,
        *,
        model: str,
        price: Price | None,
        budget: Budget,
        halt: Halt,
    ) -> None:
        self.concurrency = concurrency
        self.limits = limits
        self.scouting = Scouting(needed=not limits.given)
        self.in_flight = 0
        """Slots that are taken."""
        self.keeping = 0
        """Those of them whose reply is there, and is being kept."""
        self.account = Account()
        """What has kept the head of the queue waiting, and for how long."""
        self._keeps = Bound.IDLE
        """What keeps the head of the queue waiting since it was looked at last."""
        self._gate, self._capacity, self._ramp = recovery.gate, recovery.capacity, recovery.ramp
        self._model = model
        self._price = price
        self._budget = budget
        self._halt = halt
        self.waiting = 0
        self._first: deque[_Waiter] = deque()
        self._again: deque[_Waiter] = deque()
        """Those who come back: they have waited before, and go first."""
        self._following: deque[_Waiter] = deque()
        self._left = 0
        """Waiters that may still be in the queues although they have left."""
        self._head: _Waiter | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._looking = False
        self._sleeps: object = None
        """Where the head of the queue waits for requests: the state of these; else None. Until they come free, or are
        corrected, it is not looked at whenever a call ends, though tokens may have become scarcer meanwhile."""
        halt.told.append(self.look)

    def __repr__(self) -> str:
        """Show what there is to count; requests that have left count as queued until they are forgotten."""
        queued = sum(map(len, self._queues)) + (self._head is not None)
        return f"<Admission [in flight {self.in_flight}, waiting {self.waiting}, queued {queued}]>"

    @property
    def unanswered(self) -> int:
        """Calls that the server is at work on; the last one counts until what it has told is learned."""
        return self.in_flight - self.keeping

    @property
    def _queues(self) -> tuple[deque[_Waiter], ...]:
        return self._again, self._following, self._first

    async def admit(self, prepare: Prepare, *, again: bool, follows: bool = False) -> Ticket:
        """Wait for a turn and for all that the call needs, and take it.

        `again`, who has failed before, goes before those who are new; of these `follows` goes before the others.

        A cancelled caller leaves everything as if it had not come.

        Raises:
            RequestFailed: from `prepare`: the call cannot be made.
            RunStopped: the engine has stopped, or the call could exceed a limit of what may be spent, which stops it.
        """
        waiter = _Waiter(prepare, failed=again)
        if self._head is None and not (self._again or self._following or self._first):
            found = self._ticket_for(waiter)
            if isinstance(found, Ticket):
                self._note()
                return found
        loop = asyncio.get_running_loop()
        asked_at_s, waiter.ticket = loop.time(), loop.create_future()
        (self._again if again else self._following if follows else self._first).append(waiter)
        if self._head is None:
            self.look()
        self.waiting += 1
        try:
            ticket = await waiter.ticket
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        finally:
            self.waiting -= 1
        ticket.waited_s = ticket.sent_at_s - asked_at_s
        return ticket

    def give_back(self, ticket: Ticket) -> None:
        """End a call: its slot and its money are free again, and nobody waits for it as a probe any more.

        Tokens are settled by `limits`.
        """
        if ticket.pass_ is not None:
            self._gate.probe_lost(ticket.pass_, self._now_s())
        self._ramp.ended(ticket.sent_at_s)
        self.in_flight -= 1
        self._budget.settle(self._model, ticket.worst, ticket.spent)
        if self._sleeps != self.limits.requests_state or self._gate.cause is not None:
            self.look()  # else it is neither for the slot nor for the money that the head of the queue waits

    def look(self) -> None:
        """Admit everyone who can be admitted now; to be called when anything has changed."""
        if self._looking:
            return
        self._looking = True
        wait_s = inf
        while (head := self._next()) is not None:
            wait_s = self._serve(head)
            if wait_s > 0:
                break
            self._head, wait_s = None, inf
        self._look_in(wait_s)
        self._note()
        waits_for_requests = self._head is not None and self._keeps is Bound.RPM
        self._sleeps = self.limits.requests_state if waits_for_requests else None
        self._looking = False

    def _look_in(self, wait_s: float) -> None:
        """Look again after so many seconds; a timer that wakes us until then stays, since each call ended asks anew."""
        if wait_s == inf and self._timer is None:
            return
        loop = asyncio.get_running_loop()
        due_s = loop.time() + wait_s
        if self._timer is not None:
            if self._timer.when() <= due_s + _ROUNDING_S < inf:
                return
            self._timer.cancel()
        self._timer = loop.call_at(due_s, self._ring) if due_s < inf else None

    def _ring(self) -> None:
        self._timer = None
        self.look()

    def _next(self) -> _Waiter | None:
        """Return the head of the queue; once there, it stays there.

        In an outage those who have not failed yet go first: of them a failure tells most about the provider.
        """
        fresh = self._following or self._first
        outage = self._gate.cause is Cause.OUTAGE
        if outage and fresh and self._head is not None and self._head.failed:
            self._again.appendleft(self._head)
            self._head = None
        if self._head is None and (queue := (fresh or self._again) if outage else (self._again or fresh)):
            self._head = queue.popleft()
        return self._head

    def _serve(self, waiter: _Waiter) -> float:
        """Give the head of the queue its ticket, or what keeps it from getting one; returns how long it has to wait."""
        if waiter.ticket.done():  # cancelled, but not told so yet
            self._budget.leave(self.look)
            return 0.0
        try:
            found = self._ticket_for(waiter)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the waiter's, not of those who happen to look
            waiter.ticket.set_exception(error)
            self._budget.leave(self.look)
        else:
            if not isinstance(found, Ticket):
                return found
            waiter.ticket.set_result(found)
        return 0.0

    def _ticket_for(self, waiter: _Waiter) -> Ticket | float:
        """Take all that a call needs, or say how long to wait for it; more than 0 s, perhaps infinity."""
        self._halt.check()
        if self._halt.paused is not None:
            self._keeps = Bound.HELD
            self._budget.postpone(self._model, self.look)
            return inf
        if (wait_s := self._slot_wait_s()) > 0:
            shut = self._gate.cause is not None and self._gate.wait_s(self._now_s()) > 0
            self._keeps = Bound.PAUSED if shut else Bound.CONCURRENCY
            self._budget.postpone(self._model, self.look)
            return wait_s
        waiter.call = call = waiter.prepare(waiter.call)
        now_s = self._now_s()
        room_in_s = self._capacity.wait_s(now_s) if call.tier == FLEX else 0.0
        waits_s = (self._gate.wait_s(now_s), *self.limits.waits_s(call.tokens, now_s), room_in_s)
        if (wait_s := max(waits_s)) > 0:
            self._keeps = _LONGEST[waits_s.index(wait_s)]
            self._budget.postpone(self._model, self.look)  # who could not go in any case keeps nobody from the money
            return wait_s
        worst = call.bound(self._price) if self._budget.binds(self._model) else NOTHING
        if not self._may_spend(worst):
            self._keeps = Bound.BUDGET
            return inf
        return self._take(call, worst, now_s)

    def _note(self) -> None:
        """Keep account of what the head of the queue waits for; where nobody waits, of whether there is a slot."""
        if self._head is not None:
            keeps = self._keeps
        else:
            keeps = Bound.CONCURRENCY if self.in_flight >= self.concurrency.limit else Bound.IDLE
        if keeps is not self.account.now and (self.account.now or self._head or self.in_flight):
            self.account.turn(keeps, self._now_s())

    def _may_spend(self, worst: Spending) -> bool:
        try:
            return self._budget.reserve(self._model, worst, self.look)
        except RunStopped as reason:
            self._halt.stop(reason)
            raise

    def _take(self, call: Call, worst: Spending, now_s: float) -> Ticket:
        self.in_flight += 1
        self._ramp.began()
        if call.tier == FLEX:
            self._capacity.sent(now_s)
        return Ticket(call, self.limits.take(call.tokens, now_s), self._gate.let_pass(now_s), now_s, worst, worst)

    def _leave(self, waiter: _Waiter) -> None:
        """Undo what was done for a waiter that was cancelled."""
        ticket = waiter.ticket
        if not ticket.cancelled() and ticket.exception() is None:
            self._never_sent(ticket.result())
        if waiter is self._head:
            self._head = None
            self._budget.leave(self.look)
            self.look()
        else:
            self._left += 1
            self._clear()

    def _clear(self) -> None:
        """Forget those who have left when they are most of the queue: leaving costs nothing, and nothing piles up."""
        if self._left > _MOST_LEFT and 2 * self._left > sum(map(len, self._queues)):
            self._left = 0
            for queue in self._queues:
                there = [waiter for waiter in queue if not waiter.ticket.done()]
                queue.clear()
                queue.extend(there)

    def _never_sent(self, ticket: Ticket) -> None:
        self.limits.give_back(ticket.share)
        if ticket.call.tier == FLEX:
            self._capacity.left(ticket.sent_at_s)
        ticket.spent = NOTHING
        self.give_back(ticket)

    def _slot_wait_s(self) -> float:
        limit = self.concurrency.limit
        if self.in_flight >= limit or self._ramp.is_full(self.in_flight):
            return inf
        return self.scouting.wait_s(self.in_flight, limit, self._now_s()) if self.scouting.needed else 0.0

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
