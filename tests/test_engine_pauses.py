"""Rate limits and outages in virtual time, against a scripted provider."""

from __future__ import annotations

import anyio
import pytest

from qloragen.engine.retry import RetryPolicy
from qloragen.errors import (
    AccessDenied,
    ProviderUnavailable,
    RequestFailed,
)
from qloragen.testing import Answer, Body, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion

from .engines import engine_for, outcomes, request_for, spec


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


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
