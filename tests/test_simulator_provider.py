"""What the simulated provider decides about a call, without sockets or waiting."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.errors import SettingsError
from qloragen.simulator import (
    KINDS,
    Answer,
    Capacity,
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    Plan,
    Provider,
    Simulation,
    Wire,
    error,
)
from qloragen.simulator.tokens import count_tokens

TOOL = {
    "type": "function",
    "function": {
        "name": "record",
        "parameters": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
            "required": ["title", "text"],
            "additionalProperties": False,
        },
    },
}


def body(text: str = "hello", model: str = "m", **parameters: Any) -> bytes:
    return orjson.dumps({"model": model, "messages": [{"role": "user", "content": text}], **parameters})


def provider(*, script=None, record: bool = False, faults=(), outages=(), seed: int = 0, **model: Any) -> Provider:
    simulation = Simulation(models={"*": Model(**model)}, faults=faults, outages=outages, seed=seed)
    return Provider(simulation, script=script, record=record)


def finished(provider: Provider, request: bytes, at_s: float = 0.0, headers: dict[str, str] | None = None) -> Plan:
    """Return the plan of a call that got its whole reply, if there was one."""
    plan = provider.arrive(request, headers or {}, at_s)
    provider.end(plan, at_s + plan.last_s, whole=plan.wire in {Wire.WHOLE, Wire.TRICKLE})
    return plan


def refusal(plan: Plan) -> tuple[int, str | None, str | None]:
    """Return status, code and param of an error reply in OpenAI's form."""
    told = orjson.loads(plan.body)["error"]
    assert set(told) == {"message", "type", "param", "code"}
    return plan.status, told["code"], told["param"]


def choice(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(plan.body)["choices"][0]
    return found


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
        (body(n=2), "unsupported_value", "n"),
        (body(stream=True), "unsupported_value", "stream"),
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
        ("gpt-6-luna", {"temperature": 0.2}, "temperature"),
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


def test_calls_above_the_slots_wait_for_their_turn():
    simulated = provider(latency=Latency(median_s=1.0), capacity=Capacity(slots=2))

    ends = [simulated.arrive(body(str(n)), {}, 0.0).first_s for n in range(5)]

    assert ends == [1.0, 1.0, 2.0, 2.0, 3.0]
    assert simulated.arrive(body("later"), {}, 10.0).first_s == 1.0


def test_calls_above_the_knee_take_longer():
    simulated = provider(latency=Latency(median_s=1.0), capacity=Capacity(knee=2))

    assert [simulated.arrive(body(), {}, 0.0).first_s for _ in range(4)] == [1.0, 1.0, 1.5, 2.0]


MIXED = (
    Fault("503", rate=0.2),
    Fault("length", rate=0.2),
    Fault("bad_request", rate=0.1, sticky=True),
    Fault("429", rate=0.1, effect=error(429)),
)


@given(st.integers(0, 3), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_neither_latencies_nor_faults(seed, chance: random.Random):
    bodies = [body(f"call {n % 20}") for n in range(60)]
    latency = Latency(0.5, 3.0, 0.01, 0.05)

    def met(order: list[bytes]) -> dict[bytes, list[tuple[str, float]]]:
        simulated = provider(latency=latency, faults=MIXED, seed=seed)
        found: dict[bytes, list[tuple[str, float]]] = {}
        for request in order:
            plan = finished(simulated, request)
            found.setdefault(request, []).append((plan.outcome, plan.first_s))
        return found

    assert met(bodies) == met(chance.sample(bodies, len(bodies)))


def test_another_seed_is_another_run():
    outcomes = [
        [finished(simulated, body(str(n))).outcome for n in range(50)]
        for simulated in (provider(faults=MIXED, seed=seed) for seed in (1, 1, 2))
    ]

    assert outcomes[0] == outcomes[1] != outcomes[2]


# ------------------------------------------------------------ faults


def test_faults_strike_at_their_rates():
    simulated = provider(faults=(Fault("503", rate=0.1), Fault("hang", rate=0.05)))

    for n in range(4_000):
        finished(simulated, body(str(n)))

    outcomes = simulated.statistics.total.outcomes
    assert outcomes["503"] == pytest.approx(400, rel=0.15)
    assert outcomes["hang"] == pytest.approx(200, rel=0.2)


def test_faults_keep_to_their_time_and_their_models():
    simulated = provider(faults=(Fault("500", start_s=10, end_s=20, models=("a",)),))
    simulated.begin(100.0)

    met = [finished(simulated, body(model=model), 100.0 + at_s).status for model in "ab" for at_s in (5, 10, 19, 20)]

    assert met == [200, 500, 500, 200, 200, 200, 200, 200]


def test_every_nth_call_can_be_struck():
    simulated = provider(faults=(Fault("500", every=3),))

    assert [finished(simulated, body()).status for _ in range(7)] == [500, 200, 200, 500, 200, 200, 500]


def test_a_sticky_fault_strikes_the_same_bodies_again_and_again():
    simulated = provider(faults=(Fault("500", rate=0.3, sticky=True),))

    rounds = [[finished(simulated, body(str(n))).status for n in range(50)] for _ in range(3)]

    assert rounds[0] == rounds[1] == rounds[2]
    assert 500 in rounds[0]
    assert 200 in rounds[0]


def test_a_repeated_call_is_struck_anew():
    simulated = provider(faults=(Fault("500", rate=0.5),))

    assert {finished(simulated, body()).status for _ in range(30)} == {200, 500}


@pytest.mark.parametrize("kind", [kind for kind, effect in KINDS.items() if effect.structured])
def test_faults_of_structured_answers_spare_the_others(kind):
    simulated = provider(faults=(Fault(kind),))

    assert finished(simulated, body()).outcome == "answered"
    assert finished(simulated, body(tools=[TOOL])).outcome == kind


def test_a_trickle_is_the_whole_reply_in_pieces_one_a_second():
    plan = finished(provider(faults=(Fault("slow_trickle"),)), body())

    assert b"".join(plan.pieces) == plan.body
    assert 50 < len(plan.pieces) <= 60
    assert plan.last_s - plan.first_s == len(plan.pieces) - 1


@pytest.mark.parametrize("kind", ["503", "reset", "refuse"])
def test_an_outage_strikes_every_call_of_its_time(kind):
    simulated = provider(outages=(Outage(5.0, 10.0, kind),))
    simulated.begin(0.0)

    plans = [finished(simulated, body(), at_s) for at_s in (4.9, 5.0, 14.9, 15.0)]

    assert [plan.outcome for plan in plans] == ["answered", "outage", "outage", "answered"]
    wire = {"503": Wire.WHOLE, "reset": Wire.RESET_BEFORE_HEADERS, "refuse": Wire.REFUSED}[kind]
    assert plans[1].wire is wire


def test_a_script_decides_by_the_call():
    def script(call):
        if call.kind == "generate":
            return error(418, code="teapot")
        return Fault("hang") if "quiet" in call.prompt else None

    simulated = provider(script=script)

    assert refusal(finished(simulated, body(tools=[TOOL])))[:2] == (418, "teapot")
    assert finished(simulated, body("quiet now")).wire is Wire.HANG
    assert finished(simulated, body()).status == 200
    assert simulated.statistics.total.outcomes == {"scripted": 1, "hang": 1, "answered": 1}


def test_a_script_decides_by_the_index():
    simulated = provider(script={1: Effect(raw=b"<html>")}, record=True)

    plans = [finished(simulated, body()) for _ in range(3)]

    assert [plan.body[:6] for plan in plans] == [b'{"id":', b"<html>", b'{"id":']
    assert plans[1].headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Fault("nope"), "There is no fault 'nope'"),
        (lambda: Fault("500", rate=1.5), "from 0 to 1"),
        (lambda: Fault("500", every=0), "every 0"),
        (lambda: Simulation(faults=(Fault("500", rate=0.6), Fault("503", rate=0.6))), r"add up to 1\.2"),
        (lambda: Limits(rpm=0), "rpm must be above 0"),
        (lambda: Latency(median_s=-1), "median_s must be 0 or more"),
        (lambda: Model(context_tokens=0), "context_tokens"),
        (lambda: Capacity(slots=0), "slots"),
        (lambda: Outage(-1, 5), "start_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused_in_a_sentence(build, message):
    with pytest.raises(SettingsError, match=message):
        build()


def test_faults_at_different_times_may_strike_everything():
    Simulation(faults=(Fault("500", end_s=10), Fault("503", start_s=10)))


# ------------------------------------------------------------ ledger


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["a", "b"]), st.sampled_from(["whole", "lost", "open"]))),
    st.integers(0, 5),
)
def test_the_parts_of_the_ledger_add_up_to_the_whole(calls, seed):
    kinds = ("503", "truncated_body", "reset_before_headers", "empty_choices", "hang")
    simulated = provider(faults=tuple(Fault(kind, rate=0.1) for kind in kinds), limits=Limits(rpm=600), seed=seed)
    for n, model, end in calls:
        plan = simulated.arrive(body(str(n), model=model), {}, 0.0)
        if end != "open":
            simulated.end(plan, 1.0, whole=end == "whole" and plan.wire is Wire.WHOLE)

    seen = simulated.statistics
    assert seen.total.calls == len(calls)
    assert seen.total.in_flight == sum(end == "open" for *_, end in calls)
    for counts in (seen.total, *seen.models.values()):
        assert sum(counts.outcomes.values()) + counts.in_flight == counts.calls
        assert counts.in_flight <= counts.peak
        assert all(part <= whole for part, whole in zip(counts.undelivered, counts.billed, strict=True))
    for name in ("calls", "in_flight"):
        assert getattr(seen.total, name) == sum(getattr(counts, name) for counts in seen.models.values())
    for place, total in enumerate(seen.total.billed):
        assert total == sum(counts.billed[place] for counts in seen.models.values())


def test_good_answers_to_the_same_body_are_counted_as_duplicates():
    simulated = provider(script={1: Effect(status=500)})

    for request in (body("a"), body("a"), body("a"), body("b")):
        finished(simulated, request)

    assert simulated.statistics.duplicates == 1


def test_a_reply_that_nobody_waited_for_is_billed_all_the_same():
    simulated = provider(record=True)
    plan = simulated.arrive(body(), {}, 0.0)

    simulated.end(plan, 0.5, whole=False)

    counts = simulated.statistics.total
    assert counts.outcomes == {"abandoned": 1}
    assert counts.billed == counts.undelivered == plan.usage
    assert (simulated.calls[0].status, simulated.calls[0].usage) == (None, None)


def test_recorded_calls_tell_what_was_asked_and_answered():
    simulated = provider(record=True, latency=Latency(median_s=2.0))
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    messages = [{"role": "system", "content": "be kind"}, {"role": "user", "content": parts}]
    request = orjson.dumps({"model": "m", "messages": messages})

    finished(simulated, request, 7.0, {"authorization": "Bearer k"})

    call = simulated.calls[0]
    assert (call.index, call.model, call.kind, call.started, call.answered) == (0, "m", "classify", 7.0, 9.0)
    assert call.prompt == "be kind\n\none two"
    assert call.headers == {"authorization": "Bearer k"}
    assert call.reply is not None
    assert call.usage == call.reply["usage"]


def test_calls_are_not_kept_unless_they_are_recorded():
    simulated = provider(script=lambda _call: None)

    finished(simulated, body())

    assert simulated.calls == []


def test_memory_of_bodies_is_bounded():
    simulated = Provider(Simulation(remembered_calls=10))
    for n in (*range(40), 0, 39):
        finished(simulated, body(str(n)))

    assert simulated.statistics.duplicates == 1


def test_statistics_are_plain_json():
    simulated = provider()
    finished(simulated, body())

    shown = orjson.loads(orjson.dumps(simulated.statistics.as_dict()))

    assert shown["calls"] == shown["models"]["m"]["calls"] == 1
    assert shown["outcomes"] == {"answered": 1}
    assert shown["duplicates"] == 0
    assert shown["billed"]["prompt_tokens"] > 0
