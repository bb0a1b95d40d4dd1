"""The one place where requests for a model wait: in order of arrival, for everything that a call needs.

One request at a time is at the head of the queue. It waits for a slot, for the gate, for room in the spending limit and
for both buckets together, and takes all of it in one step, between two awaits. So nothing is ever held half, there is
nothing to give back when it is cancelled, and however many wait behind it, they cost nothing.

The slot comes first: the call is made when it is there, with all that was learned until then, and what is admitted is
sent at once. Else a stalled provider would turn saved-up admissions into a burst above the limits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from math import inf

import anyio

from .budget import Budget
from .call import Call
from .concurrency import Concurrency
from .halt import Halt
from .limits import Limits, Share
from .pricing import Price
from .recovery import Recovery
from .turns import Turns

_NOTHING = Decimal(0)
_MOST_DOUBLINGS = 6
"""So many seconds may pass before the first reply, with twice the calls in flight after each."""


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
        self.in_flight = 0
        self.waiting = 0
        self._gate = recovery.gate
        self._ramp = recovery.ramp
        self._price = price
        self._budget = budget
        self._halt = halt
        self._turns = Turns()
        self._woken: anyio.Event | None = None
        self._scouting_since_s: float | None = None
        self._scouting = not limits.given
        budget.changed.append(self.wake)
        halt.told.append(self.wake)

    async def admit(self, prepare: Callable[[Call | None], Call], *, again: bool) -> Ticket:
        """Wait for a turn and for all that `prepare`'s call needs, and take it; `again` goes to the front.

        `prepare` gets the call that it made before, if there was something to wait for.

        Raises:
            RequestFailed: from `prepare`: the call cannot be made.
            RunStopped: the engine has stopped.
            BudgetReached: the call could exceed the spending limit.
        """
        self._halt.check()
        self.waiting += 1
        try:
            await self._turns.enter(again=again)
            try:
                return await self._at_the_head(prepare)
            finally:
                self._turns.leave()
        finally:
            self.waiting -= 1

    def give_back(self, ticket: Ticket) -> None:
        """End a call: its slot and its money are free again. Tokens are settled by `limits`."""
        self.in_flight -= 1
        self._budget.settle(ticket.worst_usd, ticket.cost_usd)
        self.wake()

    def wake(self) -> None:
        """Let the head of the queue look again."""
        if self._woken is not None:
            self._woken.set()

    def end_scouting(self) -> None:
        """Let all slots be used: a reply has shown what the server says of its limits."""
        self._scouting = False

    async def _at_the_head(self, prepare: Callable[[Call | None], Call]) -> Ticket:
        self._halt.check()
        while (wait_s := self._slot_wait_s()) > 0:
            await self._change(wait_s)
        call = prepare(None)
        try:
            while (wait_s := self._wait_s(call)) > 0:
                await self._change(wait_s)
                call = prepare(call)
        finally:
            self._budget.forget(self)
        return self._take(call)

    async def _change(self, wait_s: float) -> None:
        self._woken = anyio.Event()
        if wait_s == inf:
            await self._woken.wait()
        else:
            with anyio.move_on_after(wait_s):
                await self._woken.wait()
        self._halt.check()

    def _slot_wait_s(self) -> float:
        if self.in_flight >= min(self.concurrency.limit, self._ramp.window):
            return inf
        return self._scouting_wait_s() if self._scouting else 0.0

    def _scouting_wait_s(self) -> float:
        """Return how long to wait for the first reply, which tells the limits; each second doubles the calls."""
        now_s = anyio.current_time()
        if self._scouting_since_s is None:
            self._scouting_since_s = now_s
        waited_s = now_s - self._scouting_since_s
        if self.in_flight < 1 << min(_MOST_DOUBLINGS, int(waited_s)):
            return 0.0
        return int(waited_s) + 1 - waited_s if waited_s < _MOST_DOUBLINGS else inf

    def _wait_s(self, call: Call) -> float:
        wait_s = max(self._gate.wait_s(anyio.current_time()), self.limits.wait_s(call.tokens))
        if wait_s == 0 and not self._budget.has_room(self._worst_usd(call), self):
            return inf
        return wait_s

    def _take(self, call: Call) -> Ticket:
        now_s, worst_usd = anyio.current_time(), self._worst_usd(call)
        self.in_flight += 1
        self._budget.reserve(worst_usd)
        return Ticket(call, self.limits.take(call.tokens), self._gate.let_pass(now_s), now_s, worst_usd, worst_usd)

    def _worst_usd(self, call: Call) -> Decimal:
        """Return what to set aside; nothing where nothing is limited, for it takes time to work out."""
        return _NOTHING if self._budget.limit_usd is None else call.worst_usd(self._price)
