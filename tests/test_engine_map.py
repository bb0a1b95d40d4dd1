"""The engine for any caller: endless streams, typed answers, many callers; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from itertools import count
from typing import Any, Generic, Literal, TypeVar

import anyio
import orjson
import pytest
from pydantic import BaseModel, ConfigDict, Field, RootModel, field_validator

from qloragen.engine import Engine, ModelSpec, Price, family
from qloragen.engine.typed import function_for
from qloragen.errors import AccessDenied, RequestFailed, SettingsError
from qloragen.testing import Answer, Body, ConnectionLost, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Message, Request

T = TypeVar("T")


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def engine_for(client: ScriptedClient, *, in_flight: int = 4) -> Engine:
    return Engine(client, [ModelSpec("m", family("m"), rpm=10**9, tpm=10**12, max_concurrency=in_flight)])


def request_for(text: str) -> Request:
    return Request("m", (Message("user", text),), 50)


def text_of(body: Body) -> str:
    messages = body["messages"]
    assert isinstance(messages, list)
    return str(messages[-1]["content"])


# ---------------------------------------------------------------------------------------------------------------- map


async def test_each_request_comes_back_with_its_own_outcome():
    client = ScriptedClient(lambda body: refusal(400) if "3" in text_of(body) else reply(text_of(body)))
    outcomes: dict[str, Completion | RequestFailed] = {}

    async with engine_for(client).map(request_for(f"number {n}") for n in range(10)) as results:
        async for request, outcome in results:
            outcomes[request.messages[0].text] = outcome

    assert len(outcomes) == 10
    assert isinstance(outcomes.pop("number 3"), RequestFailed)
    assert all(isinstance(outcome, Completion) and outcome.text == text for text, outcome in outcomes.items())


async def test_outcomes_come_as_they_finish():
    client = ScriptedClient(
        lambda body: reply(text_of(body)), latency_s=lambda body: 10 if text_of(body) == "slow" else 1
    )
    texts: list[str] = []

    async with engine_for(client).map(map(request_for, ["slow", "a", "b", "c"])) as results:
        async for _, outcome in results:
            assert isinstance(outcome, Completion)
            texts.append(outcome.text)

    assert texts == ["a", "b", "c", "slow"]


async def test_an_endless_source_is_taken_from_only_as_fast_as_outcomes_are_taken():
    client, taken = ScriptedClient(lambda _body: reply()), 0

    def endless() -> Iterator[Request]:
        nonlocal taken
        for taken in count(1):
            yield request_for(str(taken))

    async with engine_for(client).map(endless()) as results:
        async for _ in results:
            break
        await anyio.sleep(1_000)
        held = taken

    assert held <= 1 + 3 * 4  # the one that was looked at, those left lying, those that wait to be left, those at work


async def test_async_sources_may_take_their_time():
    async def slowly() -> AsyncIterator[Request]:
        for n in range(5):
            await anyio.sleep(10)
            yield request_for(str(n))

    client = ScriptedClient(lambda _body: reply())

    async with engine_for(client).map(slowly()) as results:
        done = [outcome async for _, outcome in results]

    assert len(done) == 5
    assert anyio.current_time() == pytest.approx(51)


async def test_a_map_over_the_outcomes_of_another_runs_beside_it():
    client = ScriptedClient(lambda body: reply(f"{text_of(body)}!"))
    engine = engine_for(client)

    async def again() -> AsyncIterator[Request]:
        async with engine.map(request_for(f"number {n}") for n in range(10)) as results:
            async for _, outcome in results:
                assert isinstance(outcome, Completion)
                yield request_for(outcome.text)

    async with engine.map(again()) as results:
        texts = [outcome.text async for _, outcome in results if isinstance(outcome, Completion)]

    assert sorted(texts) == sorted(f"number {n}!!" for n in range(10))


async def test_a_map_over_the_outcomes_of_another_ends_with_what_has_stopped_it():
    def answer(body: Body) -> Answer:
        return refusal(401, code="invalid_api_key") if text_of(body) == "20!" else reply(f"{text_of(body)}!")

    engine = engine_for(ScriptedClient(answer))

    async def again() -> AsyncIterator[Request]:
        async with engine.map(request_for(str(n)) for n in count()) as results:
            async for _, outcome in results:
                assert isinstance(outcome, Completion)
                yield request_for(outcome.text)

    with pytest.raises(AccessDenied):
        async with engine.map(again()) as results:
            async for _ in results:
                ...

    async with engine.map(again()) as results:
        with pytest.raises(AccessDenied):
            await anext(results)


async def test_a_source_with_scopes_of_its_own_is_closed_where_it_was_opened():
    closed: list[str] = []

    async def scoped() -> AsyncIterator[Request]:
        with anyio.CancelScope():
            try:
                for n in count():
                    yield request_for(str(n))
            finally:
                closed.append("closed")

    async with engine_for(ScriptedClient(lambda _body: reply())).map(scoped()) as results:
        async for _ in results:
            break

    assert closed == ["closed"]


async def test_a_stop_ends_the_stream_after_every_outcome_there_is():
    def answer(body: Body) -> Answer:
        return refusal(401, code="invalid_api_key") if text_of(body) == "20" else reply()

    client = ScriptedClient(answer)
    done: list[object] = []

    async with engine_for(client).map(request_for(str(n)) for n in range(1_000)) as results:
        with pytest.raises(AccessDenied):
            async for _, outcome in results:
                done.append(outcome)

    assert 20 <= len(done) <= 23
    assert len(client.calls) <= 24


async def test_leaving_early_cancels_what_is_under_way_and_gives_everything_back():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client)

    async with engine.map(map(request_for, "abcdefgh")) as results:
        async for _ in results:
            break

    counts = engine.statistics["m"]
    assert (counts.in_flight, counts.waiting) == (0, 0)
    assert isinstance(await engine.complete(request_for("again")), Completion)


async def test_an_error_of_the_source_is_the_callers():
    def broken() -> Iterator[Request]:
        yield request_for("a")
        raise LookupError("no more")

    done = []
    with pytest.raises(LookupError):
        async with engine_for(ScriptedClient(lambda _body: reply())).map(broken()) as results:
            async for _, outcome in results:
                done.append(outcome)

    assert len(done) == 1


async def test_callers_that_share_an_engine_share_its_limits():
    client = ScriptedClient(lambda _body: reply())
    engine = Engine(client, [ModelSpec("m", family("m"), rpm=60, tpm=10**12)])

    async def use(texts: str) -> None:
        async with engine.map(map(request_for, texts)) as results:
            async for _ in results:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(use, "abcdefghij")
        tasks.start_soon(use, "klmnopqrst")

    assert anyio.current_time() == pytest.approx(19 + 1, abs=0.1)


# -------------------------------------------------------------------------------------------------------------- typed


class Address(BaseModel):
    street: str
    number: int | None = None


class Ticket(BaseModel):
    """A customer's request, sorted."""

    urgency: Literal["low", "high"]
    title: str = Field(min_length=3)
    addresses: list[Address] = []


async def test_an_answer_has_the_type_of_the_callers_model():
    arguments = orjson.dumps({"urgency": "high", "title": "No heating", "addresses": [{"street": "Elm"}]}).decode()
    client = ScriptedClient(lambda _body: reply(arguments=arguments))

    answer = await engine_for(client).ask(request_for("My heating is broken"), Ticket)

    assert answer.value == Ticket(urgency="high", title="No heating", addresses=[Address(street="Elm")])
    assert answer.completion.usage.completion_tokens == 10


@pytest.mark.parametrize(
    ("answered", "problem"),
    [
        (reply(arguments='{"urgency": "medium", "title": "abc"}'), "urgency: "),
        (reply(arguments='{"urgency": "low", "title": "a"}'), "title: "),
        (reply(arguments="{"), "Invalid JSON"),
        (reply("I cannot say.", finish_reason="stop"), "'stop'"),
    ],
)
async def test_an_answer_that_is_not_valid_was_paid_for_all_the_same(answered, problem):
    answer = await engine_for(ScriptedClient(lambda _body: answered)).ask(request_for("x"), Ticket)

    assert answer.found is None
    assert problem in answer.problem
    assert answer.completion.usage.prompt_tokens == 100
    with pytest.raises(RequestFailed) as caught:
        _ = answer.value
    assert caught.value.reason == "invalid_answer"


def test_the_schema_is_strict_at_every_level():
    function = function_for(Ticket)

    assert (function.name, function.description) == ("Ticket", "A customer's request, sorted.")
    schema = orjson.loads(orjson.dumps(function.parameters))
    assert schema["required"] == ["urgency", "title", "addresses"]
    assert schema["additionalProperties"] is False
    address = schema["$defs"]["Address"]
    assert (address["required"], address["additionalProperties"]) == (["street", "number"], False)
    assert "title" in schema["properties"]  # the field, not pydantic's keyword
    assert b'"default"' not in orjson.dumps(schema)


class Tree(BaseModel):
    """Made of itself."""

    name: str
    branches: list[Tree] = []


class Circle(BaseModel):
    kind: Literal["circle"]
    radius: float


class Square(BaseModel):
    kind: Literal["square"]
    side: float


class Shape(BaseModel):
    model_config = ConfigDict(title="Any shape")
    outline: Circle | Square = Field(discriminator="kind", description="What it looks like.")
    title: str


def test_recursive_models_and_unions_are_put_into_what_a_strict_schema_can_say():
    tree = orjson.loads(orjson.dumps(function_for(Tree).parameters))
    shape = orjson.dumps(function_for(Shape).parameters)

    assert (tree["type"], tree["required"]) == ("object", ["name", "branches"])
    assert tree["$defs"]["Tree"]["additionalProperties"] is False
    assert b"oneOf" not in shape
    assert b"discriminator" not in shape
    assert list(orjson.loads(shape)["properties"]) == ["outline", "title"]


class Free(BaseModel):
    labels: dict[str, int]


class Anything(BaseModel):
    value: Any


class Words(RootModel[list[str]]):
    pass


@pytest.mark.parametrize(("model", "where"), [(Free, "Free.labels"), (Anything, "Anything.value"), (Words, "Words")])
def test_a_model_that_no_strict_schema_can_say_is_refused_before_anything_is_paid(model, where):
    with pytest.raises(SettingsError, match=where):
        function_for(model)


def test_the_name_of_a_generic_model_becomes_one_that_a_function_can_have():
    class Box(BaseModel, Generic[T]):
        content: T

    assert function_for(Box[int]).name == "Box_int"


async def test_a_validator_that_breaks_does_not_lose_the_reply():
    class Broken(BaseModel):
        text: str

        @field_validator("text")
        @classmethod
        def look_up(cls, value: str) -> str:
            return {"a": "b"}[value]

    client = ScriptedClient(lambda _body: reply(arguments='{"text": "c"}'))

    answer = await engine_for(client).ask(request_for("x"), Broken)

    assert (answer.found, answer.problem) == (None, "a validator of Broken raised KeyError")
    assert answer.completion.usage.prompt_tokens == 100


async def test_what_one_request_may_cost_bounds_its_attempts():
    client = ScriptedClient(lambda _body: ConnectionLost("reset"))
    price = Price(Decimal(0), Decimal(1_000_000))  # a dollar a completion token
    engine = Engine(client, [ModelSpec("m", family("m"), price=price, rpm=10**9, tpm=10**12)])

    with pytest.raises(RequestFailed) as caught:
        await engine.complete(Request("m", (Message("user", "x"),), 10, max_cost_usd=Decimal(35)))

    assert caught.value.reason == "request_cost"
    assert len(client.calls) == 3
    assert engine.spent_usd == 30


@pytest.mark.parametrize("in_flight", [2, "auto"])
def test_any_asyncio_program_can_use_it(in_flight):
    """The ordinary loop, without anyio's runner: admissions by a timer have no task around them."""
    client = ScriptedClient(lambda _body: reply(), latency_s=0)
    engine = Engine(client, [ModelSpec("m", family("m"), rpm=12_000, tpm=10**9, max_concurrency=in_flight)])

    async def main() -> int:
        async with engine.map(request_for(str(n)) for n in range(120)) as results:
            return sum([isinstance(outcome, Completion) async for _, outcome in results])

    assert asyncio.run(main()) == 120
