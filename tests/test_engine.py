"""The engine in virtual time, against a scripted provider: answers, repetition, stops, money."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.budget import Bounds, Budget, Spending
from qloragen.engine.engine import Engine
from qloragen.engine.pricing import Price
from qloragen.engine.retry import RetryPolicy
from qloragen.errors import (
    AccessDenied,
    BudgetReached,
    Interrupted,
    ModelNotFound,
    QuotaExhausted,
    RequestFailed,
    SettingsError,
)
from qloragen.testing import Answer, Body, ConnectionLost, HttpReply, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion

from .engines import FUNCTION, bad, engine_for, in_turn, outcomes, request_for, spec


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


# ------------------------------------------------------------------------------------------------------ the good way


async def test_a_reply_comes_back_with_its_bill_its_time_and_its_body():
    client = ScriptedClient(lambda _body: reply("1, 2", usage=(1000, 100), headers={"x-request-id": "req_9"}))
    engine = engine_for(client, spec(price=Price(Decimal(1), Decimal(10))))

    completion = await engine.complete(request_for())

    assert completion.text == "1, 2"
    assert completion.cost_usd == Decimal("0.002")
    assert completion.latency_s == pytest.approx(1.0)
    assert (completion.request_id, completion.attempts) == ("req_9", 1)
    assert engine.spent_usd == Decimal("0.002")
    assert engine.reserved_usd == 0


async def test_no_more_calls_are_in_flight_than_there_are_slots():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, spec(max_concurrency=7))

    await outcomes(engine, [request_for()] * 50)

    assert client.peak == 7
    assert engine.statistics["m"].completed == 50


async def test_a_run_at_the_rate_limit_takes_the_time_that_the_limit_sets():
    client = ScriptedClient(lambda _body: reply(), latency_s=2.0)
    engine = engine_for(client, spec(rpm=60, max_concurrency=100))

    await outcomes(engine, [request_for()] * 300)

    assert anyio.current_time() == pytest.approx(299 + 2, rel=0.03)


async def test_requests_are_sent_in_order_of_arrival():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, spec(rpm=60, max_concurrency=3))

    await outcomes(engine, [request_for(text=f"number {n} " * n) for n in range(20)])

    sent = [str(call.body["messages"]) for call in client.calls]
    assert [f"number {n} " in text for n, text in enumerate(sent[1:], start=1)] == [True] * 19


async def test_models_do_not_wait_for_one_another():
    client = ScriptedClient(
        lambda body: refusal(429, headers={"retry-after": "60"}) if body["model"] == "a" else reply()
    )
    engine = engine_for(client, spec("a"), spec("b"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for("a")])
        await anyio.sleep(5)
        await engine.complete(request_for("b"))
        took_s = anyio.current_time()
        tasks.cancel_scope.cancel()

    assert took_s == pytest.approx(6, abs=0.1)


async def test_estimates_become_right_with_use_and_the_buckets_follow_real_usage():
    def billed(body: Body) -> HttpReply:
        return reply(usage=(len(orjson.dumps(body)) // 2, 10))

    client = ScriptedClient(billed, latency_s=0.1)
    engine = engine_for(client, spec(tpm=600_000, max_concurrency=64))

    await outcomes(engine, [request_for(text="x" * 4_000, cap=1_000)] * 400)

    used_per_minute = 400 * (4_060 // 2 + 10) / anyio.current_time() * 60
    assert used_per_minute == pytest.approx(600_000, rel=0.1)
    error = engine.statistics["m"].prompt_token_error
    assert error is not None
    assert error < 0.1


async def test_an_unknown_model_is_a_mistake_of_the_caller():
    engine = engine_for(ScriptedClient(lambda _body: reply()))

    with pytest.raises(SettingsError, match="'other'"):
        await engine.complete(request_for("other"))


@pytest.mark.parametrize("knob", ["rpm", "tpm", "max_concurrency"])
def test_a_limit_below_one_is_refused(knob):
    with pytest.raises(SettingsError, match=knob):
        spec(**{knob: 0})


# ----------------------------------------------------------------------------------------------------- trying again


@pytest.mark.parametrize(
    "failure",
    [
        refusal(500),
        refusal(503),
        refusal(408),
        ConnectionLost("reset"),
        HttpReply(200, b"<html>"),
        HttpReply(502, b"<html>"),
    ],
)
async def test_a_passing_failure_is_tried_again(failure):
    client = ScriptedClient(in_turn(failure, failure, reply("good")))

    completion = await engine_for(client).complete(request_for())

    assert (completion.text, completion.attempts) == ("good", 3)


async def test_a_request_is_given_up_after_its_attempts_and_may_be_repeated_another_day():
    client = ScriptedClient(bad(refusal(500)))
    engine = engine_for(client)
    await engine.complete(request_for(text="good"))

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(text="bad"))

    assert (caught.value.reason, caught.value.final) == ("server_error", False)
    assert len(client.calls) <= 1 + 12
    assert 60 < anyio.current_time() < 120  # nobody else was there to show whose fault it is
    assert engine.statistics["m"].given_up == 1


async def test_a_call_that_hangs_is_cut_off_and_counted_as_maybe_paid():
    client = ScriptedClient(lambda _body: reply(), latency_s=lambda body: 1e6 if "bad" in str(body) else 1.0)
    engine = engine_for(client, spec(price=Price(Decimal(1), Decimal(1))))
    await engine.complete(request_for(text="good"))

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(text="bad"))

    assert caught.value.reason == "timeout"
    assert len(client.calls) == 1 + 4
    assert engine.statistics["m"].maybe_paid == 4
    assert engine.spent_usd > 0


async def test_a_connection_that_never_was_costs_nothing():
    client = ScriptedClient(bad(ConnectionLost("refused", maybe_paid=False)))
    engine = engine_for(client, spec(price=Price(Decimal(1), Decimal(1))))
    cost_usd = (await engine.complete(request_for(text="good"))).cost_usd

    with pytest.raises(RequestFailed):
        await engine.complete(request_for(text="bad"))

    assert engine.statistics["m"].maybe_paid == 0
    assert engine.spent_usd == cost_usd


async def test_waits_grow_but_never_beyond_the_cap_and_honour_the_server():
    policy, random = RetryPolicy(), Random(1)  # noqa: S311 - jitter

    delays = [[policy.delay_s(n, random) for _ in range(200)] for n in range(1, 20)]

    assert all(max(some) <= min(60, 0.5 * 2**n) for n, some in enumerate(delays))
    assert max(delays[-1]) > 50
    assert min(delays[-1]) < 5
    assert policy.delay_s(1, random, at_least_s=42) == 42


async def test_a_server_that_asks_for_time_is_given_it_before_the_next_attempt():
    client = ScriptedClient(in_turn(refusal(503, headers={"retry-after": "30"}), reply()))

    await engine_for(client).complete(request_for())

    assert client.calls[1].started_s - client.calls[0].started_s >= 31


async def test_a_request_that_waits_to_be_tried_again_holds_no_slot():
    slow = refusal(503, headers={"retry-after": "100"})
    client = ScriptedClient(lambda body: slow if "first" in str(body) and len(client.calls) == 1 else reply())
    engine = engine_for(client, spec(max_concurrency=1))

    await outcomes(engine, [request_for(text="first"), request_for(text="second")])

    assert "second" in str(client.calls[1].body)
    assert client.calls[1].started_s < 5


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.sampled_from(["ok", "500", "reset", "429", "html", "400"]), min_size=1, max_size=60), st.integers(1, 8)
)
async def test_every_request_ends_and_nothing_stays_reserved(script, slots):
    answers: dict[str, Answer] = {
        "ok": reply(),
        "500": refusal(500),
        "reset": ConnectionLost("reset"),
        "429": refusal(429, headers={"retry-after": "1"}),
        "html": HttpReply(200, b"<html>"),
        "400": refusal(400, code="invalid_value"),
    }
    client = ScriptedClient(in_turn(*(answers[word] for word in script), reply()))
    engine = engine_for(client, spec(price=Price(Decimal(1), Decimal(1)), rpm=6000, tpm=10**6, max_concurrency=slots))

    results = await outcomes(engine, [request_for()] * 12)

    counts = engine.statistics["m"]
    assert len(results) == 12
    assert (counts.waiting, counts.in_flight) == (0, 0)
    assert engine.reserved_usd == 0
    assert counts.completed == sum(isinstance(result, Completion) for result in results)
    assert counts.sent == len(client.calls)


# ------------------------------------------------------------------------------------------------------------- stops


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (refusal(401, code="invalid_api_key", message="Incorrect API key provided: canary"), AccessDenied),
        (refusal(403, code="unsupported_country_region_territory"), AccessDenied),
        (refusal(404, code="model_not_found"), ModelNotFound),
        (refusal(429, code="insufficient_quota"), QuotaExhausted),
        (refusal(402), QuotaExhausted),
    ],
)
async def test_the_first_fatal_reply_stops_everything_but_the_calls_in_flight(failure, error):
    client = ScriptedClient(lambda _body: failure)
    engine = engine_for(client, spec(max_concurrency=8))

    results = await outcomes(engine, [request_for()] * 100)

    assert all(isinstance(result, error) for result in results)
    assert len(client.calls) == 8
    assert isinstance(engine.stopped, error)
    assert "canary" not in str(engine.stopped)


async def test_a_stop_finishes_what_is_in_flight_and_sends_nothing_more():
    client = ScriptedClient(lambda _body: reply(), latency_s=10)
    engine = engine_for(client, spec(max_concurrency=5))

    async def interrupt() -> None:
        await anyio.sleep(3)
        engine.stop(Interrupted("asked to stop"))
        engine.stop(Interrupted("asked again"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(interrupt)
        results = await outcomes(engine, [request_for()] * 50)

    assert [isinstance(result, Completion) for result in results] == [True] * 5 + [False] * 45
    assert {str(result) for result in results[5:]} == {"asked to stop"}
    assert len(client.calls) == 5


@pytest.mark.parametrize("wait", ["slot", "rate", "pause", "backoff", "probe"])
async def test_a_stop_ends_every_kind_of_wait_at_once(wait):
    answers: dict[str, Answer] = {
        "pause": refusal(429, headers={"retry-after": "100"}),
        "backoff": refusal(503, headers={"retry-after": "100"}),
    }
    client = ScriptedClient(lambda _body: answers.get(wait, reply(arguments="{}")), latency_s=5)
    limits: dict[str, int] = {"slot": {"max_concurrency": 1}, "rate": {"rpm": 1}}.get(wait, {})
    engine = engine_for(client, spec(structure="auto", **limits))
    function = FUNCTION if wait == "probe" else None

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for(function=function)] * 3)
        await anyio.sleep(5.5 if wait in {"pause", "backoff"} else 1)
        engine.stop(Interrupted("now"))
    stopped_s = anyio.current_time()

    assert stopped_s <= 5.6
    assert engine.statistics["m"].waiting == 0


async def test_after_a_stop_a_new_request_gets_the_reason_at_once():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client)

    engine.stop(Interrupted("asked to stop"))

    with pytest.raises(Interrupted):
        await engine.complete(request_for())
    assert client.calls == []


async def test_a_cancelled_caller_gives_everything_back():
    client = ScriptedClient(lambda _body: reply(), latency_s=100)
    engine = engine_for(client, spec(max_concurrency=2, price=Price(Decimal(1), Decimal(1))))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 10)
        await anyio.sleep(1)
        tasks.cancel_scope.cancel()

    counts = engine.statistics["m"]
    assert (counts.waiting, counts.in_flight, counts.maybe_paid) == (0, 0, 2)
    assert engine.reserved_usd == 0
    assert isinstance((await outcomes(engine, [request_for()]))[0], Completion)


async def test_a_reply_that_is_there_survives_a_cancellation_at_the_same_moment():
    kept: list[Completion] = []

    class Cancelling:
        async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
            await anyio.sleep(1)
            scope.cancel()
            return reply("paid")

    engine = Engine(Cancelling(), [spec()])
    with anyio.CancelScope() as scope:
        kept.append(await engine.complete(request_for()))

    assert kept[0].text == "paid"


# ------------------------------------------------------------------------------------------------------------ budget

PRICE = Price(Decimal(1), Decimal(10))


def honest(body: Body) -> HttpReply:
    """Bill no more than the estimate allows for: a token for four bytes, and less than the cap."""
    tokens = len(orjson.dumps(body)) // 4
    return reply(usage=(tokens, int(str(body["max_tokens"])) - 1))


@settings(deadline=None, max_examples=40)
@given(
    limit=st.decimals("0.0001", "0.05", places=5),
    caps=st.lists(st.integers(1, 500), min_size=1, max_size=40),
    slots=st.integers(1, 16),
)
async def test_a_budget_is_never_exceeded_and_never_left_unused(limit, caps, slots):
    client = ScriptedClient(honest)
    engine = engine_for(client, spec(price=PRICE, max_concurrency=slots), budget=Budget(Bounds(limit)))

    results = await outcomes(engine, [request_for(cap=cap, text="x" * cap) for cap in caps])

    done = [result for result in results if isinstance(result, Completion)]
    assert engine.spent_usd == sum((c.cost_usd or Decimal(0) for c in done), Decimal(0)) <= limit
    assert all(isinstance(result, Completion | BudgetReached) for result in results)
    if len(done) < len(results):
        assert limit - engine.spent_usd < Decimal("0.0075")  # the worst case of the largest request


async def test_a_budget_counts_what_was_spent_before():
    client = ScriptedClient(honest)
    engine = engine_for(
        client,
        spec(price=PRICE),
        budget=Budget(Bounds(Decimal(1)), spent={"gone": Spending(Decimal("0.99999"))}),
    )

    with pytest.raises(BudgetReached, match=r"max_cost_usd = \$1, \$0\.00001 is left"):
        await engine.complete(request_for())

    assert client.calls == []
    assert isinstance(engine.stopped, BudgetReached)


async def test_a_request_that_would_exceed_the_budget_waits_for_the_bills_of_others():
    client = ScriptedClient(lambda _body: reply(usage=(10, 1)))
    engine = engine_for(client, spec(price=PRICE), budget=Budget(Bounds(Decimal("0.012"))))

    results = await outcomes(engine, [request_for(cap=1_000)] * 5)

    assert all(isinstance(result, Completion) for result in results)
    assert client.peak == 1


async def test_a_lost_bill_counts_at_its_worst():
    client = ScriptedClient(in_turn(ConnectionLost("reset"), reply(usage=(10, 1))))
    engine = engine_for(client, spec(price=PRICE))

    await engine.complete(request_for(cap=1_000))

    assert engine.spent_usd > Decimal("0.01")


async def test_a_reply_without_usage_counts_at_its_worst_and_has_no_cost():
    engine = engine_for(ScriptedClient(lambda _body: reply(usage=None)), spec(price=PRICE))

    completion = await engine.complete(request_for(cap=1_000))

    assert completion.cost_usd is None
    assert engine.spent_usd > Decimal("0.01")


def test_a_budget_without_a_price_is_refused_with_the_remedy():
    with pytest.raises(SettingsError, match="set the model's price"):
        engine_for(ScriptedClient(lambda _body: reply()), spec("odd"), budget=Budget(Bounds(Decimal(1))))
