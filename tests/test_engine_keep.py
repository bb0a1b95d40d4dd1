"""A reply is kept before its call's slot is free again."""

from __future__ import annotations

from decimal import Decimal

import anyio
import pytest
from pydantic import BaseModel

from qloragen.engine import Bounds, Budget, Price
from qloragen.errors import Interrupted, StorageFailed
from qloragen.testing import Answer, Body, ScriptedClient, VirtualLoop, reply
from qloragen.types import Completion

from .engines import engine_for, request_for, spec

PRICE = Price(Decimal(1), Decimal(10))
COST_USD = Decimal("0.0002")
"""Of 100 prompt and 10 completion tokens."""


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


class Store:
    """Takes replies at once, and has them safe when its door is open."""

    def __init__(self) -> None:
        self.taken: list[Completion] = []
        self.door = anyio.Event()

    async def keep(self, completion: Completion) -> None:
        self.taken.append(completion)
        await self.door.wait()


async def test_nothing_is_sent_in_the_place_of_a_reply_that_is_not_kept():
    client, store = ScriptedClient(lambda _body: reply()), Store()
    engine = engine_for(client, spec(max_concurrency=7))

    async with anyio.create_task_group() as tasks:
        for _ in range(30):
            tasks.start_soon(engine.complete, request_for(), store.keep)
        await anyio.sleep(1_000)
        counts, sent = engine.statistics["m"], len(client.calls)
        store.door.set()

    assert sent == 7
    assert (counts.in_flight, counts.keeping, counts.waiting) == (0, 7, 23)
    assert len(client.calls) == len(store.taken) == 30
    assert anyio.current_time() == pytest.approx(1_000 + 4, abs=0.1)


async def test_the_time_that_keeping_takes_is_no_part_of_the_latency():
    client, store = ScriptedClient(lambda _body: reply()), Store()
    engine = engine_for(client)
    found: list[Completion] = []

    async def ask() -> None:
        found.append(await engine.complete(request_for(), store.keep))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(50)
        store.door.set()

    assert found == store.taken
    assert found[0].latency_s == pytest.approx(1)


async def test_a_caller_cancelled_while_its_reply_is_kept_has_paid_for_it():
    client, store = ScriptedClient(lambda _body: reply()), Store()
    engine = engine_for(client, spec(max_concurrency=1, price=PRICE), budget=Budget(Bounds(Decimal(1))))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.complete, request_for(), store.keep)
        await anyio.sleep(5)
        tasks.cancel_scope.cancel()

    assert len(store.taken) == 1
    assert (engine.spent_usd, engine.reserved_usd) == (COST_USD, Decimal(0))
    counts = engine.statistics["m"]
    assert (counts.in_flight, counts.keeping, counts.maybe_paid) == (0, 0, 0)


async def test_a_cancellation_in_the_moment_of_the_reply_lets_it_be_taken():
    store = Store()

    def cancelling(_body: Body) -> Answer:
        scope.cancel()
        return reply()

    engine = engine_for(ScriptedClient(cancelling))

    with anyio.CancelScope() as scope:
        await engine.complete(request_for(), store.keep)

    assert len(store.taken) == 1


async def test_a_store_that_has_failed_stops_the_engine_before_another_call_is_sent():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, spec(max_concurrency=1, price=PRICE))
    caught: list[Exception] = []

    async def full(_completion: Completion) -> None:
        await anyio.sleep(1)
        raise StorageFailed("the disk is full")

    async def ask() -> None:
        try:
            await engine.complete(request_for(), full)
        except StorageFailed as failed:
            caught.append(failed)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(ask)

    assert len(client.calls) == 1
    assert len(caught) == 5
    assert isinstance(engine.stopped, StorageFailed)
    assert engine.spent_usd == COST_USD


async def test_replies_are_kept_although_the_engine_is_stopped_meanwhile():
    client, store = ScriptedClient(lambda _body: reply()), Store()
    engine = engine_for(client)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.complete, request_for(), store.keep)
        await anyio.sleep(2)
        engine.stop(Interrupted("asked to stop"))
        store.door.set()

    assert len(store.taken) == 1


async def test_the_reply_to_a_typed_question_is_kept_as_well():
    class Sum(BaseModel):
        value: int

    store = Store()
    store.door.set()
    engine = engine_for(ScriptedClient(lambda _body: reply(arguments='{"value": 4}')))

    answer = await engine.ask(request_for(), Sum, store.keep)

    assert answer.value == Sum(value=4)
    assert store.taken == [answer.completion]
