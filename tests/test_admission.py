"""The one place where requests for a model wait, in virtual time."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from random import Random

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.admission import Admission, Ticket
from qloragen.engine.budget import NOTHING, Bounds, Budget, Spending
from qloragen.engine.call import Call
from qloragen.engine.concurrency import FixedConcurrency
from qloragen.engine.gate import Cause
from qloragen.engine.halt import Halt
from qloragen.engine.limits import Limits
from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.recovery import Recovery
from qloragen.engine.retry import RetryPolicy
from qloragen.engine.tokens import makeup
from qloragen.errors import BudgetReached, Interrupted
from qloragen.testing import VirtualLoop
from qloragen.types import Request

MANY = 10**9


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Door:
    """An admission with all its parts at hand."""

    def __init__(self, rpm: int | None = MANY, tpm: int | None = MANY, *, slots: int = MANY, usd: str | None = None):
        self.recovery = Recovery("m", RetryPolicy(), DICE)
        self.limits = Limits(rpm, tpm)
        self.halt = Halt()
        self.budget = Budget(Bounds(Decimal(usd) if usd else None))
        self.admission = Admission(
            self.recovery,
            FixedConcurrency(slots),
            self.limits,
            model="m",
            price=Price(Decimal(0), Decimal(1_000_000)),
            budget=self.budget,
            halt=self.halt,
        )

    async def admit(self, tokens: int = 1, *, again: bool = False) -> Ticket:
        return await self.admission.admit(lambda _earlier: a_call(tokens), again=again)

    async def all(self, sizes: list[int]) -> list[tuple[float, int]]:
        """Return (time, index) of each admission, all having come at once; nobody gives back."""
        admitted: list[tuple[float, int]] = []

        async def one(index: int, tokens: int) -> None:
            await self.admit(tokens)
            admitted.append((anyio.current_time() - start, index))

        start = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for index, tokens in enumerate(sizes):
                tasks.start_soon(one, index, tokens)
        return admitted


def a_call(tokens: int) -> Call:
    """Return a call that is charged `tokens`, all of them its cap, and costs as many dollars at worst."""
    return Call(Request("m", (), tokens), b"{}", makeup(b"{}"), family("m"), None, 0, 1.0, tokens)


DICE = Random(7)  # noqa: S311 - jitter


# ------------------------------------------------------------------------------------------------------------- order


@settings(deadline=None, max_examples=40)
@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=30))
async def test_requests_are_admitted_in_order_of_arrival_whatever_their_size(sizes):
    admitted = await Door(600, 60_000).all(sizes)

    assert [index for _, index in admitted] == list(range(len(sizes)))


@settings(deadline=None, max_examples=40)
@given(
    tpm=st.integers(600, 200_000),
    rpm=st.integers(1, 6_000),
    sizes=st.lists(st.integers(1, 5_000), min_size=1, max_size=30),
)
async def test_no_window_admits_more_than_both_limits_allow(tpm, rpm, sizes):
    admitted = await Door(rpm, tpm).all(sizes)

    burst_tokens, burst_requests = max(tpm / 120, *sizes, 1), max(rpm / 120, 1)
    for first, (begin, _) in enumerate(admitted):
        tokens = 0
        for last, (end, index) in enumerate(admitted[first:]):
            tokens += sizes[index]
            assert tokens <= burst_tokens + tpm / 60 * (end - begin) + 1e-3
            assert last + 1 <= burst_requests + rpm / 60 * (end - begin) + 1e-3


async def test_ten_thousand_waiters_are_admitted_in_order_and_on_time():
    admitted = await Door(60_000).all([1] * 10_000)

    assert [index for _, index in admitted] == list(range(10_000))
    assert admitted[-1][0] == pytest.approx(10 - 0.5, abs=0.01)


async def test_ten_thousand_waiters_cost_nothing_while_they_wait():
    door, looks = Door(60), 0

    async def one() -> None:
        nonlocal looks

        def prepare(_earlier: Call | None) -> Call:
            nonlocal looks
            looks += 1
            return a_call(1)

        await door.admission.admit(prepare, again=False)

    async with anyio.create_task_group() as tasks:
        for _ in range(10_000):
            tasks.start_soon(one)
        await anyio.sleep(60)
        tasks.cancel_scope.cancel()

    assert looks < 200  # 61 admissions, each looked at when its turn came and when its wait was over
    assert door.admission.waiting == 0


async def test_who_comes_back_goes_before_those_who_come_for_the_first_time():
    door, order = Door(60), list[str]()

    async def come(name: str) -> None:
        await door.admit()
        order.append(name)

    async def come_back(name: str) -> None:
        await door.admit(again=True)
        order.append(name)

    await door.admit()
    async with anyio.create_task_group() as tasks:
        for name in ("head", "first", "second"):
            tasks.start_soon(come, name)
        await anyio.sleep(0.1)
        for name in ("again", "and again"):
            tasks.start_soon(come_back, name)

    assert order == ["head", "again", "and again", "first", "second"]


# ------------------------------------------------------------------------------------------------------- leaving early


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 3_000), min_size=2, max_size=12),
    when_s=st.floats(0, 20, allow_nan=False),
    leaver=st.integers(0, 11),
)
async def test_a_cancelled_waiter_leaves_everything_as_if_it_had_not_come(sizes, when_s, leaver):
    leaver %= len(sizes)
    admitted: dict[int, float] = {}
    door = Door(120, 60_000)

    async def one(index: int) -> None:
        with scopes[index]:
            await door.admit(sizes[index])
            admitted[index] = anyio.current_time() - start

    scopes = [anyio.CancelScope() for _ in sizes]
    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for index in range(len(sizes)):
            tasks.start_soon(one, index)
        await anyio.sleep(when_s)
        scopes[leaver].cancel()

    stayed = [size for index, size in enumerate(sizes) if index in admitted]
    alone = [time_s for time_s, _ in await Door(120, 60_000).all(stayed)]
    late = [had - would for had, would in zip(admitted.values(), alone, strict=True)]
    assert all(-1e-6 <= delay <= when_s + 1e-6 for delay in late)
    assert door.admission.waiting == 0


async def test_a_ticket_that_comes_together_with_a_cancellation_is_given_back():
    door = Door(slots=1, usd="100")
    first = await door.admit()
    waiter = asyncio.ensure_future(door.admit())
    await anyio.sleep(1)

    door.admission.give_back(first)  # the ticket is the waiter's now
    waiter.cancel()
    await asyncio.wait([waiter])

    assert waiter.cancelled()
    assert (door.admission.in_flight, door.admission.waiting) == (0, 0)
    assert door.budget.reserved == NOTHING


async def test_waiters_that_have_left_are_forgotten():
    door = Door(slots=1)
    await door.admit()

    async def hasty() -> None:
        with anyio.move_on_after(1):
            await door.admit()

    async with anyio.create_task_group() as tasks:
        for _ in range(5_000):
            tasks.start_soon(hasty)

    assert repr(door.admission) == "<Admission [in flight 1, waiting 0, queued 0]>"


# --------------------------------------------------------------------------------------------------- slots and limits


async def test_a_slot_that_is_given_back_goes_to_the_next():
    door = Door(slots=1)
    ticket = await door.admit()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(door.admit)
        await anyio.sleep(5)
        assert door.admission.waiting == 1
        door.admission.give_back(ticket)

    assert anyio.current_time() == pytest.approx(5)
    assert door.admission.in_flight == 1


@pytest.mark.parametrize(("sent", "after_s"), [(True, 1.0), (False, 0.2)])
async def test_who_waits_for_requests_goes_sooner_only_if_some_come_free_before_their_time(sent, after_s):
    """What was never sent is no request; what has come to its end was one, and nobody need look at the queue for it."""
    door, looked = Door(rpm=60), []

    def prepare(_earlier: Call | None) -> Call:
        looked.append(anyio.current_time() - start)
        return a_call(1)

    start = anyio.current_time()
    first = await door.admit()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: door.admission.admit(prepare, again=False))
        await anyio.sleep(0.2)
        if not sent:
            door.limits.give_back(first.share)
        door.admission.give_back(first)

    assert anyio.current_time() - start == pytest.approx(after_s)
    assert [at_s for at_s in looked if at_s > 0.1] == pytest.approx([after_s])


async def test_before_the_first_reply_calls_are_few_where_limits_are_to_be_found_out():
    door = Door(None, None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(door.all, [1] * 1_000)
        counts = []
        for second in range(4):
            await anyio.sleep(second + 0.5 - anyio.current_time())
            counts.append(door.admission.in_flight)
        await anyio.sleep(100)
        counts.append(door.admission.in_flight)
        door.admission.scouting.heard(64, anyio.current_time(), told=True)
        door.admission.look()
        await anyio.lowlevel.checkpoint()

    assert counts == [1, 2, 4, 8, 64]
    assert door.admission.in_flight == 1_000


async def test_a_server_that_tells_no_limits_is_in_full_use_after_a_second():
    door = Door(None, None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(door.all, [1] * 4_000)
        await anyio.sleep(0.5)
        door.admission.scouting.heard(1, anyio.current_time(), told=False)
        door.admission.look()
        await anyio.sleep(0.35)
        soon = door.admission.in_flight

    assert soon == 8
    assert anyio.current_time() < 0.5 + 1.3


async def test_after_a_refusal_it_is_refusals_that_say_how_much_is_too_much():
    door = Door(None, None)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(door.all, [1] * 100)
        await anyio.sleep(0.5)
        door.admission.scouting.refused()
        door.admission.look()

    assert anyio.current_time() < 0.6


async def test_limits_that_are_given_need_no_finding_out():
    door = Door()

    await door.all([1] * 100)

    assert anyio.current_time() < 0.001


# --------------------------------------------------------------------------------------------------------------- gate


async def test_a_shut_gate_lets_one_probe_pass_and_the_others_when_it_is_answered():
    door = Door()
    gate = door.recovery.gate
    gate.shut(Cause.OUTAGE, 0.0, 10.0, why="HTTP 503")
    times: list[float] = []
    probes: list[bool] = []

    async def one() -> None:
        ticket = await door.admit()
        times.append(round(anyio.current_time(), 3))
        probes.append(ticket.pass_ is not None)

    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(one)
        await anyio.sleep(15)
        gate.open()
        door.admission.look()

    assert times == [10, 15, 15]
    assert probes == [True, False, False]


# -------------------------------------------------------------------------------------------------------------- money


async def test_money_is_waited_for_in_order_of_arrival_among_models():
    one = Door(usd="10")
    other = Door()
    other.admission = Admission(
        other.recovery,
        FixedConcurrency(MANY),
        other.limits,
        model="other",
        price=Price(Decimal(0), Decimal(1_000_000)),
        budget=one.budget,
        halt=one.halt,
    )
    order: list[str] = []

    async def ask(name: str, door: Door, usd: int) -> None:
        await door.admit(usd)
        order.append(name)

    first = await one.admit(4)
    second = await one.admit(4)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "large", one, 6)
        await anyio.sleep(1)
        tasks.start_soon(ask, "small", other, 2)
        await anyio.sleep(1)
        assert order == []
        for ticket in (first, second):
            ticket.spent = Spending(Decimal(1))
            one.admission.give_back(ticket)

    assert order == ["large", "small"]


async def test_who_waits_for_money_that_cannot_come_is_told():
    door = Door(usd="10")
    ticket = await door.admit(8)
    ticket.spent = Spending(Decimal(8))
    door.admission.give_back(ticket)

    with pytest.raises(
        BudgetReached, match=r"Of max_cost_usd = \$10, \$2 is left, and the next call to m could cost \$3: raise"
    ):
        await door.admit(3)


async def test_a_stop_ends_all_waiting():
    door = Door(1)
    failures: list[Interrupted] = []

    async def one() -> None:
        try:
            await door.admit()
        except Interrupted as stopped:
            failures.append(stopped)

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(one)
        await anyio.sleep(1)
        door.halt.stop(Interrupted("now"))

    assert (len(failures), door.admission.waiting) == (99, 0)
    assert anyio.current_time() < 1.001
