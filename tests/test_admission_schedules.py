"""Admission to several models with limits in common, whatever happens in whatever order: nobody waits for ever."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.admission import Admission, Ticket
from qloragen.engine.budget import NOTHING, Bounds, Budget, Spending
from qloragen.engine.call import Call
from qloragen.engine.gate import Cause
from qloragen.engine.halt import Halt
from qloragen.engine.limits import Limits
from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.recovery import Recovery
from qloragen.engine.retry import RetryPolicy
from qloragen.engine.tokens import makeup
from qloragen.errors import BudgetReached, RequestFailed
from qloragen.testing import VirtualLoop
from qloragen.types import Request

MODELS = ("a", "b", "c")
LONGEST_S = 10_000.0
"""Far more than any schedule takes."""


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Slots:
    """A number of calls that changes while they are made."""

    def __init__(self, limit: int) -> None:
        self.limit = limit

    def answered(self, now_s: float, latency_s: float, tokens: int, in_flight: int) -> None:
        """Learn nothing."""

    def failed(self, now_s: float) -> None:
        """Learn nothing."""

    def interrupted(self, now_s: float) -> None:
        """Learn nothing."""


def a_call(dollars: int, *, tier: str | None = None) -> Call:
    """Return a call that costs so many dollars at worst."""
    kind = family("m")
    return Call(Request("m", (), dollars), b"{}", makeup(b"{}"), kind, None, 0, 1.0, dollars, served_as=tier)


@dataclass
class World:
    """Three models, and the requests for them."""

    dice: Random
    bounds: Bounds
    own: dict[str, Bounds]
    outcomes: list[str] = field(default_factory=list)
    spent: dict[str, Spending] = field(default_factory=lambda: dict.fromkeys(MODELS, NOTHING))
    held: dict[str, Spending] = field(default_factory=lambda: dict.fromkeys(MODELS, NOTHING))

    def __post_init__(self) -> None:
        self.budget, self.halt = Budget(self.bounds, own=self.own), Halt()
        self.recoveries = {model: Recovery(model, RetryPolicy(), self.dice) for model in MODELS}
        self.slots = {model: Slots(self.dice.randint(1, 4)) for model in MODELS}
        self.admissions = {
            model: Admission(
                self.recoveries[model],
                self.slots[model],
                Limits(self.dice.choice((10**9, 20)), 10**9),
                model=model,
                price=Price(Decimal(0), Decimal(1_000_000)),
                budget=self.budget,
                halt=self.halt,
            )
            for model in MODELS
        }

    async def request(self, model: str) -> None:
        """Make one call, which may come back several times."""
        dice, admission, again = self.dice, self.admissions[model], False
        dollars, tier = dice.randint(1, 9), dice.choice((None, None, "flex"))

        def prepare(earlier: Call | None) -> Call:
            if dice.random() < 0.03:
                raise RequestFailed("It cannot be sent.", reason="bad_request", final=True)
            return earlier or a_call(dollars, tier=tier)

        try:
            while True:
                ticket = await admission.admit(prepare, again=again, follows=dice.random() < 0.3)
                if await self._made(model, ticket):
                    self.outcomes.append("done")
                    return
                again = dice.random() < 0.8
                await self.halt.sleep(dice.choice((0.0, 0.0, 1.0, 5.0)))
        except (RequestFailed, BudgetReached) as error:
            self.outcomes.append(type(error).__name__)
        except asyncio.CancelledError:
            self.outcomes.append("cancelled")
            raise

    async def _made(self, model: str, ticket: Ticket) -> bool:
        """Hold a ticket for a while; returns whether the call was answered."""
        dice, admission, now_s = self.dice, self.admissions[model], anyio.current_time
        self.held[model] = self.held[model].plus(ticket.worst)
        self.check()
        try:
            await asyncio.sleep(dice.choice((0.0, 0.5, 0.5, 1.0, 7.0)))
            good = dice.random() < 0.7
            share = Decimal(dice.randint(0, 10)) / 10
            ticket.spent = NOTHING
            if good and ticket.worst is not NOTHING:
                ticket.spent = Spending(ticket.worst.usd * share, int(ticket.worst.tokens * share), 1)
            gate = self.recoveries[model].gate
            if not good and dice.random() < 0.3:
                gate.shut(dice.choice((Cause.RATE_LIMITED, Cause.OUTAGE)), now_s(), 3.0, why="")
                self.recoveries[model].ramp.restart(now_s())
            elif good and gate.is_probe(ticket.pass_):
                gate.open()
            if good:
                self.recoveries[model].ramp.answered(self.slots[model].limit)
            if ticket.call.tier == "flex":
                capacity = self.recoveries[model].capacity
                capacity.answered(ticket.sent_at_s) if good else capacity.refused(ticket.sent_at_s, now_s())
            return good
        finally:
            self.held[model] = self.held[model].minus(ticket.worst)
            self.spent[model] = self.spent[model].plus(ticket.spent)
            admission.give_back(ticket)

    def check(self) -> None:
        """See that no limit can be passed by what is open and spent."""
        for model, bounds in self.own.items():
            assert not bounds or bounds.passed_by(self.held[model].plus(self.spent[model])) is None
        if self.bounds:
            assert self.bounds.passed_by(_sum(self.held).plus(_sum(self.spent))) is None

    async def disturbed(self, tasks: list[asyncio.Task[None]], times: int) -> None:
        """Do what users and servers do, now and then."""
        for _ in range(times):
            await asyncio.sleep(self.dice.choice((0.0, 0.0, 0.5, 0.5, 2.0)))
            match self.dice.randrange(4):
                case 0:
                    for task in self.dice.sample(tasks, min(len(tasks), self.dice.choice((1, 1, 5)))):
                        task.cancel()
                    if self.dice.random() < 0.5:  # before they have been told
                        self.admissions[self.dice.choice(MODELS)].look()
                case 1:
                    self.slots[self.dice.choice(MODELS)].limit = self.dice.randint(1, 4)
                case 2:
                    self.halt.pause("why not")
                    if self.dice.random() < 0.5:
                        await asyncio.sleep(self.dice.choice((0.0, 3.0)))
                    self.halt.resume()
                case _:
                    self.admissions[self.dice.choice(MODELS)].look()
        self.halt.resume()


def _sum(spendings: dict[str, Spending]) -> Spending:
    whole = NOTHING
    for one in spendings.values():
        whole = whole.plus(one)
    return whole


some_bounds = st.builds(Bounds, st.none() | st.integers(0, 40).map(Decimal), st.none(), st.none() | st.integers(0, 12))


@settings(deadline=None, max_examples=200)
@given(
    seed=st.integers(0, 2**32),
    bounds=some_bounds,
    own=st.dictionaries(st.sampled_from(MODELS), some_bounds),
    count=st.integers(1, 20),
    disturbances=st.integers(0, 25),
)
async def test_whatever_happens_every_request_comes_to_an_end_and_gives_back_all(
    seed, bounds, own, count, disturbances
):
    dice = Random(seed)  # noqa: S311 - a schedule
    world = World(dice, bounds, own)
    tasks: list[asyncio.Task[None]] = []

    async def arrive() -> None:
        for _ in range(count):
            tasks.append(asyncio.create_task(world.request(dice.choice(MODELS))))
            await asyncio.sleep(dice.choice((0.0, 0.0, 0.0, 1.0)))

    with anyio.fail_after(LONGEST_S):
        await asyncio.gather(arrive(), world.disturbed(tasks, disturbances))
        await asyncio.gather(*tasks, return_exceptions=True)

    assert len(world.outcomes) + sum(task.cancelled() for task in tasks) >= count
    assert all(task.cancelled() or task.exception() is None for task in tasks)
    assert world.budget.reserved == NOTHING
    assert [(one.in_flight, one.waiting) for one in world.admissions.values()] == [(0, 0)] * len(MODELS)
    if bounds or any(own.values()):
        assert world.budget.spent.usd == _sum(world.spent).usd


@pytest.mark.parametrize(("big", "small"), [(5, 2), (50, 30)])
async def test_who_is_cancelled_while_it_waits_for_money_keeps_nobody_else_waiting(big, small):
    """One has to wait or does not fit at all; it is cancelled, and its model looked at before it has been told."""
    world = World(Random(7), Bounds(max_cost_usd=Decimal(10)), {})  # noqa: S311 - a schedule
    ends: list[str] = []

    async def one(model: str, dollars: int) -> None:
        try:
            await world.admissions[model].admit(lambda earlier: earlier or a_call(dollars), again=False)
            ends.append("admitted")
        except BudgetReached:
            ends.append("refused")

    first = await world.admissions["c"].admit(lambda _: a_call(9), again=False)
    waits = asyncio.create_task(one("a", big))
    await asyncio.sleep(0)
    behind = asyncio.create_task(one("b", small))
    await asyncio.sleep(1)
    waits.cancel()
    world.admissions["a"].look()
    await asyncio.sleep(1)
    first.spent = NOTHING
    world.admissions["c"].give_back(first)
    await asyncio.wait([behind], timeout=1)

    assert ends == ["admitted" if small < 10 else "refused"]


async def test_who_waits_for_a_slot_keeps_nobody_else_from_the_money():
    world = World(Random(7), Bounds(max_cost_usd=Decimal(10)), {})  # noqa: S311 - a schedule
    world.slots["a"].limit = 2
    mine = await world.admissions["a"].admit(lambda _: a_call(4), again=False)
    other = await world.admissions["c"].admit(lambda _: a_call(4), again=False)
    waits = asyncio.create_task(world.admissions["a"].admit(lambda _: a_call(4), again=False))
    await asyncio.sleep(0)
    behind = asyncio.create_task(world.admissions["b"].admit(lambda _: a_call(2), again=False))
    await asyncio.sleep(1)
    assert not behind.done()

    world.slots["a"].limit = 1
    world.admissions["c"].give_back(other)
    await asyncio.sleep(1)
    assert (waits.done(), behind.done()) == (False, True)

    mine.spent = NOTHING
    world.admissions["a"].give_back(mine)
    await asyncio.wait([waits], timeout=1)
    assert waits.done()
