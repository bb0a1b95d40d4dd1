"""The engine in virtual time, against a scripted provider."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import anyio
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.engine import Engine
from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.retry import RetryPolicy
from qloragen.engine.spec import ModelSpec
from qloragen.errors import (
    AccessDenied,
    BudgetReached,
    Interrupted,
    ModelNotFound,
    ProviderUnavailable,
    QuotaExhausted,
    RequestFailed,
    RunStopped,
    SettingsError,
)
from qloragen.testing import Answer, Body, ConnectionLost, HttpReply, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Function, Message, Request

FUNCTION = Function("answer", "Answer.", {"type": "object", "properties": {}, "additionalProperties": False})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def spec(name: str = "m", /, **fields: Any) -> ModelSpec:
    """Return a model whose limits are so high that they never bind, unless given; then nothing has to be found out."""
    return ModelSpec(name, family(name), **{"rpm": 10**9, "tpm": 10**12, **fields})


def request_for(model: str = "m", text: str = "hello", *, cap: int = 50, function: Function | None = None) -> Request:
    return Request(model, (Message("user", text),), cap, function)


def engine_for(client: ScriptedClient, *models: ModelSpec, **options: Any) -> Engine:
    return Engine(client, models or (spec(),), random=Random(7), **options)  # noqa: S311 - jitter


def bad(answer: Answer) -> Callable[[Body], Answer]:
    """Return a script that answers requests with the word "bad" in them like this, and all others well."""
    return lambda body: answer if "bad" in str(body) else reply()


def in_turn(*answers: Answer) -> Callable[[Body], Answer]:
    """Return a script that gives one answer after the other, the last one for ever."""
    left = list(answers)
    return lambda _body: left.pop(0) if len(left) > 1 else left[0]


async def outcomes(engine: Engine, requests: list[Request]) -> list[Completion | Exception]:
    """Complete all requests together; failures are returned in their place."""
    results: dict[int, Completion | Exception] = {}

    async def one(index: int, request: Request) -> None:
        try:
            results[index] = await engine.complete(request)
        except (RequestFailed, RunStopped) as error:
            results[index] = error

    async with anyio.create_task_group() as tasks:
        for index, request in enumerate(requests):
            tasks.start_soon(one, index, request)
    return [results[index] for index in range(len(requests))]


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


# -------------------------------------------------------------------------------------------------- 429 and outages


async def test_a_wave_of_429_pauses_the_model_once_and_costs_no_request_an_attempt():
    def limited(_body: Body) -> Answer:
        return refusal(429, headers={"retry-after": "20"}) if anyio.current_time() < 100 else reply()

    client = ScriptedClient(limited, latency_s=0.5)
    engine = engine_for(client, spec(max_concurrency=10))

    results = await outcomes(engine, [request_for()] * 30)

    assert all(isinstance(result, Completion) for result in results)
    assert engine.statistics["m"].retried == 0
    assert engine.statistics["m"].rate_limited == 10 + 4  # ten slots, then one probe every twenty seconds
    assert anyio.current_time() < 110


async def test_a_429_without_a_hint_backs_off_further_each_time():
    client = ScriptedClient(lambda _body: refusal(429) if anyio.current_time() < 600 else reply(), latency_s=0.1)
    engine = engine_for(client)

    completion = await engine.complete(request_for())

    assert completion.attempts < 60


async def test_a_wave_of_429_without_a_hint_is_one_episode():
    client = ScriptedClient(lambda _body: refusal(429) if anyio.current_time() < 1.5 else reply())
    engine = engine_for(client, spec(max_concurrency=50))

    await outcomes(engine, [request_for()] * 50)

    assert engine.statistics["m"].rate_limited == 50
    assert anyio.current_time() < 1 + 0.5 + 3  # the first backoff, then the probe, and half as many calls at a time


async def test_a_success_renews_the_patience():
    client = ScriptedClient(
        lambda _body: reply() if len(client.calls) % 2 == 0 else refusal(429, headers={"retry-after": "60"})
    )
    engine = engine_for(client, retry=RetryPolicy(patience_s=100))

    for _ in range(10):
        await engine.complete(request_for())

    assert anyio.current_time() > 500


async def test_when_patience_is_at_an_end_the_run_stops():
    client = ScriptedClient(lambda _body: refusal(429, headers={"retry-after": "60"}))
    engine = engine_for(client, retry=RetryPolicy(patience_s=300))

    with pytest.raises(ProviderUnavailable, match="300 s"):
        await engine.complete(request_for())

    assert 300 < anyio.current_time() < 400


async def test_a_request_above_the_limit_itself_is_refused_at_once():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, spec(tpm=1_000))

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(text="x" * 8_000))

    assert (caught.value.reason, caught.value.final) == ("over_tpm", False)
    assert client.calls == []


async def test_a_request_above_the_limit_that_the_server_names_is_given_up():
    client = ScriptedClient(lambda _body: refusal(429, headers={"x-ratelimit-limit-tokens": "100"}))
    engine = engine_for(client)

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(cap=200))

    assert caught.value.reason == "over_tpm"
    assert len(client.calls) == 1


async def test_a_provider_that_has_never_answered_stops_the_run_soon():
    client = ScriptedClient(lambda _body: refusal(503), latency_s=0.1)
    engine = engine_for(client, spec(max_concurrency=4))

    results = await outcomes(engine, [request_for()] * 100)

    assert all(isinstance(result, ProviderUnavailable) for result in results)
    assert 60 < anyio.current_time() < 90
    assert len(client.calls) < 25


async def test_an_outage_costs_no_request_an_attempt_and_few_calls():
    def ill(_body: Body) -> Answer:
        return refusal(503) if 20 < anyio.current_time() < 20 + 3600 else reply()

    client = ScriptedClient(ill, latency_s=1)
    engine = engine_for(client, spec(max_concurrency=100))

    results = await outcomes(engine, [request_for()] * 10_000)

    assert all(isinstance(result, Completion) for result in results)
    wasted = len(client.calls) - 10_000
    assert wasted <= 100 + 4 * 60 * 1.3  # what was in flight, and about four probes a minute
    assert anyio.current_time() < 20 + 3600 + 15 + 8 + 80 + 10  # the last wait, the ramp, and the rest of the work


async def test_an_outage_longer_than_the_patience_stops_the_run():
    client = ScriptedClient(lambda _body: refusal(503) if anyio.current_time() > 5 else reply())
    engine = engine_for(client, spec(max_concurrency=4), retry=RetryPolicy(patience_s=600))

    results = await outcomes(engine, [request_for()] * 100)

    assert any(isinstance(result, Completion) for result in results)
    assert isinstance(results[-1], ProviderUnavailable)
    assert 600 < anyio.current_time() < 660


async def test_bad_requests_at_the_end_of_a_run_are_told_from_an_outage():
    client = ScriptedClient(lambda body: refusal(500) if "bad" in str(body) else reply(), latency_s=0.2)
    engine = engine_for(client, spec(max_concurrency=50))

    results = await outcomes(engine, [request_for(text="bad" if n % 50 == 0 else "good") for n in range(2_000)])

    assert [isinstance(result, RequestFailed) for result in results] == [n % 50 == 0 for n in range(2_000)]
    assert anyio.current_time() < 40 * 15


async def test_a_bad_request_is_given_up_after_five_alike_failures_while_others_succeed():
    client = ScriptedClient(lambda body: refusal(500) if "bad" in str(body) else reply(), latency_s=0.2)
    engine = engine_for(client, spec(max_concurrency=4))

    await outcomes(engine, [request_for(text="bad"), *[request_for(text="good")] * 400])

    assert sum("bad" in str(call.body) for call in client.calls) == 5


async def test_a_provider_that_takes_no_request_at_all_stops_the_run():
    client = ScriptedClient(lambda _body: refusal(400, code="invalid_value"))
    engine = engine_for(client, spec(max_concurrency=1))

    results = await outcomes(engine, [request_for()] * 100)

    assert len(client.calls) == 20
    assert isinstance(results[-1], ProviderUnavailable)


async def test_a_bare_403_may_mean_one_request_only_but_not_all_of_them():
    client = ScriptedClient(lambda body: refusal(403) if "bad" in str(body) else reply())
    good = engine_for(client, spec(max_concurrency=1))
    none = engine_for(client, spec(max_concurrency=1))

    among_good = await outcomes(good, [request_for(text="good"), *[request_for(text="bad")] * 30])
    alone = await outcomes(none, [request_for(text="bad")] * 30)

    assert all(isinstance(result, RequestFailed) for result in among_good[1:])
    assert isinstance(alone[-1], AccessDenied)


async def test_single_bad_requests_among_good_ones_do_not_stop_the_run():
    client = ScriptedClient(lambda body: refusal(400, code="invalid_value") if "bad" in str(body) else reply())
    engine = engine_for(client, spec(max_concurrency=1))

    results = await outcomes(
        engine, [request_for(text="good"), *[request_for(text="bad")] * 50, request_for(text="good")]
    )

    assert isinstance(results[-1], Completion)
    assert all(isinstance(r, RequestFailed) and not r.final for r in results[1:-1])


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
    engine = engine_for(client, spec(price=PRICE, max_concurrency=slots), max_cost_usd=limit)

    results = await outcomes(engine, [request_for(cap=cap, text="x" * cap) for cap in caps])

    done = [result for result in results if isinstance(result, Completion)]
    assert engine.spent_usd == sum((c.cost_usd or Decimal(0) for c in done), Decimal(0)) <= limit
    assert all(isinstance(result, Completion | BudgetReached) for result in results)
    if len(done) < len(results):
        assert limit - engine.spent_usd < Decimal("0.0065")  # the worst case of the largest request


async def test_a_budget_counts_what_was_spent_before():
    client = ScriptedClient(honest)
    engine = engine_for(client, spec(price=PRICE), max_cost_usd=Decimal(1), spent_usd=Decimal("0.99999"))

    with pytest.raises(BudgetReached, match=r"limit of \$1 \$0\.00001 is left"):
        await engine.complete(request_for())

    assert client.calls == []
    assert isinstance(engine.stopped, BudgetReached)


async def test_a_request_that_would_exceed_the_budget_waits_for_the_bills_of_others():
    client = ScriptedClient(lambda _body: reply(usage=(10, 1)))
    engine = engine_for(client, spec(price=PRICE), max_cost_usd=Decimal("0.012"))

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
        engine_for(ScriptedClient(lambda _body: reply()), spec("odd"), max_cost_usd=Decimal(1))


# --------------------------------------------------------------------------------------------- the form of an answer


def without_tools(body: Body) -> Answer:
    """Behave as a server that ignores tools and knows `json_schema`."""
    if "response_format" in body:
        return reply('{"a": 1}')
    return reply("Here is some prose." if "tools" in body else "1")


async def test_one_request_finds_out_the_form_while_the_others_wait():
    client = ScriptedClient(without_tools)
    engine = engine_for(client, spec(structure="auto"))

    results = await outcomes(engine, [request_for(function=FUNCTION)] * 20)

    forms = ["tools" if "tools" in call.body else "json_schema" for call in client.calls]
    assert forms == ["tools"] + ["json_schema"] * 19
    assert [call.started_s for call in client.calls[:3]] == pytest.approx([0, 1, 2], abs=0.01)
    assert client.peak == 18
    assert isinstance(results[0], Completion)
    assert (results[0].text, results[0].arguments) == ("Here is some prose.", None)
    assert engine.statistics["m"].structure == "json_schema"


async def test_requests_for_plain_text_do_not_wait_for_the_form():
    client = ScriptedClient(without_tools)
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION), *[request_for()] * 5])

    assert {round(call.started_s) for call in client.calls} == {0}


async def test_a_model_that_has_called_the_function_keeps_its_form_whatever_it_says_later():
    client = ScriptedClient(in_turn(reply(arguments="{}"), reply("prose"), reply(arguments="{}")))
    engine = engine_for(client, spec(structure="auto"))

    results = [await engine.complete(request_for(function=FUNCTION)) for _ in range(3)]

    assert [result.arguments for result in results] == ["{}", None, "{}"]
    assert all("tools" in call.body for call in client.calls)


async def test_a_model_that_gives_only_prose_ends_at_the_last_form_and_works_in_parallel():
    client = ScriptedClient(lambda _body: reply("prose"))
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION)] * 10)

    assert engine.statistics["m"].structure == "json_object"
    assert client.peak == 7


@pytest.mark.parametrize("silent", [reply(None), reply(None, finish_reason="content_filter")])
async def test_an_empty_or_filtered_reply_says_nothing_about_the_form(silent):
    client = ScriptedClient(in_turn(silent, reply(arguments="{}")))
    engine = engine_for(client, spec(structure="auto"))

    await outcomes(engine, [request_for(function=FUNCTION)] * 3)

    assert all("tools" in call.body for call in client.calls)


@pytest.mark.parametrize("form", ["tools", "json_schema", "auto"])
async def test_a_refused_form_is_changed_and_the_request_sent_again_at_once(form):
    def picky(body: Body) -> Answer:
        wanted = body.get("response_format")
        if wanted == {"type": "json_object"}:
            return reply("{}")
        return refusal(400, param="tools" if "tools" in body else "response_format")

    client = ScriptedClient(picky)
    engine = engine_for(client, spec(structure=form))

    results = await outcomes(engine, [request_for(function=FUNCTION)] * 10)

    assert all(isinstance(result, Completion) and result.arguments == "{}" for result in results)
    assert engine.statistics["m"].structure == "json_object"
    assert engine.statistics["m"].retried == 0


async def test_when_every_form_is_refused_the_request_is_given_up():
    client = ScriptedClient(lambda body: refusal(400, param="tools" if "tools" in body else "response_format"))

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for(function=FUNCTION))

    assert (caught.value.reason, caught.value.final) == ("bad_request", False)
    assert len(client.calls) == 3


async def test_a_reasoning_model_that_takes_no_tools_ends_with_a_schema():
    """What gpt-6-astra does, were it not in the table: `none` is refused, and then tools are."""

    def astra(body: Body) -> Answer:
        if body.get("reasoning_effort") == "none":
            return refusal(400, code="unsupported_value", param="reasoning_effort")
        if "tools" in body:
            return refusal(400, param="reasoning_effort", type="invalid_request_error")
        return reply("{}")

    client = ScriptedClient(astra)
    engine = engine_for(client, spec("gpt-6-new"))

    completion = await engine.complete(request_for("gpt-6-new", function=FUNCTION))

    assert completion.structure == "json_schema"
    assert completion.attempts == 3


@pytest.mark.parametrize(
    ("model", "parameter", "refused"),
    [
        ("gpt-6-luna", "prompt_cache_options", "prompt_cache_options"),
        ("gpt-6-luna", "messages[0].content[0].prompt_cache_breakpoint", "prompt_cache_breakpoint"),
        ("m", "temperature", "temperature"),
        ("m", "max_tokens", '"max_tokens"'),
        ("gpt-6-luna", "parallel_tool_calls", "parallel_tool_calls"),
    ],
)
async def test_a_parameter_that_a_model_refuses_is_dropped_or_renamed_from_then_on(model, parameter, refused):
    def picky(body: Body) -> Answer:
        if refused in orjson.dumps(body).decode():
            return refusal(400, code="unsupported_parameter", param=parameter)
        return reply(arguments="{}")

    client = ScriptedClient(picky)
    engine = engine_for(client, spec(model, structure="tools"))
    request = Request(model, (Message("user", "hello", shared=3),), 50, FUNCTION, temperature=0.5, cache_key="k")

    results = await outcomes(engine, [request] * 5 + [request] * 5)

    assert all(isinstance(result, Completion) for result in results)
    assert len(client.calls) <= 20
    await engine.complete(request)
    assert refused not in orjson.dumps(client.calls[-1].body).decode()


async def test_bounds_that_a_strict_server_refuses_are_left_out_and_tools_are_kept():
    bounded = Function("answer", "", {"type": "object", "properties": {"a": {"type": "string", "maxLength": 9}}})

    def strict(body: Body) -> Answer:
        if "maxLength" in str(body):
            return refusal(400, code="invalid_function_parameters", param="tools[0].function.parameters")
        return reply(arguments="{}")

    client = ScriptedClient(strict)
    engine = engine_for(client)

    completion = await engine.complete(request_for(function=bounded))

    assert completion.structure == "tools"
    assert "maxLength" not in str(client.calls[-1].body)


async def test_a_parameter_that_was_never_sent_cannot_be_dropped():
    client = ScriptedClient(lambda _body: refusal(400, code="unsupported_parameter", param="messages"))

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for())

    assert caught.value.reason == "bad_request"
    assert len(client.calls) == 1


async def test_a_text_that_is_not_unicode_fails_before_it_is_sent():
    client = ScriptedClient(lambda _body: reply())

    with pytest.raises(RequestFailed) as caught:
        await engine_for(client).complete(request_for(text="a\ud800b"))

    assert (caught.value.reason, caught.value.final) == ("unencodable", True)
    assert client.calls == []
