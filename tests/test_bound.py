"""What keeps calls from being sent: told at each moment, and added up over a run, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from math import fsum

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine import Bound, Bounds, Budget, Engine, ModelStatistics, Price
from qloragen.engine.bound import Account
from qloragen.errors import Interrupted
from qloragen.testing import Answer, Body, HttpReply, ScriptedClient, VirtualLoop, refusal, reply, run_virtually
from qloragen.types import Request
from tests.engines import engine_for, in_turn, outcomes, request_for, spec
from tests.test_engine_flex import NO_ROOM, at_flex, one

PRICE = Price(Decimal(1), Decimal(1))


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def felt(model: ModelStatistics) -> dict[Bound, float]:
    """Return the bounds that held for a while, and not only from one turn of the loop to the next."""
    return {bound: seconds for bound, seconds in model.bound_s.items() if seconds > 1e-3}


async def run_of(engine: Engine, count: int, request: Request | None = None) -> ModelStatistics:
    """Ask for so many together, and return what the engine has counted by then."""
    await outcomes(engine, [request or request_for()] * count)
    return engine.statistics["m"]


# ----------------------------------------------------------------------------------------------- what it is called


async def test_slots_bind_where_all_are_taken():
    client = ScriptedClient(lambda _body: reply(), latency_s=2)

    model = await run_of(engine_for(client, spec(max_concurrency=3)), 30)

    assert felt(model) == {Bound.CONCURRENCY: pytest.approx(20)}


async def test_slots_bind_also_where_those_who_ask_are_as_many_as_the_slots():
    client = ScriptedClient(lambda _body: reply(), latency_s=2)
    engine = engine_for(client, spec(max_concurrency=3))

    async with engine.map([request_for()] * 30, at_once=3) as found:
        async for _ in found:
            pass

    assert felt(engine.statistics["m"]) == {Bound.CONCURRENCY: pytest.approx(20)}


async def test_requests_per_minute_bind_where_they_are_used_up():
    client = ScriptedClient(lambda _body: reply(), latency_s=3)

    model = await run_of(engine_for(client, spec(rpm=60)), 50)

    assert felt(model) == {Bound.RPM: pytest.approx(49, abs=0.1), Bound.IDLE: pytest.approx(3, abs=0.1)}


async def test_tokens_per_minute_bind_where_they_are_used_up():
    client = ScriptedClient(lambda _body: reply(usage=(900, 100)), latency_s=3)
    engine = engine_for(client, spec(rpm=6_000, tpm=60_000))

    model = await run_of(engine, 50, request_for(text="word " * 800, cap=100))

    assert model.bound_s[Bound.TPM] > 0.9 * anyio.current_time()
    assert model.bound_s[Bound.RPM] == model.bound_s[Bound.CONCURRENCY] == 0


async def test_nothing_binds_while_nobody_waits_and_slots_are_free():
    engine = engine_for(ScriptedClient(lambda _body: reply(), latency_s=5), spec(max_concurrency=2))
    for _ in range(4):
        await engine.complete(request_for())
    await anyio.sleep(7)

    assert felt(engine.statistics["m"]) == {Bound.IDLE: pytest.approx(27)}
    assert engine.statistics["m"].bound is Bound.IDLE


async def test_a_refusal_for_the_rate_pauses_until_the_probe_is_answered():
    client = ScriptedClient(in_turn(refusal(429, headers={"retry-after": "20"}), reply()), latency_s=0.5)

    model = await run_of(engine_for(client), 1)

    assert felt(model) == {Bound.PAUSED: pytest.approx(20), Bound.IDLE: pytest.approx(1)}


async def test_an_outage_pauses_although_every_slot_hangs_and_while_a_probe_is_under_way():
    def hangs() -> bool:
        return 10 < anyio.current_time() < 600

    client = ScriptedClient(
        lambda _body: refusal(503) if hangs() else reply(), latency_s=lambda _body: 30 if hangs() else 1
    )

    model = await run_of(engine_for(client, spec(max_concurrency=12)), 150)

    assert 540 < model.bound_s[Bound.PAUSED] < 620
    rest_s = anyio.current_time() - model.bound_s[Bound.PAUSED]
    assert model.bound_s[Bound.CONCURRENCY] == pytest.approx(rest_s, abs=2)


async def test_an_engine_that_is_told_to_pause_is_held_from_that_moment_on():
    engine = engine_for(ScriptedClient(lambda _body: reply(), latency_s=10), spec(max_concurrency=1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 2)
        await anyio.sleep(4)
        engine.pause("disk full")
        at_once = engine.statistics["m"].bound
        await anyio.sleep(100)
        engine.resume()

    assert at_once is Bound.HELD
    assert felt(engine.statistics["m"]) == {Bound.CONCURRENCY: pytest.approx(14), Bound.HELD: pytest.approx(100)}


async def test_the_spending_limit_binds_while_what_is_left_is_set_aside():
    worst_tokens = 1_024 + 50 + 200
    budget = Budget(Bounds(max_tokens=3 * worst_tokens))
    engine = engine_for(ScriptedClient(lambda _body: reply(), latency_s=4), spec(price=PRICE), budget=budget)

    model = await run_of(engine, 6)

    assert model.completed == 6
    assert model.bound_s[Bound.BUDGET] == pytest.approx(anyio.current_time() - 4)


async def test_the_tier_binds_while_it_has_no_room():
    client = ScriptedClient(lambda _body: NO_ROOM if anyio.current_time() < 600 else reply(), latency_s=0.1)
    engine = engine_for(client, at_flex("m", max_concurrency=500))

    model = await run_of(engine, 300, replace(one(), model="m"))

    assert model.bound_s[Bound.CAPACITY] > 300


async def test_tokens_that_come_back_shorten_the_wait_for_them_at_once():
    client = ScriptedClient(lambda _body: reply(usage=(4_990, 10)))
    engine = engine_for(client, spec(tpm=60_000))

    model = await run_of(engine, 2, request_for(cap=30_000))

    # The first one was taken for thirty seconds' tokens and some more, and gives all but five seconds' back after one.
    assert [call.started_s for call in client.calls] == pytest.approx([0, 5.6], abs=0.1)
    assert model.bound_s[Bound.TPM] == pytest.approx(5.6, abs=0.1)


async def test_what_binds_is_told_at_each_moment():
    engine = engine_for(ScriptedClient(lambda _body: reply(), latency_s=2.5), spec(rpm=60, max_concurrency=2))
    seen: list[Bound] = []

    async def look() -> None:
        for _ in range(4):
            await anyio.sleep(1.25)
            seen.append(engine.statistics["m"].bound)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 3)
        tasks.start_soon(look)

    # Two go after a second, and the third after the first reply; with one in flight there is a slot.
    assert seen == [Bound.CONCURRENCY, Bound.CONCURRENCY, Bound.IDLE, Bound.IDLE]


# ----------------------------------------------------------------------------------------------- the account


async def test_before_the_first_request_nothing_is_counted():
    engine = engine_for(ScriptedClient(lambda _body: reply()))
    await anyio.sleep(100)
    before = engine.statistics["m"]

    model = await run_of(engine, 1)

    assert (before.bound, felt(before)) == (Bound.IDLE, {})
    assert felt(model) == {Bound.IDLE: pytest.approx(1)}


async def test_a_pause_before_the_first_request_is_not_counted():
    engine = engine_for(ScriptedClient(lambda _body: reply()), spec(), spec("other"))
    engine.pause("disk full")
    await anyio.sleep(100)
    engine.resume()
    before = engine.statistics["m"]

    model = await run_of(engine, 1)

    assert felt(before) == felt(engine.statistics["other"]) == {}
    assert felt(model) == {Bound.IDLE: pytest.approx(1)}


async def test_a_head_that_leaves_keeps_nobody_waiting_any_more():
    engine = engine_for(ScriptedClient(lambda _body: reply()), spec(rpm=1, max_concurrency=5))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 3)
        await anyio.sleep(10)
        tasks.cancel_scope.cancel()
    await anyio.sleep(5)

    assert felt(engine.statistics["m"]) == {Bound.RPM: pytest.approx(10), Bound.IDLE: pytest.approx(5)}


async def test_after_a_stop_nobody_waits():
    engine = engine_for(ScriptedClient(lambda _body: reply()), spec(rpm=1))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 3)
        await anyio.sleep(10)
        engine.stop(Interrupted("enough"))
    await anyio.sleep(5)

    assert engine.statistics["m"].bound is Bound.IDLE
    assert engine.statistics["m"].bound_s[Bound.RPM] == pytest.approx(10)


@given(st.lists(st.tuples(st.sampled_from(Bound), st.floats(0, 1e6)), max_size=30), st.floats(0, 1e6))
def test_the_account_is_the_sum_of_its_spans(turns, rest_s):
    account, now_s = Account(), 17.0
    expected = dict.fromkeys(Bound, 0.0)
    for bound, span_s in turns:
        account.turn(bound, now_s)
        expected[bound] += span_s
        now_s += span_s

    found = account.seconds(now_s + rest_s)

    if turns:
        expected[turns[-1][0]] += rest_s
    assert found == pytest.approx(expected, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(
    rpm=st.sampled_from([30, 300, 10**9]),
    tpm=st.sampled_from([3_000, 10**12]),
    slots=st.sampled_from([1, 3, 50, "auto"]),
    failing=st.floats(0, 0.3),
    pauses=st.lists(st.floats(0.1, 20), max_size=3),
    seed=st.randoms(use_true_random=False),
)
def test_in_every_run_the_bounds_share_out_the_time_since_the_first_request(rpm, tpm, slots, failing, pauses, seed):
    def answer(_body: Body) -> Answer:
        return seed.choice([refusal(503), refusal(429)]) if seed.random() < failing else reply()

    async def main() -> tuple[float, ModelStatistics]:
        client = ScriptedClient(answer, latency_s=lambda _body: seed.uniform(0, 5))
        engine = engine_for(client, spec(rpm=rpm, tpm=tpm, max_concurrency=slots))
        await anyio.sleep(3)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcomes, engine, [request_for()] * 20)
            for pause_s in pauses:
                await anyio.sleep(pause_s)
                engine.pause("disk full")
                await anyio.sleep(pause_s)
                engine.resume()
        return anyio.current_time() - 3, engine.statistics["m"]

    elapsed_s, model = run_virtually(main())

    assert set(model.bound_s) == set(Bound)
    assert min(model.bound_s.values()) >= 0
    assert fsum(model.bound_s.values()) == pytest.approx(elapsed_s)


# ----------------------------------------------------------------------------------------------- what was billed


async def test_what_replies_were_billed_for_is_added_up():
    def answer(_body: Body) -> Answer:
        found = reply(usage=(100, 10))
        return found if len(client.calls) % 2 else HttpReply(200, found.body.replace(b"100", b"300", 1), {})

    client = ScriptedClient(answer)
    engine = engine_for(client)

    completions = [await engine.complete(request_for()) for _ in range(4)]

    model = engine.statistics["m"]
    usages = [completion.usage for completion in completions]
    assert sum(usage.prompt_tokens for usage in usages) == model.prompt_tokens == 2 * 100 + 2 * 300
    assert model.completion_tokens == 40


async def test_a_reply_that_nobody_can_use_is_among_what_was_billed():
    wrong = HttpReply(200, b'{"usage": {"prompt_tokens": 70, "completion_tokens": 7}}', {})
    engine = engine_for(ScriptedClient(in_turn(wrong, reply(usage=(100, 10)))))

    await engine.complete(request_for())

    model = engine.statistics["m"]
    assert (model.prompt_tokens, model.cached_tokens, model.completion_tokens) == (170, 0, 17)
