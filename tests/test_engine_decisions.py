"""Requests with predicates: asked for at an end of their own, paid for as what they are."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import anyio
import orjson
import pytest

from qloragen.engine import Bounds, Budget, Engine, HttpReply, ModelSpec, Price, family, known_model, overridden
from qloragen.errors import BudgetReached, ModelNotFound, RequestFailed, SettingsError
from qloragen.simulator import Fault, Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, LostCall, Message, Predicate, Request
from tests.engines import FUNCTION, engine_for, in_turn

LUNA = "gpt-6-luna"
ARTICLE = "# Backups\n\nRun `nodetool snapshot` first. Then copy the files, step by step.\n" * 20
PREDICATES = (Predicate("t1", "The article has code."), Predicate("t2", "The article compares two databases."))
PRICE = Price(Decimal(2), Decimal(8), tiers={"decisions": Price(Decimal("0.1"), Decimal(0), Decimal(0), Decimal(0))})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def judging(model: str = LUNA, *, predicates: tuple[Predicate, ...] = PREDICATES, text: str = ARTICLE) -> Request:
    return Request(model, (Message("system", "Judge."), Message("user", text)), 1, predicates=predicates)


def decided(*answers: object, input_tokens: int = 1_000) -> HttpReply:
    return HttpReply(200, orjson.dumps({"answers": answers, "usage": {"input_tokens": input_tokens}}))


def luna(**fields) -> ModelSpec:
    return ModelSpec(LUNA, family(LUNA), **{"price": PRICE, "rpm": 10**9, "tpm": 10**12, **fields})


class Chatting:
    """A client that only chats."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        del body, timeout_s
        return reply()


async def test_a_request_with_predicates_brings_one_answer_to_each_and_is_paid_for_as_decisions():
    provider = Provider(Simulation())
    engine = Engine(SimulatedClient(provider), [known_model(LUNA)])

    completion = await engine.complete(judging())

    answers = orjson.loads(completion.arguments or "")
    assert [(answer["type"], answer["name"]) for answer in answers] == [("predicate", "t1"), ("predicate", "t2")]
    assert all(0 <= answer["probability"] <= 1 for answer in answers)
    assert (completion.structure, completion.tier, completion.usage.completion_tokens) == ("decisions", "decisions", 0)
    billed = provider.statistics.services["decisions"][LUNA].billed
    assert completion.usage.prompt_tokens == billed.prompt_tokens > 0
    assert completion.usage.cache_write_tokens == 0
    assert completion.cost_usd == billed.prompt_tokens * Decimal("0.10") / 1_000_000


async def test_decisions_and_completions_share_a_model_without_mixing():
    client = ScriptedClient(lambda _body: reply("text"), deciding=lambda _body: decided({"name": "t1"}))
    engine = engine_for(client, luna())

    first = await engine.complete(judging())
    second = await engine.complete(Request(LUNA, (Message("user", "write"),), 10))

    assert [call.path for call in client.calls] == ["/decisions", "/chat/completions"]
    assert (first.arguments, second.text) == ('[{"name":"t1"}]', "text")
    assert engine.statistics[LUNA].structure == "tools"


async def test_decisions_say_nothing_of_how_completions_are_held_in_shape():
    client = ScriptedClient(lambda _body: reply("prose"), deciding=lambda _body: decided())
    engine = engine_for(client, ModelSpec("m", overridden(family("m"), {"decisions": True})))

    await engine.complete(judging("m"))
    await engine.complete(Request("m", (Message("user", "write"),), 10, FUNCTION))

    assert engine.statistics["m"].structure == "json_schema"


@pytest.mark.parametrize("answers", [(), ({"type": "refusal", "name": "t1"},), (1, 2, 3)])
async def test_answers_of_any_number_and_kind_are_handed_over_for_they_are_paid_for(answers):
    client = ScriptedClient(lambda _body: reply(), deciding=lambda _body: decided(*answers))
    engine = engine_for(client, luna())

    completion = await engine.complete(judging())

    assert orjson.loads(completion.arguments or "") == list(answers)
    assert completion.cost_usd == Decimal("0.0001") == engine.spent_usd


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refusal(400, code="unsupported_model", param="model"), "code unsupported_model"),
        (refusal(404), "HTTP 404"),
    ],
)
async def test_who_cannot_decide_stops_the_run_and_says_what_to_do(answer, said):
    client = ScriptedClient(lambda _body: reply(), deciding=lambda _body: answer)
    engine = engine_for(client, luna())

    with pytest.raises(ModelNotFound, match=f"{said}.*choose another classifier"):
        await engine.complete(judging())

    assert len(client.calls) == 1
    assert engine.spent_usd == 0


async def test_the_simulator_s_models_that_do_not_decide_stop_it_too():
    spec = ModelSpec("gpt-6-sol", overridden(family("gpt-6-sol"), {"decisions": True}))
    engine = Engine(SimulatedClient(Provider(Simulation())), [spec])

    with pytest.raises(ModelNotFound, match="no_decisions"):
        await engine.complete(judging("gpt-6-sol"))


async def test_a_model_that_is_not_known_to_decide_is_not_asked():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, ModelSpec("gpt-6-sol", family("gpt-6-sol")))

    with pytest.raises(SettingsError, match="gpt-6-sol is not known to judge predicates"):
        await engine.complete(judging("gpt-6-sol"))

    assert client.calls == []


async def test_a_client_that_only_chats_cannot_be_asked_for_decisions():
    engine = Engine(Chatting(), [luna()])

    with pytest.raises(SettingsError, match="decide"):
        await engine.complete(judging())

    assert (await engine.complete(Request(LUNA, (Message("user", "hello"),), 10))).text == "1"


async def test_a_parameter_that_decisions_refuse_is_left_out_from_then_on():
    refused = refusal(400, code="unknown_parameter", param="prompt_cache_options")
    client = ScriptedClient(lambda _body: reply(), deciding=in_turn(refused, decided()))
    engine = engine_for(client, luna())

    await engine.complete(judging())
    await engine.complete(judging())
    await engine.complete(Request(LUNA, (Message("user", "write"),), 10))

    assert ["prompt_cache_options" in call.body for call in client.calls] == [True, False, False, True]


async def test_failures_in_passing_are_repeated_and_lost_ones_are_told_at_the_price_of_decisions():
    unreadable = HttpReply(200, b"<html>")
    client = ScriptedClient(lambda _body: reply(), deciding=in_turn(refusal(503), unreadable, decided()))
    engine = engine_for(client, luna())
    lost: list[LostCall] = []

    completion = await engine.complete(judging(), lost=lost.append)

    assert completion.attempts == 3
    [call] = lost
    assert (call.reason, call.tier) == ("bad_body", "decisions")
    assert call.worst_usd is not None
    assert engine.spent_usd == call.worst_usd + (completion.cost_usd or 0)


async def test_the_worst_case_of_decisions_has_no_completion_in_it():
    client = ScriptedClient(lambda _body: reply(), deciding=lambda _body: decided(input_tokens=500))
    enough = Budget(Bounds(Decimal("0.001")))

    await engine_for(client, luna(), budget=enough).complete(judging())

    with pytest.raises(BudgetReached):
        await engine_for(client, luna(), budget=Budget(Bounds(Decimal("0.0001")))).complete(judging())
    assert len(client.calls) == 1


async def test_many_decisions_with_faults_are_billed_as_the_server_bills_them():
    kinds = ("503", "empty_choices", "refusal")
    faults = tuple(Fault(kind, 0.1, endpoints=("decisions",)) for kind in kinds)
    simulation = Simulation(models={"*": Model(latency=Latency(median_s=0.3, p99_s=2.0))}, faults=faults, seed=3)
    provider = Provider(simulation)
    engine = Engine(SimulatedClient(provider), [luna(max_concurrency=32)], random=Random(7))  # noqa: S311

    requests = [judging(text=f"{n}. {ARTICLE}") for n in range(300)]
    async with engine.map(requests) as outcomes:
        found = [outcome async for _request, outcome in outcomes]

    completions = [outcome for outcome in found if isinstance(outcome, Completion)]
    assert len(completions) == 300
    billed = provider.statistics.services["decisions"][LUNA].billed
    assert sum(one.usage.prompt_tokens for one in completions) == billed.prompt_tokens
    assert {one.arguments == "[]" for one in completions} == {True, False}
    assert sum(one.cost_usd or 0 for one in completions) == engine.spent_usd


async def test_a_text_that_cannot_be_sent_fails_alone():
    engine = engine_for(ScriptedClient(lambda _body: reply()), luna())

    with pytest.raises(RequestFailed, match="not valid Unicode"):
        await engine.complete(judging(text="\ud800"))


async def test_quick_decisions_do_not_make_completions_time_out():
    client = ScriptedClient(
        lambda _body: reply(),
        latency_s=lambda body: 0.2 if "questions" in body else 60.0,
        deciding=lambda _body: decided(),
    )
    engine = engine_for(client, luna())
    for _ in range(260):
        await engine.complete(judging())

    began_s = anyio.current_time()
    completion = await engine.complete(Request(LUNA, (Message("user", "write"),), 10))

    assert completion.attempts == 1
    assert anyio.current_time() - began_s == pytest.approx(60.0)
