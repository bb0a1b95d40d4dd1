"""A request that fails by its own fault is told from one that fails with all others."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import anyio
import pytest

from qloragen.engine import RetryPolicy
from qloragen.errors import ProviderUnavailable, RequestFailed
from qloragen.testing import Answer, Body, ConnectionLost, HttpReply, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion

from .engines import bad, engine_for, outcomes, request_for, spec


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@pytest.mark.parametrize(
    ("failure", "most"),
    [
        (refusal(500), 5),
        (refusal(503, headers={"retry-after": "3"}), 5),
        (ConnectionLost("reset"), 5),
        (ConnectionLost("slow", timed_out=True), 4),
        (HttpReply(200, b'{"choices": [{"mess'), 4),
        (HttpReply(200, b"<html>"), 4),
    ],
)
@pytest.mark.parametrize("in_flight", [2, 16])
async def test_one_bad_request_among_good_ones_is_given_up_as_its_own_fault_after_a_few_calls(failure, most, in_flight):
    client = ScriptedClient(bad(failure), latency_s=0.5)
    engine = engine_for(client, spec(max_concurrency=in_flight))
    texts = ["bad" if number == 5 else "good" for number in range(2_000)]

    results = await outcomes(engine, [request_for(text=text) for text in texts])

    failed = [result for result in results if isinstance(result, RequestFailed)]
    assert [(error.own, error.final) for error in failed] == [(True, False)]
    assert sum("bad" in str(call.body) for call in client.calls) == most
    assert sum(isinstance(result, Completion) for result in results) == 1_999


@pytest.mark.parametrize("seconds", [30, 600, 7_200])
@pytest.mark.parametrize("failure", [refusal(503), ConnectionLost("reset"), ConnectionLost("slow", timed_out=True)])
async def test_an_outage_of_everyone_is_no_request_s_own_fault(failure, seconds):
    random = Random(3)  # noqa: S311 - a fixed seed

    def ill(_body: Body) -> Answer:
        return failure if 10 < anyio.current_time() < 10 + seconds else reply()

    client = ScriptedClient(ill, latency_s=lambda _body: random.lognormvariate(0, 0.5))
    engine = engine_for(client, spec(max_concurrency=20), retry=RetryPolicy(patience_s=3_600))

    results = await outcomes(engine, [request_for()] * 1_000)

    assert not any(isinstance(result, RequestFailed) and result.own for result in results)


async def test_a_request_that_nobody_can_be_compared_with_is_given_up_without_a_verdict():
    client = ScriptedClient(bad(refusal(500)))
    engine = engine_for(client)
    await engine.complete(request_for(text="good"))

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(text="bad"))

    assert not caught.value.own


@pytest.mark.parametrize("answer", [refusal(400, code="invalid_value"), refusal(400, code="content_filter")])
async def test_a_refusal_at_once_is_told_by_its_reason_and_not_as_a_repeated_failure(answer):
    engine = engine_for(ScriptedClient(bad(answer)))
    await engine.complete(request_for(text="good"))

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(request_for(text="bad"))

    assert not caught.value.own


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
@pytest.mark.parametrize("in_turns", [False, True])
async def test_of_a_provider_that_fails_at_random_no_request_takes_the_blame(share, in_turns):
    random = Random(1)  # noqa: S311 - a fixed seed

    def ill(_body: Body) -> Answer:
        well = in_turns and anyio.current_time() // 60 % 2 == 0
        return refusal(503) if random.random() < share and not well else reply()

    client = ScriptedClient(ill, latency_s=lambda _body: random.lognormvariate(0, 0.7))
    engine = engine_for(client, spec(max_concurrency=50))

    results = await outcomes(engine, [request_for()] * 3_000)

    failed = [result for result in results if isinstance(result, RequestFailed)]
    assert failed
    assert not any(error.own for error in failed)


async def test_many_bad_requests_are_all_found_although_some_others_fail_at_random():
    random = Random(1)  # noqa: S311 - a fixed seed
    script = bad(refusal(500))
    client = ScriptedClient(lambda body: refusal(503) if random.random() < 0.1 else script(body))
    engine = engine_for(client, spec(max_concurrency=20))
    texts = ["bad" if number % 10 == 0 else "good" for number in range(5_000)]

    results = await outcomes(engine, [request_for(text=text) for text in texts])

    bad_ones = [result for result, text in zip(results, texts, strict=True) if text == "bad"]
    own = [isinstance(result, RequestFailed) and result.own for result in bad_ones]
    assert sum(own) >= 0.98 * len(bad_ones)  # the last ones have nobody to be compared with


async def test_bad_requests_that_are_left_alone_at_the_end_are_no_outage():
    client = ScriptedClient(bad(refusal(500)), latency_s=0.2)
    engine = engine_for(client, spec(max_concurrency=8))
    texts = ["bad" if number % 6 == 0 else "good" for number in range(36)]
    with anyio.fail_after(180):
        results = await outcomes(engine, [request_for(text=text) for text in texts])

    assert sum(isinstance(result, RequestFailed) for result in results) == 6
    assert sum("bad" in str(call.body) for call in client.calls) <= 6 * 10


async def test_a_request_may_ask_for_fewer_attempts_also_of_a_provider_that_has_never_answered():
    client = ScriptedClient(lambda _: refusal(500))
    engine = engine_for(client)

    results = await outcomes(engine, [replace(request_for(text=str(number)), max_attempts=1) for number in range(6)])

    assert [isinstance(result, RequestFailed) and result.own for result in results] == [False] * 6
    assert len(client.calls) == 6


async def test_a_run_that_stops_in_an_outage_holds_it_against_no_request():
    started = anyio.current_time()

    def ill(_body: Body) -> Answer:
        return reply() if anyio.current_time() < started + 5 else refusal(503)

    engine = engine_for(ScriptedClient(ill, latency_s=1.0), spec(max_concurrency=4), retry=RetryPolicy(patience_s=900))

    results = await outcomes(engine, [request_for()] * 40)

    assert not any(isinstance(result, RequestFailed) for result in results)
    assert any(isinstance(result, ProviderUnavailable) for result in results)
