"""What once went wrong, or nearly: outages with few calls, bad requests in rows, odd limits and endings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from random import Random
from typing import Any

import anyio
import pytest

from qloragen.engine import Bounds, Budget, Engine, ModelSpec, Price, RetryPolicy, family
from qloragen.errors import AccessDenied, Interrupted, RequestFailed, SettingsError
from qloragen.simulator import Latency, Limits, Model, Outage, Provider, SimulatedClient, Simulation
from qloragen.testing import Answer, Body, HttpReply, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Function, Message, Request

FUNCTION = Function("answer", "Answer.", {"type": "object", "properties": {}, "additionalProperties": False})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def spec(name: str = "m", /, **fields: Any) -> ModelSpec:
    return ModelSpec(name, family(name), **{"rpm": 10**9, "tpm": 10**12, **fields})


def engine_for(client: Any, *models: ModelSpec, **options: Any) -> Engine:
    return Engine(client, models or (spec(),), random=Random(7), **options)  # noqa: S311 - jitter


def request_for(text: str, model: str = "m", *, cap: int = 50, function: Function | None = None) -> Request:
    return Request(model, (Message("user", text),), cap, function)


def scripted(answer: Callable[[str], Answer | None], latency_s: float = 0.5) -> ScriptedClient:
    """Answer by the text of a request; None is a good reply."""

    def by_text(body: Body) -> Answer:
        messages = body["messages"]
        assert isinstance(messages, list)
        return answer(messages[-1]["content"]) or reply()

    return ScriptedClient(by_text, latency_s=latency_s)


async def outcomes(engine: Engine, texts: list[str], at_once: int = 64) -> list[Completion | RequestFailed]:
    async with engine.map((request_for(text) for text in texts), at_once=at_once) as results:
        return [outcome async for _, outcome in results]


def failed(found: list[Completion | RequestFailed]) -> list[RequestFailed]:
    return [outcome for outcome in found if isinstance(outcome, RequestFailed)]


# ------------------------------------------------------------------------------------------------------------- outages


@pytest.mark.parametrize(
    ("in_flight", "seconds"),
    [(1, 10), (1, 55), (2, 10), (2, 55), (4, 10), (4, 60), (4, 600), (16, 10), (16, 60), (16, 600)],
)
@pytest.mark.parametrize("kind", ["503", "refuse"])
async def test_an_outage_fails_no_request_however_few_are_in_flight(in_flight, seconds, kind):
    simulation = Simulation(models={"*": Model(latency=Latency(0.5, 2.0))}, outages=(Outage(5, seconds, kind),))
    provider = Provider(simulation)
    engine = engine_for(SimulatedClient(provider), spec(max_concurrency=in_flight))

    found = await outcomes(engine, [f"number {n}" for n in range(20 * in_flight + 10)], at_once=in_flight)

    assert failed(found) == []
    assert provider.statistics.total.outcomes["outage"] <= 12 + 4 * in_flight + seconds / 10
    assert provider.statistics.duplicates == 0


async def test_an_outage_of_hours_ends_well():
    client = scripted(lambda _text: refusal(503) if 10 < anyio.current_time() < 5 * 3600 else None)
    engine = engine_for(client, spec(max_concurrency=8))

    found = await outcomes(engine, [f"number {n}" for n in range(2_000)])

    assert failed(found) == []
    assert len(client.calls) < 2_000 + 5 * 240 * 1.3 + 20


async def test_bad_requests_in_a_row_do_not_hold_up_the_good_ones():
    client = scripted(lambda text: refusal(500) if text == "bad" else None)
    engine = engine_for(client, spec(max_concurrency=16))

    found = await outcomes(engine, ["good"] * 200 + ["bad"] * 30 + ["good"] * 400)

    assert len(failed(found)) == 30
    assert anyio.current_time() < 200


async def test_a_last_bad_request_is_given_up_after_a_minute():
    client = scripted(lambda text: refusal(500) if text == "bad" else None)

    found = await outcomes(engine_for(client), ["good"] * 20 + ["bad"])

    assert len(failed(found)) == 1
    assert anyio.current_time() < 120


async def test_a_server_without_an_answer_ever_is_given_up_after_a_minute():
    client = scripted(lambda _text: refusal(503))

    with pytest.raises(Exception, match="nothing but failures for 60 s"):
        await outcomes(engine_for(client), ["good"] * 3)

    assert anyio.current_time() < 90


# -------------------------------------------------------------------------------------------------------------- probes


@pytest.mark.parametrize(
    "ending",
    [
        refusal(429, headers={"x-ratelimit-limit-tokens": "10"}),
        HttpReply(999, b""),
        refusal(400),
        RuntimeError("a client of the caller's own"),
    ],
    ids=["429", "999", "400", "exception"],
)
async def test_a_gate_does_not_wait_for_a_probe_that_has_ended_in_some_other_way(ending):
    def answer(text: str) -> Answer | None:
        if anyio.current_time() < 3:
            return None
        if anyio.current_time() < 8:
            return refusal(503)
        return ending if text == "odd" else None

    engine = engine_for(scripted(answer), spec(max_concurrency=4), retry=RetryPolicy(max_attempts=10))

    async def one(text: str) -> None:
        try:
            await engine.complete(request_for(text))
        except (RequestFailed, RuntimeError):
            ended.append(text)
        else:
            answered.append(text)

    answered: list[str] = []
    ended: list[str] = []
    async with anyio.create_task_group() as tasks:
        for n in range(40):
            tasks.start_soon(one, "odd" if n % 4 == 3 else "good")

    assert len(answered) + len(ended) == 40
    assert (engine.statistics["m"].waiting, engine.statistics["m"].in_flight) == (0, 0)
    assert anyio.current_time() < 200


# --------------------------------------------------------------------------------------------------------------- forms


async def test_one_refused_schema_does_not_change_the_form_that_works_for_all_others():
    def answer(text: str) -> Answer | None:
        return refusal(400, param="tools[0].function.parameters") if text == "bad" else reply(arguments="{}")

    client = scripted(answer)
    engine = engine_for(client, ModelSpec("gpt-4.1-mini", family("gpt-4.1-mini"), max_concurrency=8))
    requests = (
        request_for("bad" if n == 20 else "good", "gpt-4.1-mini", cap=100, function=FUNCTION) for n in range(100)
    )
    async with engine.map(requests) as results:
        found = [outcome async for _, outcome in results]

    assert len(failed(found)) == 1
    assert len(client.calls) == 100
    assert engine.statistics["gpt-4.1-mini"].structure == "tools"


@pytest.mark.parametrize("structure", ["tools", "json_schema", "auto", None])
@pytest.mark.parametrize("code", ["invalid_json_schema", "invalid_function_parameters", "unsupported_value", None])
@pytest.mark.parametrize("param", ["response_format", "tools[0].function.parameters", "temperature", None])
async def test_no_request_is_sent_again_without_end_in_other_forms(structure, code, param):
    client = scripted(lambda text: None if text == "good" else refusal(400, code=code, param=param))
    engine = engine_for(client, spec("gpt-4.1-mini", structure=structure))
    await engine.complete(request_for("good", "gpt-4.1-mini"))

    with pytest.raises(RequestFailed):
        await engine.complete(request_for("bad", "gpt-4.1-mini", function=FUNCTION))

    assert len(client.calls) < 12


@pytest.mark.parametrize("finish", ["eos_token", "end_turn", "stop"])
async def test_prose_rules_a_form_out_however_the_server_says_that_it_stopped(finish):
    client = scripted(lambda _text: reply("I would rather talk.", finish_reason=finish), latency_s=1)
    engine = engine_for(client, spec(structure="auto"))
    async with engine.map(request_for(str(n), function=FUNCTION) for n in range(200)) as results:
        assert len([outcome async for _, outcome in results]) == 200

    assert client.peak > 30
    assert anyio.current_time() < 15


async def test_a_first_call_that_hangs_does_not_hold_up_all_structured_requests():
    latencies = iter([119.0])
    client = ScriptedClient(lambda _body: reply(arguments="{}"), latency_s=lambda _body: next(latencies, 1.0))
    engine = engine_for(client, spec(structure="auto"))
    async with engine.map(request_for(str(n), function=FUNCTION) for n in range(20)) as results:
        times = [anyio.current_time() async for _ in results]

    assert times[-2] < 40


# -------------------------------------------------------------------------------------------------------------- limits


async def test_an_engine_may_rest_for_hours_between_two_requests():
    engine = Engine(scripted(lambda _text: None), [ModelSpec("m", family("m"))])

    for _ in range(3):
        await engine.complete(request_for("a"))
        await anyio.sleep(7_200)

    assert engine.statistics["m"].completed == 3


@pytest.mark.parametrize("rpm", [60, 600])
async def test_a_window_that_is_emptied_at_once_is_used_and_not_taken_for_a_bucket(rpm):
    used = [0, 0]

    def answer(_text: str) -> Answer:
        window = int(anyio.current_time() // 60)
        if used[0] != window:
            used[:] = [window, 0]
        used[1] += 1
        said = {
            "x-ratelimit-limit-requests": str(rpm),
            "x-ratelimit-remaining-requests": str(max(0, rpm - used[1])),
            "x-ratelimit-reset-requests": f"{60 - anyio.current_time() % 60:.3f}s",
        }
        return reply(headers=said) if used[1] <= rpm else refusal(429, headers=said | {"retry-after": "1"})

    engine = Engine(scripted(answer, 0.2), [ModelSpec("m", family("m"))], random=Random(7))  # noqa: S311 - jitter

    found = await outcomes(engine, ["a"] * (4 * rpm))

    assert failed(found) == []
    assert anyio.current_time() < 4 * 60 * 1.1
    assert engine.statistics["m"].rate_limited <= 3


async def test_a_limit_per_second_is_not_taken_for_one_per_minute():
    said = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-reset-requests": "500ms",
    }
    engine = Engine(scripted(lambda _text: reply(headers=said)), [ModelSpec("m", family("m"), max_concurrency=8)])

    await outcomes(engine, ["a"] * 100)

    assert engine.statistics["m"].rpm is None
    assert anyio.current_time() < 15


async def test_requests_larger_than_the_window_of_the_server_are_hardly_ever_refused():
    behaviour = Model(limits=Limits(tpm=600_000), latency=Latency(0.5, 2.0))
    provider = Provider(Simulation(models={"*": behaviour}))
    engine = Engine(SimulatedClient(provider), [ModelSpec("m", family("m"), tpm=600_000)], random=Random(7))  # noqa: S311

    found = await outcomes(engine, [f"{n} " + "word " * 8_800 for n in range(120)])

    assert failed(found) == []
    assert engine.statistics["m"].rate_limited <= 12


async def test_a_limit_that_is_hidden_beside_one_that_is_announced_is_found_by_backing_off():
    behaviour = Model(limits=Limits(rpm=600, announced=False), latency=Latency(0.5, 2.0))
    inner = SimulatedClient(Provider(Simulation(models={"*": behaviour})))
    announced = {"x-ratelimit-limit-tokens": "10000000"}

    class AnnouncingTokens:
        async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
            found = await inner.post(body, timeout_s=timeout_s)
            return HttpReply(found.status, found.body, {**found.headers, **announced})

    engine = Engine(AnnouncingTokens(), [ModelSpec("m", family("m"), max_concurrency=128)], random=Random(7))  # noqa: S311

    found = await outcomes(engine, [f"{n}" for n in range(1_200)], at_once=200)

    assert failed(found) == []
    assert engine.statistics["m"].rate_limited < 400
    assert anyio.current_time() < 200


# --------------------------------------------------------------------------------------------------------------- money


async def test_a_model_that_may_not_go_keeps_nobody_from_the_money():
    def answer(_body: Body) -> Answer:
        paused = _body["model"] == "a" and anyio.current_time() < 100
        return refusal(429, headers={"retry-after": "120"}) if paused else reply()

    price = Price(Decimal(0), Decimal(1_000_000))
    client = ScriptedClient(answer)
    engine = engine_for(client, spec("a", price=price), spec("b", price=price), budget=Budget(Bounds(Decimal(500))))
    times: dict[str, float] = {}

    async def one(model: str) -> None:
        await engine.complete(request_for("x", model, cap=100))
        times[model] = anyio.current_time()

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(one, "a")
        await anyio.sleep(1.5)
        tasks.start_soon(one, "b")

    assert times["b"] < 5 < times["a"]


# ---------------------------------------------------------------------------------------------------------------- maps


async def test_a_stop_is_told_although_the_source_waits_for_ever():
    async def source() -> AsyncIterator[Request]:
        yield request_for("a")
        await anyio.sleep_forever()

    engine = engine_for(scripted(lambda _text: refusal(401, code="invalid_api_key")))

    with pytest.raises(AccessDenied):
        async with engine.map(source()) as results:
            async for _ in results:
                pass

    assert anyio.current_time() < 5


async def test_an_unknown_model_in_a_map_is_told_as_what_it_is():
    with pytest.raises(SettingsError, match="'other'"):
        async with engine_for(scripted(lambda _text: None)).map([request_for("a", "other")]) as results:
            async for _ in results:
                pass


async def test_a_map_of_nothing_at_once_is_refused():
    with pytest.raises(SettingsError, match="at_once"):
        engine_for(scripted(lambda _text: None)).map([], at_once=0)


# ------------------------------------------------------------------------------------------------------------- mistakes


async def test_a_cap_of_nothing_is_refused_before_it_is_sent():
    client = scripted(lambda _text: None)

    with pytest.raises(RequestFailed, match="max_completion_tokens is 0"):
        await engine_for(client).complete(request_for("a", cap=0))

    assert client.calls == []


def test_two_specs_of_one_name_are_a_mistake():
    with pytest.raises(SettingsError, match="given twice"):
        engine_for(scripted(lambda _text: None), spec("m"), spec("m"))


async def test_the_cost_of_a_request_cannot_be_bounded_without_a_price():
    request = Request("m", (Message("user", "x"),), 10, max_cost_usd=Decimal(1))

    with pytest.raises(SettingsError, match="price of model m is unknown"):
        await engine_for(scripted(lambda _text: None)).complete(request)


async def test_a_stray_404_of_a_proxy_is_tried_again_after_good_answers():
    strays = iter([refusal(404)])
    client = scripted(lambda text: next(strays, None) if text == "stray" else None)
    engine = engine_for(client)
    await outcomes(engine, ["good"] * 10)

    assert isinstance(await engine.complete(request_for("stray")), Completion)
    engine.stop(Interrupted("done"))


async def test_a_paid_body_with_a_number_that_is_none_is_read():
    body = b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop","score":NaN}],"usage":{"prompt_tokens":3}}'

    completion = await engine_for(scripted(lambda _text: HttpReply(200, body))).complete(request_for("a"))

    assert completion.text == "hi"
