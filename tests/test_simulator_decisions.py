"""`/v1/decisions` of the simulated provider."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai import AsyncOpenAI, BadRequestError

from qloragen.engine.client import ConnectionLost
from qloragen.packs import load_pack
from qloragen.simulator import (
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Plan,
    Provider,
    SimulatedClient,
    Simulation,
    SimulatorServer,
)
from qloragen.testing import VirtualLoop
from tests.plans import body, finished, refusal

ARTICLE = "Set memtable_flush_writers to 2 in the configuration file. The parameter bounds the threads that flush. " * 5
PREDICATE = {"type": "predicate", "name": "settings", "instructions": "It names settings and says what they do"}
CHOICE = {
    "type": "choice",
    "instructions": "What is it about?",
    "choices": [{"value": "flush", "description": "threads that flush"}, {"value": True}, {"value": "true"}],
}
SCORE = {
    "type": "score",
    "name": "depth",
    "instructions": "How deep is it?",
    "levels": [{"label": "shallow"}, {"label": "middling"}, {"label": "deep"}],
}


def asked(given: Any = ARTICLE, *questions: Any, model: str = "gpt-6-luna", **fields: Any) -> bytes:
    return orjson.dumps({"model": model, "input": given, "questions": questions or (PREDICATE,), **fields})


def deciding(
    *, simulation: dict[str, Any] | None = None, options: dict[str, Any] | None = None, **model: Any
) -> Provider:
    return Provider(Simulation(models={"*": Model(**model)}, **(simulation or {})), **(options or {}))


def decided(provider: Provider, request: bytes, at_s: float = 0.0) -> Plan:
    plan = provider.arrive(request, {}, at_s, "decisions")
    provider.end(plan, at_s + plan.last_s, whole=True)
    return plan


def answers(plan: Plan) -> list[dict[str, Any]]:
    assert plan.status == 200, plan.body
    found: list[dict[str, Any]] = orjson.loads(plan.body)["answers"]
    return found


# ------------------------------------------------------------ answers


def test_each_question_is_answered_in_its_form_and_in_order():
    predicate, choice, score = answers(decided(deciding(), asked(ARTICLE, PREDICATE, CHOICE, SCORE)))

    assert predicate == {"type": "predicate", "name": "settings", "probability": predicate["probability"]}
    assert 0 < predicate["probability"] < 1
    assert (choice["name"], [part["value"] for part in choice["probabilities"]]) == (None, ["flush", True, "true"])
    assert choice["confidence"] == max(part["probability"] for part in choice["probabilities"])
    assert sum(part["probability"] for part in choice["probabilities"]) == pytest.approx(1, abs=0.01)
    assert [(part["value"], part["label"]) for part in score["probabilities"]] == [
        (0, "shallow"),
        (1, "middling"),
        (2, "deep"),
    ]
    assert score["score"] == pytest.approx(sum(part["value"] * part["probability"] for part in score["probabilities"]))


def test_equal_requests_get_equal_answers_and_other_texts_others():
    request = asked(ARTICLE, PREDICATE, CHOICE, SCORE)

    assert answers(decided(deciding(), request)) == answers(decided(deciding(), request))
    assert answers(decided(deciding(), request)) != answers(decided(deciding(), asked("Else. " * 60, CHOICE, SCORE)))


def test_predicates_tell_the_types_that_a_text_supports_from_the_others():
    pack = load_pack()
    questions = [
        {"type": "predicate", "name": kind.slug, "instructions": f"{kind.name}: {kind.applies_when}"}
        for kind in pack.types
    ]

    found = {
        answer["name"]: answer["probability"] for answer in answers(decided(deciding(), asked(ARTICLE, *questions)))
    }

    assert found["configuration"] > 0.5 > found["compatibility"]
    assert all(found[kind.slug] > 0.9 for kind in pack.types if kind.always)
    empty = answers(decided(deciding(), asked("Please log in.", *questions)))
    assert all(answer["probability"] < 0.1 for answer in empty)


def test_a_test_decides_by_a_function_of_text_and_question():
    def decide(text: str, question: Any) -> list[float] | None:
        return None if question["type"] == "choice" else [0.75] if "flush" in text else [0.25]

    provider = deciding(options={"decide": decide})

    first, second = answers(decided(provider, asked(ARTICLE, PREDICATE, CHOICE)))
    assert first["probability"] == 0.75
    assert second == {"type": "refusal", "name": None}
    assert answers(decided(provider, asked("nothing")))[0]["probability"] == 0.25


def test_an_input_may_come_in_messages_and_parts_and_rules_are_not_what_is_judged():
    texts: list[str] = []

    def decide(text: str, _: Any) -> list[float]:
        texts.append(text)
        return [0.5]

    provider = deciding(options={"decide": decide})
    parts = [{"type": "input_text", "text": "a"}, {"type": "input_json", "data": {"b": 1}}]
    call = {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}

    decided(provider, asked([{"role": "system", "content": "rules"}, {"role": "user", "content": parts}, call]))

    assert texts[0].startswith('a\n\n{"b":1}\n\n{"type":"function_call"')


# ------------------------------------------------------------ the bill


def test_only_input_tokens_are_billed_on_an_account_of_their_own():
    provider = deciding()
    finished(provider, body(model="gpt-6-luna"))

    plan = decided(provider, asked())

    usage = orjson.loads(plan.body)["usage"]
    assert usage["input_tokens"] == usage["total_tokens"] > 50
    assert usage["output_tokens"] == 0
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    counts = provider.statistics.services["decisions"]["gpt-6-luna"]
    assert (counts.billed.prompt_tokens, counts.billed.completion_tokens) == (usage["input_tokens"], 0)
    assert provider.statistics.services["default"]["gpt-6-luna"].calls == 1
    assert provider.statistics.models["gpt-6-luna"].calls == 2


def test_the_cache_is_written_behind_the_input_and_read_by_other_questions():
    provider = deciding()
    long = "The same words again and again. " * 400

    first = orjson.loads(decided(provider, asked(long)).body)["usage"]["input_tokens_details"]
    second = orjson.loads(decided(provider, asked(long, SCORE), 1.0).body)["usage"]["input_tokens_details"]
    explicit = asked(long + "!", prompt_cache_options={"mode": "explicit"})
    third = orjson.loads(decided(provider, explicit, 2.0).body)["usage"]["input_tokens_details"]

    assert first["cache_write_tokens"] == second["cached_tokens"] > 1_024
    assert third == {"cached_tokens": 0, "cache_write_tokens": 0}


def test_a_breakpoint_behind_a_part_is_written_and_read():
    provider, mark = deciding(), {"prompt_cache_breakpoint": {"mode": "explicit"}}
    article = {"type": "input_text", "text": "The same words again and again. " * 400, **mark}
    found = []
    for at_s, rest in enumerate(("one", "two")):
        given = [{"role": "user", "content": [article, {"type": "input_text", "text": rest}]}]
        plan = decided(provider, asked(given, prompt_cache_options={"mode": "explicit"}), float(at_s))
        found.append(orjson.loads(plan.body)["usage"]["input_tokens_details"])

    assert found[0]["cache_write_tokens"] == found[1]["cached_tokens"] > 1_024
    assert (found[0]["cached_tokens"], found[1]["cache_write_tokens"]) == (0, 0)


def test_decisions_take_their_time_and_count_against_the_limits_of_the_model():
    provider = deciding(latency=Latency(median_s=0.5, token_s=9), limits=Limits(rpm=1, burst_s=60))

    assert decided(provider, asked()).first_s == 0.5
    assert refusal(decided(provider, asked()))[:2] == (429, "rate_limit_exceeded")


def test_decisions_are_recorded_as_calls_and_struck_by_scripts():
    provider = deciding(options={"record": True, "script": {1: Fault("500")}})

    assert [decided(provider, asked()).status for _ in range(2)] == [200, 500]
    call = provider.calls[0]
    assert (call.endpoint, call.kind, call.model) == ("decisions", "classify", "gpt-6-luna")
    assert call.texts == [ARTICLE, PREDICATE["instructions"]]
    assert call.status == 200


# ------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("request_body", "code", "param"),
    [
        (b"[]", None, None),
        (orjson.dumps({"input": "x", "questions": [PREDICATE]}), "missing_required_parameter", "model"),
        (orjson.dumps({"model": "gpt-6-luna", "questions": [PREDICATE]}), "missing_required_parameter", "input"),
        (orjson.dumps({"model": "gpt-6-luna", "input": "x"}), "missing_required_parameter", "questions"),
        (orjson.dumps({"model": "gpt-6-luna", "input": "x", "questions": []}), "array_below_min_length", "questions"),
        (asked("x", *[PREDICATE] * 401), "array_above_max_length", "questions"),
        (asked("x", service_tier="flex"), "unknown_parameter", "service_tier"),
        (asked(5), "invalid_type", "input"),
        (asked(["x"]), "invalid_type", "input[0]"),
        (asked([{"role": "tool", "content": "x"}]), "invalid_value", "input[0].role"),
        (asked([{"role": "user"}]), "missing_required_parameter", "input[0].content"),
        (asked([{"role": "user", "content": [{"type": "text"}]}]), "invalid_value", "input[0].content[0].type"),
        (asked([{"type": "reasoning"}]), "invalid_value", "input[0].type"),
        (asked("x", "q"), "invalid_type", "questions[0]"),
        (asked("x", {"type": "essay"}), "invalid_value", "questions[0].type"),
        (asked("x", {"type": "predicate"}), "missing_required_parameter", "questions[0].instructions"),
        (asked("x", {**PREDICATE, "name": 1}), "invalid_type", "questions[0].name"),
        (asked("x", {**CHOICE, "choices": [{"value": 1}] * 2}), "invalid_type", "questions[0].choices[0].value"),
        (asked("x", {**CHOICE, "choices": [{"value": "a"}]}), "array_below_min_length", "questions[0].choices"),
        (asked("x", {**CHOICE, "choices": [{"value": "a"}] * 2}), "invalid_value", "questions[0].choices"),
        (asked("x", {**SCORE, "levels": [{"label": "a"}] * 11}), "array_above_max_length", "questions[0].levels"),
        (asked("x", {**SCORE, "levels": None}), "missing_required_parameter", "questions[0].levels"),
        (asked("x", prompt_cache_options={"ttl": "12h"}), "invalid_value", "prompt_cache_options.ttl"),
        (asked("x", safety_identifier="x" * 129), "string_above_max_length", "safety_identifier"),
        (asked("x", model="gpt-6-sol"), "unsupported_model", "model"),
    ],
)
def test_a_request_that_the_api_does_not_take_is_refused_without_a_bill(request_body, code, param):
    provider = deciding()

    assert refusal(decided(provider, request_body)) == (400, code, param)
    assert provider.statistics.total.billed.prompt_tokens == 0


def test_which_models_decide_can_be_set_and_which_there_are():
    assert decided(deciding(decides="always"), asked(model="local")).status == 200
    assert decided(deciding(decides="never"), asked()).status == 400
    only = Provider(Simulation(models={"m": Model()}))
    assert refusal(decided(only, asked())) == (404, "model_not_found", "model")


def test_an_input_that_is_too_long_is_refused():
    assert refusal(decided(deciding(context_tokens=50), asked()))[1] == "context_length_exceeded"


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("refusal", [{"type": "refusal", "name": "settings"}]),
        ("empty_choices", []),
        ("null_content", []),
    ],
)
def test_bad_answers_have_the_form_of_decisions(kind, kept):
    provider = deciding(simulation={"faults": (Fault(kind, endpoints=("decisions",)),)})

    assert answers(decided(provider, asked())) == kept
    assert provider.statistics.total.outcomes == {kind: 1}


def test_faults_of_chat_completions_are_none_of_decisions_unless_they_say_so():
    faults = (Fault("500"), Fault("missing_usage", endpoints=("decisions",)))

    plan = decided(deciding(simulation={"faults": faults}), asked())

    assert set(orjson.loads(plan.body)) == {"model", "answers"}


def test_an_effect_of_ones_own_is_applied():
    effect = Effect(edit=lambda reply: {**reply, "answers": reply["answers"][:1]})
    provider = deciding(options={"script": {0: effect}})

    assert len(answers(decided(provider, asked(ARTICLE, PREDICATE, SCORE)))) == 1


# ------------------------------------------------------------ shells


@pytest.mark.parametrize("anyio_backend", [pytest.param(("asyncio", {"loop_factory": VirtualLoop}), id="virtual")])
async def test_decisions_in_process_take_virtual_time():
    client = SimulatedClient(deciding(latency=Latency(median_s=30)))

    assert (await client.decide(asked(), timeout_s=31)).status == 200
    with pytest.raises(ConnectionLost):
        await client.decide(asked(), timeout_s=29)


async def test_the_official_client_reads_decisions():
    async with (
        SimulatorServer(deciding()) as server,
        AsyncOpenAI(base_url=server.base_url, api_key="k", max_retries=0) as client,
    ):
        decision = await client.decisions.create(
            model="gpt-6-luna",
            input=ARTICLE,
            questions=[
                {"type": "predicate", "instructions": "It names settings"},
                {"type": "score", "instructions": "Depth?", "levels": [{"label": "low"}, {"label": "high"}]},
            ],
        )
        with pytest.raises(BadRequestError):
            await client.decisions.create(model="gpt-6-luna", input=ARTICLE, questions=[])

    assert [answer.type for answer in decision.answers] == ["predicate", "score"]
    assert decision.usage.output_tokens == 0
    assert decision.usage.input_tokens == server.statistics.total.billed.prompt_tokens
