"""The flex tier, whole runs in virtual time: half the price, slower, and not always there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from random import Random
from typing import Any

import anyio
import pytest

from qloragen.engine import (
    Bounds,
    Budget,
    Cause,
    Engine,
    ModelSpec,
    ModelStatistics,
    Pause,
    Price,
    RetryPolicy,
    cost,
    family,
    overridden,
)
from qloragen.engine.client import ConnectionLost
from qloragen.errors import ProviderUnavailable, RequestFailed
from qloragen.simulator import Fault, Latency, Limits, Model, Provider, SimulatedClient, Simulation, Statistics
from qloragen.simulator.settings import Flex
from qloragen.testing import ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Message, Request
from tests.engines import engine_for, in_turn

LUNA = "gpt-6-luna"
PRICE = Price(Decimal(2), Decimal(8), Decimal("0.2"), tiers={"flex": Price(Decimal(1), Decimal(4), Decimal("0.1"))})
QUICK, SLOW = Latency(median_s=2.0, p99_s=20.0), Latency(median_s=20.0, p99_s=200.0)
NO_ROOM = refusal(429, type="server_error", code="resource_unavailable")


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@dataclass
class Seen:
    """What came of a run."""

    seconds: float
    completions: list[Completion]
    failures: list[RequestFailed]
    engine: ModelStatistics
    server: Statistics


def at_flex(model: str = LUNA, **fields: Any) -> ModelSpec:
    kind = overridden(family(model), {"service_tier": "flex"})
    return ModelSpec(model, kind, **{"price": PRICE, "max_concurrency": 64, **fields})


def requests(count: int) -> Iterable[Request]:
    return (Request(LUNA, (Message("user", f"{number}. " + "word " * 50),), 100) for number in range(count))


def one() -> Request:
    return next(iter(requests(1)))


async def seen(flex: Flex, count: int, *, faults: tuple[Fault, ...] = (), limits: Limits | None = None) -> Seen:
    behaviour = Model(latency=QUICK, flex=flex, limits=limits or Limits())
    provider = Provider(Simulation(models={"*": behaviour}, faults=faults, seed=5))
    engine = Engine(SimulatedClient(provider), [at_flex()], random=Random(7))  # noqa: S311
    begin_s, found = anyio.current_time(), []
    async with engine.map(requests(count), at_once=128) as outcomes:
        async for _request, outcome in outcomes:
            found.append(outcome)
    return Seen(
        anyio.current_time() - begin_s,
        [outcome for outcome in found if isinstance(outcome, Completion)],
        [outcome for outcome in found if isinstance(outcome, RequestFailed)],
        engine.statistics[LUNA],
        provider.statistics,
    )


# ----------------------------------------------------------------------------------------------- whole runs


async def test_a_run_without_refusals_is_all_at_flex_and_takes_no_timeout_for_its_slowness():
    run = await seen(Flex(SLOW), 500)

    assert len(run.completions) == run.engine.sent == 500
    assert {completion.tier for completion in run.completions} == {"flex"}


async def test_where_calls_find_no_room_now_and_then_a_run_takes_hardly_longer():
    always, mostly = await seen(Flex(SLOW), 1_000), await seen(Flex(SLOW, unavailable=0.3), 1_000)

    assert len(mostly.completions) == 1_000
    assert mostly.seconds < 1.1 * always.seconds
    assert mostly.engine.sent / 1_000 < 1.5
    assert mostly.engine.no_capacity == mostly.engine.sent - 1_000
    assert (mostly.engine.rate_limited, mostly.engine.retried, mostly.engine.pause) == (0, 0, None)


async def test_the_bill_is_the_server_s_at_each_tier_also_of_what_was_downgraded():
    run = await seen(Flex(SLOW, unavailable=0.3, downgraded=0.1), 800)

    assert len(run.completions) == 800
    for tier in ("flex", "default"):
        billed = run.server.services[tier][LUNA].billed
        mine = [completion for completion in run.completions if completion.tier == tier]
        assert 0 < sum(completion.usage.prompt_tokens for completion in mine) == billed.prompt_tokens
        assert sum(completion.cost_usd or 0 for completion in mine) == cost(billed, PRICE, tier=tier)


async def test_an_hour_without_room_loses_nothing_hammers_at_nothing_and_is_over_soon_after():
    begin_s, hour_s = 100, 3_600
    run = await seen(Flex(SLOW), 1_000, faults=(Fault("flex_unavailable", start_s=begin_s, end_s=begin_s + hour_s),))
    without = await seen(Flex(SLOW), 1_000)

    assert len(run.completions) == 1_000
    assert run.seconds < without.seconds + hour_s + 120
    assert run.engine.no_capacity < 1_000
    assert run.engine.given_up == 0
    assert all(not completion.cost_usd or completion.tier == "flex" for completion in run.completions)


async def test_want_of_room_teaches_nothing_about_the_rate_limits():
    limits = Limits(rpm=600)

    run = await seen(Flex(Latency(median_s=5.0), unavailable=0.3), 1_000, limits=limits)

    assert len(run.completions) == 1_000
    assert run.engine.rpm == 600
    assert run.seconds == pytest.approx(run.engine.sent / 10, rel=0.15)


async def test_without_any_room_the_run_stops_after_the_longest_outage_and_says_what_to_do():
    provider = Provider(Simulation(models={"*": Model(flex=Flex(unavailable=1.0))}))
    retry = RetryPolicy(patience_s=3_600)
    engine = Engine(SimulatedClient(provider), [at_flex()], retry=retry, random=Random(7))  # noqa: S311
    begin_s = anyio.current_time()

    with pytest.raises(ProviderUnavailable, match=r"no capacity for the flex tier.* later, or without flex"):
        async with engine.map(requests(500)) as outcomes:
            async for _request, outcome in outcomes:
                raise AssertionError(outcome)

    assert 3_600 < anyio.current_time() - begin_s < 3_700
    assert engine.statistics[LUNA].sent < 600
    assert engine.spent_usd == 0


class Room:
    """A tier that serves so many calls at once."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.in_flight = self.refused = 0

    async def post(self, body: bytes, *, timeout_s: float):
        del body, timeout_s
        if self.in_flight >= self.most:
            self.refused += 1
            await anyio.sleep(0.2)
            return NO_ROOM
        self.in_flight += 1
        try:
            await anyio.sleep(30)
        finally:
            self.in_flight -= 1
        return reply()


async def test_a_tier_with_little_room_is_used_up_without_hammering_at_it():
    client = Room(16)
    engine = Engine(client, [at_flex(max_concurrency=256)], random=Random(7))  # noqa: S311
    begin_s = anyio.current_time()

    async with engine.map(requests(800), at_once=512) as outcomes:
        answered = [outcome async for _request, outcome in outcomes]

    seconds = anyio.current_time() - begin_s
    assert len(answered) == 800
    assert seconds < 1.1 * 800 * 30 / 16
    assert client.refused < 800 + 2 * seconds + 256


# --------------------------------------------------------------------------------------------- one request


async def test_a_request_without_room_waits_alone_and_longer_each_time():
    client = ScriptedClient(
        lambda body: NO_ROOM if "unlucky" in str(body) else reply(),
        latency_s=lambda body: 0.1 if "unlucky" in str(body) else 1.0,
    )
    engine = engine_for(client, at_flex(rpm=10**9, tpm=10**12))
    unlucky = replace(one(), messages=(Message("user", "unlucky"),))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.complete, unlucky)
        for _ in range(600):
            await engine.complete(one())
        tasks.cancel_scope.cancel()

    tries = [call.started_s for call in client.calls if "unlucky" in str(call.body)]
    waits = [later - earlier for earlier, later in pairwise(tries)]
    assert len(client.calls) == 600 + len(tries)
    assert 12 <= len(tries) <= 40
    assert max(waits[:3]) < 2.5
    assert max(waits) <= 60.2


async def test_want_of_room_is_no_failure_of_the_request():
    client = ScriptedClient(in_turn(*[NO_ROOM] * 30, reply()), latency_s=0.1)
    engine = engine_for(client, at_flex(), retry=RetryPolicy(max_attempts=2, max_alike=2))

    completion = await engine.complete(replace(one(), max_attempts=1))

    assert completion.attempts == 31
    counts = engine.statistics[LUNA]
    assert (counts.no_capacity, counts.retried, counts.rate_limited, counts.maybe_paid) == (30, 0, 0, 0)
    assert engine.spent_usd == completion.cost_usd


async def test_the_wait_that_the_server_asks_for_is_kept():
    waiting = refusal(429, code="resource_unavailable", headers={"retry-after": "20"})
    client = ScriptedClient(in_turn(waiting, reply()))
    engine = engine_for(client, at_flex())

    await engine.complete(one())

    assert client.calls[1].started_s - client.calls[0].started_s >= 21


async def test_while_there_is_no_room_for_long_the_statistics_say_so():
    client = ScriptedClient(lambda _body: NO_ROOM, latency_s=0.1)
    engine = engine_for(client, at_flex())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(engine.complete, one())
        await anyio.sleep(5)
        at_first = engine.statistics[LUNA].pause
        await anyio.sleep(60)
        later = engine.statistics[LUNA].pause
        tasks.cancel_scope.cancel()

    assert at_first is None
    assert isinstance(later, Pause)
    assert (later.cause, later.why) == (Cause.NO_CAPACITY, "the flex tier has no capacity")


async def test_a_stop_ends_the_waiting_at_once():
    client = ScriptedClient(lambda _body: NO_ROOM, latency_s=0.1)
    engine = engine_for(client, at_flex())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stopped_after, engine, 100.0)
        with pytest.raises(ProviderUnavailable, match="enough"):
            await engine.complete(one())
        ended_s = anyio.current_time()

    assert ended_s == pytest.approx(100.0, abs=0.2)


async def _stopped_after(engine: Engine, seconds: float) -> None:
    await anyio.sleep(seconds)
    engine.stop(ProviderUnavailable("enough"))


async def test_a_model_that_turns_out_to_have_no_flex_is_asked_and_paid_at_the_standard_tier():
    provider = Provider(Simulation(models={"*": Model(flex=Flex(offered=False))}))
    engine = Engine(SimulatedClient(provider), [at_flex()], random=Random(7))  # noqa: S311

    completions = [await engine.complete(one()) for _ in range(3)]

    assert engine.statistics[LUNA].sent == 4
    assert [completion.tier for completion in completions] == ["default"] * 3
    billed = provider.statistics.services["default"][LUNA].billed
    assert sum(completion.cost_usd or 0 for completion in completions) == cost(billed, PRICE)


async def test_the_price_of_the_standard_tier_is_reserved_since_that_may_serve():
    reserved = []
    for spec in (at_flex(), ModelSpec(LUNA, family(LUNA), PRICE)):
        engine = engine_for(ScriptedClient(lambda _body: reply()), spec, budget=Budget(Bounds(Decimal(1))))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.complete, one())
            await anyio.sleep(0.5)
            reserved.append(engine.reserved_usd)

    at_flex_usd, standard_usd = reserved
    assert standard_usd <= at_flex_usd < Decimal("1.1") * standard_usd


# ------------------------------------------------------------------------------------------------- timeouts


@pytest.mark.parametrize(("set_s", "kept_s"), [(None, 900.0), (50.0, 50.0), (2_000.0, 2_000.0)])
async def test_a_call_may_take_a_quarter_of_an_hour_whatever_the_timeout_of_others(set_s, kept_s):
    client = ScriptedClient(lambda _body: reply(), latency_s=10_000.0)
    engine = engine_for(client, at_flex(timeout_s=set_s), retry=RetryPolicy(timeout_s=30.0, max_lost=1))

    with pytest.raises(RequestFailed):
        await engine.complete(one())

    assert anyio.current_time() == pytest.approx(kept_s, abs=1)


async def test_a_longer_timeout_of_all_calls_holds_at_flex_too():
    client = ScriptedClient(lambda _body: reply(), latency_s=10_000.0)
    engine = engine_for(client, at_flex(), retry=RetryPolicy(timeout_s=1_200.0, max_lost=1))

    with pytest.raises(RequestFailed):
        await engine.complete(one())

    assert anyio.current_time() == pytest.approx(1_200.0, abs=1)


async def test_quick_replies_do_not_make_a_call_that_waits_for_room_time_out():
    latencies_s = iter([1.0] * 400 + [250.0])
    client = ScriptedClient(lambda _body: reply(), latency_s=lambda _body: next(latencies_s))
    engine = engine_for(client, at_flex(max_concurrency=1))

    completions = [await engine.complete(one()) for _ in range(401)]

    assert completions[-1].attempts == 1


async def test_other_failures_are_what_they_are_at_flex_too():
    lost = ConnectionLost("reset")
    client = ScriptedClient(in_turn(refusal(503), NO_ROOM, lost, reply()), latency_s=0.1)
    engine = engine_for(client, at_flex())

    completion = await engine.complete(one())

    counts = engine.statistics[LUNA]
    assert (completion.attempts, counts.retried, counts.no_capacity, counts.maybe_paid) == (4, 2, 1, 1)
