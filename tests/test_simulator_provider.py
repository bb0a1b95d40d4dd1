"""What the simulated provider decides about a call, without sockets or waiting."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.simulator import (
    Answer,
    Capacity,
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Provider,
    Simulation,
)
from qloragen.simulator.draws import Draws, identify, lognormal
from qloragen.simulator.tokens import count_tokens
from tests.plans import TOOL, body, choice, finished, provider, refusal

# ------------------------------------------------------------ good answers


def test_an_answer_has_the_form_and_the_bill_of_a_chat_completion():
    plan = finished(provider(), body("What is a ring of nodes?", max_tokens=50))

    reply = orjson.loads(plan.body)
    assert plan.status == 200
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "m"
    assert choice(plan)["finish_reason"] == "stop"
    assert reply["usage"]["completion_tokens"] == count_tokens(choice(plan)["message"]["content"])
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + reply["usage"]["completion_tokens"]
    assert plan.headers["x-request-id"] == "req_0"
    assert plan.headers["openai-processing-ms"] == "0"


@pytest.mark.parametrize(
    ("asked", "used"), [(None, "default"), ("auto", "default"), ("flex", "flex"), ("priority", "priority")]
)
def test_a_reply_names_the_service_tier(asked, used):
    plan = finished(provider(), body(service_tier=asked))

    assert orjson.loads(plan.body)["service_tier"] == used


def test_each_message_has_a_frame_of_three_tokens_and_so_has_the_answer():
    usage = finished(provider(), body("What is a ring of nodes?")).usage

    assert usage is not None
    assert usage.prompt_tokens == count_tokens("\nuser: What is a ring of nodes?") + 6


def test_a_tool_that_must_be_called_is_called():
    plan = finished(provider(), body("Write it down.", tools=[TOOL]))

    call = choice(plan)["message"]["tool_calls"][0]
    assert choice(plan)["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "record"
    assert set(orjson.loads(call["function"]["arguments"])) == {"title", "text"}


@given(st.integers(1, 60))
def test_an_answer_is_cut_at_its_cap_and_billed_as_cut(cap):
    simulated = Provider(answers=lambda _: Answer("word " * 40))
    whole = count_tokens("word " * 40)

    plan = finished(simulated, body(max_tokens=cap))

    usage = orjson.loads(plan.body)["usage"]
    assert usage["completion_tokens"] == min(cap, whole)
    assert choice(plan)["finish_reason"] == ("stop" if cap >= whole else "length")
    assert count_tokens(choice(plan)["message"]["content"]) <= cap


def test_cut_arguments_are_really_cut():
    plan = finished(provider(), body("Write it down.", tools=[TOOL], max_tokens=3))

    arguments = choice(plan)["message"]["tool_calls"][0]["function"]["arguments"]
    assert choice(plan)["finish_reason"] == "length"
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(arguments)


def test_reasoning_is_billed_and_counts_against_the_cap():
    simulated = provider(reasoning_tokens=30)

    free, capped, off = (
        orjson.loads(finished(simulated, request).body)
        for request in (body(), body(max_tokens=30), body(reasoning_effort="none"))
    )

    assert free["usage"]["completion_tokens_details"]["reasoning_tokens"] == 30
    assert free["usage"]["completion_tokens"] > 30
    assert capped["usage"]["completion_tokens"] == 30
    assert capped["choices"][0]["message"]["content"] == ""
    assert capped["choices"][0]["finish_reason"] == "length"
    assert off["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0


def test_a_wordier_model_is_billed_for_more_tokens_and_never_beyond_the_cap():
    plain = orjson.loads(finished(provider(), body()).body)["usage"]["completion_tokens"]

    wordy, capped = (
        orjson.loads(finished(provider(verbosity=2.5), request).body) for request in (body(), body(max_tokens=4))
    )

    assert wordy["usage"]["completion_tokens"] == round(2.5 * plain)
    assert wordy["choices"][0]["finish_reason"] == "stop"
    assert 0 < capped["usage"]["completion_tokens"] <= 4
    assert capped["choices"][0]["finish_reason"] == "length"


# ------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("request_body", "code", "param"),
    [
        (b"{", None, None),
        (b"[]", None, None),
        (b"\xff\xfe", None, None),
        (b'{"messages": [{"role": "user", "content": "x"}]}', "missing_required_parameter", "model"),
        (b'{"model": "m"}', "missing_required_parameter", "messages"),
        (b'{"model": "m", "messages": []}', "missing_required_parameter", "messages"),
        (b'{"model": 7, "messages": [1]}', "invalid_type", "model"),
        (b'{"model": "m", "messages": "x"}', "invalid_type", "messages"),
        (b'{"model": "m", "messages": [1]}', "missing_required_parameter", "messages[0].role"),
        (b'{"model": "m", "messages": [{"role": "user"}]}', "invalid_type", "messages[0].content"),
        (body(max_tokens=0), "invalid_type", "max_tokens"),
        (body(max_completion_tokens="9"), "invalid_type", "max_completion_tokens"),
        (body(max_tokens=True), "invalid_type", "max_tokens"),
        (body(n=2), "unsupported_value", "n"),
        (body(n=[1]), "unsupported_value", "n"),
        (body(stream=True), "unsupported_value", "stream"),
        (body(tools=[]), "empty_array", "tools"),
        (body(reasoning_effort="bogus"), "invalid_value", "reasoning_effort"),
        (body(reasoning_effort=[1]), "invalid_value", "reasoning_effort"),
        (body(response_format={"type": "yaml"}), "invalid_value", "response_format.type"),
        (body(prompt_cache_options={"mode": "never"}), "invalid_value", "prompt_cache_options.mode"),
    ],
)
def test_a_request_of_the_wrong_form_is_told_what_is_wrong(request_body, code, param):
    simulated = provider(limits=Limits(rpm=60))

    assert refusal(finished(simulated, request_body)) == (400, code, param)
    assert simulated.statistics.total.outcomes == {"invalid_request": 1}


@pytest.mark.parametrize(
    ("model", "parameters", "param"),
    [
        ("o3-mini", {"max_tokens": 5}, "max_tokens"),
        ("gpt-5-nano", {"max_tokens": 5}, "max_tokens"),
        ("openai/gpt-6-luna", {"max_tokens": 5}, "max_tokens"),
        ("gpt-6-luna", {"tools": [TOOL]}, "reasoning_effort"),
        ("gpt-5.6-sol", {"tools": [TOOL], "reasoning_effort": "low"}, "reasoning_effort"),
        ("gpt-6-luna", {"reasoning_effort": "minimal"}, "reasoning_effort"),
        ("gpt-5.5", {"reasoning_effort": "minimal"}, None),
        ("gpt-5.7-sol", {"tools": [TOOL]}, "reasoning_effort"),
        ("gpt-7", {"tools": [TOOL]}, "reasoning_effort"),
        ("gpt-6-luna", {"temperature": 0.2}, "temperature"),
        ("gpt-6-luna", {"temperature": {}}, "temperature"),
        ("gpt-6-luna", {"top_p": [1]}, "top_p"),
        ("gpt-6-astra", {"reasoning_effort": "none"}, "reasoning_effort"),
        ("gpt-4.1", {"max_tokens": 5, "tools": [TOOL], "temperature": 0.2}, None),
        ("gpt-5.5", {"max_completion_tokens": 5, "tools": [TOOL]}, None),
        ("gpt-6-luna", {"tools": [TOOL], "reasoning_effort": "none", "temperature": 0.2}, None),
        ("gpt-oss-20b", {"max_tokens": 5}, None),
        ("olmo-2", {"max_tokens": 5}, None),
    ],
)
def test_a_model_refuses_what_its_family_does_not_take(model, parameters, param):
    plan = finished(provider(), body(model=model, **parameters))

    if param is None:
        assert plan.status == 200
    else:
        assert refusal(plan)[0] == 400
        assert refusal(plan)[2] == param


def test_a_request_above_the_context_window_is_told_its_size():
    simulated = provider(context_tokens=1_000)

    assert finished(simulated, body("word " * 500, max_tokens=100)).status == 200
    plan = finished(simulated, body("word " * 500, max_tokens=900))

    assert refusal(plan) == (400, "context_length_exceeded", "messages")
    assert b"maximum context length is 1000 tokens" in plan.body


def test_only_the_right_key_is_let_in():
    simulated = Provider(Simulation(api_key="right"))

    wrong = finished(simulated, body(), headers={"authorization": "Bearer wrong"})
    right = finished(simulated, body(), headers={"authorization": "Bearer right"})
    azure = finished(simulated, body(), headers={"api-key": "right"})

    assert refusal(wrong)[:2] == (401, "invalid_api_key")
    assert b"wrong" not in wrong.body
    assert (right.status, azure.status) == (200, 200)
    assert simulated.statistics.total.outcomes == {"answered": 2, "unauthorized": 1}


def test_only_the_models_that_there_are_can_be_asked():
    simulated = Provider(Simulation(models={"one": Model(), "two": Model(limits=Limits(rpm=1))}))

    assert finished(simulated, body(model="one")).status == 200
    assert refusal(finished(simulated, body(model="three"))) == (404, "model_not_found", "model")
    assert simulated.models == ("one", "two")


# ------------------------------------------------------------ limits


def test_a_call_above_a_limit_is_told_the_limit_and_the_wait():
    simulated = provider(limits=Limits(rpm=30))
    finished(simulated, body())

    plan = finished(simulated, body())

    assert refusal(plan)[:2] == (429, "rate_limit_exceeded")
    assert b"Limit 30, Used 1, Requested 1" in plan.body
    assert plan.headers["retry-after-ms"] == "2000"
    assert plan.headers["retry-after"] == "2"
    assert plan.headers["x-ratelimit-limit-requests"] == "30"
    assert simulated.statistics.models["m"].outcomes == {"answered": 1, "rejected_rpm": 1}


def test_what_is_announced_recovers_with_time():
    simulated = provider(limits=Limits(rpm=60, burst_s=60))

    left = [finished(simulated, body(), at_s).headers["x-ratelimit-remaining-requests"] for at_s in (0, 0, 0, 2.5)]

    assert left == ["59", "58", "57", "58"]


def test_a_call_larger_than_the_limit_is_told_both():
    simulated = provider(limits=Limits(tpm=100))

    plan = finished(simulated, body(max_tokens=500))

    assert refusal(plan)[:2] == (429, "rate_limit_exceeded")
    assert b"Limit 100, Requested 5" in plan.body
    assert "retry-after" not in plan.headers
    assert simulated.statistics.total.outcomes == {"rejected_tpm": 1}


def test_models_do_not_share_their_limits():
    simulated = provider(limits=Limits(rpm=60))

    assert [finished(simulated, body(model=model)).status for model in ("a", "b", "a")] == [200, 200, 429]


def test_calls_above_the_concurrency_limit_are_rejected():
    simulated = provider(capacity=Capacity(concurrency=2))
    first = [simulated.arrive(body(), {}, 0.0) for _ in range(2)]

    rejected = finished(simulated, body())
    simulated.end(first[0], 1.0, whole=True)

    assert refusal(rejected)[:2] == (429, "rate_limit_exceeded")
    assert finished(simulated, body(), 1.0).status == 200


@pytest.mark.parametrize("request_body", [body(n=2), body(max_tokens=0), b'{"model": "m"}'])
def test_a_refused_form_announces_the_limits_of_its_model_and_costs_nothing(request_body):
    simulated = provider(limits=Limits(rpm=600))

    assert finished(simulated, request_body).headers["x-ratelimit-remaining-requests"] == "600"


def test_calls_above_the_concurrency_limit_count_as_requests():
    simulated = provider(limits=Limits(rpm=600, burst_s=60), capacity=Capacity(concurrency=1))
    simulated.arrive(body(), {}, 0.0)

    left = [finished(simulated, body()).headers["x-ratelimit-remaining-requests"] for _ in range(3)]

    assert left == ["598", "597", "596"]


def test_faults_announce_limits_like_any_reply():
    simulated = provider(limits=Limits(rpm=600), faults=(Fault("500"),))

    assert "x-ratelimit-remaining-requests" in finished(simulated, body()).headers


# ------------------------------------------------------------ latency


def test_latency_has_the_median_and_the_percentile_that_were_asked_for():
    simulated = provider(latency=Latency(median_s=0.5, p99_s=3.0))

    latencies = sorted(finished(simulated, body(f"call {n}")).first_s for n in range(4_000))

    assert latencies[2_000] == pytest.approx(0.5, rel=0.08)
    assert latencies[3_960] == pytest.approx(3.0, rel=0.2)


def test_each_completion_token_takes_its_time():
    simulated = provider(latency=Latency(median_s=1.0, token_s=0.1))

    plan = finished(simulated, body(max_tokens=3))

    assert plan.first_s == pytest.approx(1.3)


def test_the_time_per_token_is_drawn_apart_from_the_time_to_the_first():
    simulated = provider(latency=Latency(1.0, 4.0, 0.1, 0.4))
    fast: list[float] = []
    slow: list[float] = []
    for n in range(400):
        plan = finished(simulated, body(f"call {n}"))
        assert plan.usage is not None
        first_s = lognormal(1.0, 4.0, Draws(identify(body(f"call {n}"), 0), 0).first)
        (fast if first_s < 1.0 else slow).append((plan.first_s - first_s) / plan.usage.completion_tokens)

    assert sorted(fast)[len(fast) // 2] == pytest.approx(sorted(slow)[len(slow) // 2], rel=0.2)


def test_a_refusal_takes_its_own_time_and_the_failure_of_a_server_that_of_an_answer():
    faults = (Fault("bad_request", end_s=10), Fault("503", start_s=10, end_s=20))
    simulated = provider(latency=Latency(median_s=2.0, refusal_s=0.1), limits=Limits(rpm=1, burst_s=60), faults=faults)
    simulated.begin(0.0)

    seconds = [finished(simulated, body(), at_s).first_s for at_s in (0.0, 0.0)]

    assert seconds == [0.1, 0.1], "refused by a fault, and by a limit"
    assert provider(latency=Latency(2.0, refusal_s=0.1), faults=(Fault("503"),)).arrive(body(), {}, 0.0).first_s == 2.0


def test_an_effect_may_delay_a_good_reply():
    simulated = provider(latency=Latency(median_s=2.0), script={0: Effect(delay_s=5.0)})

    assert finished(simulated, body()).first_s == 7.0


def test_calls_above_the_slots_wait_for_their_turn():
    simulated = provider(latency=Latency(median_s=1.0), capacity=Capacity(slots=2))

    ends = [simulated.arrive(body(str(n)), {}, 0.0).first_s for n in range(5)]

    assert ends == [1.0, 1.0, 2.0, 2.0, 3.0]
    assert simulated.arrive(body("later"), {}, 10.0).first_s == 1.0


def test_calls_above_the_knee_take_longer():
    simulated = provider(latency=Latency(median_s=1.0), capacity=Capacity(knee=2))

    assert [simulated.arrive(body(), {}, 0.0).first_s for _ in range(4)] == [1.0, 1.0, 1.5, 2.0]
