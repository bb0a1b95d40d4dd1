"""Replies that the provider stores on request, and that are found again by their metadata."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import anyio
import orjson
import pytest
from aiohttp import web
from openai import AsyncAzureOpenAI, AsyncOpenAI

from qloragen.engine import Engine, HttpReply, Stored, StoredUnavailable, decode, stored
from qloragen.engine.client import Client, Listing
from qloragen.simulator import Latency, Model, Provider, SimulatedClient, Simulation
from qloragen.testing import Answer, ConnectionLost, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion, Function, Message, Request

from .engines import engine_for, outcomes, spec
from .recorder import Recorder, over
from .simulated import Simulated

KEY = "canary-key-0123456789"
METADATA = {"run": "7", "cell": "a b&c=d"}
FUNCTION = Function("answer", "Answer.", {"type": "object", "properties": {}, "additionalProperties": False})


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def request_for(
    metadata: Mapping[str, str] | None, *, text: str = "hello", function: Function | None = None
) -> Request:
    return Request("m", (Message("user", text),), 50, function, metadata=metadata)


async def found(client: Client, metadata: Mapping[str, str], **options: Any) -> list[Stored]:
    return [one async for one in stored(client, metadata, random=Random(1), **options)]  # noqa: S311 - jitter


def completion(id: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "model": "m", "created": 5, "metadata": METADATA, "choices": [], **fields}


def page(*data: object, more: bool = False) -> HttpReply:
    return HttpReply(200, orjson.dumps({"object": "list", "data": data, "has_more": more}))


def listing(*answers: Answer) -> tuple[ScriptedClient, list[dict[str, str]]]:
    """Return a client that gives one page after the other, the last one for ever, and the queries that it was sent."""
    left, queries = list(answers), list[dict[str, str]]()

    def give(query: Mapping[str, str]) -> Answer:
        queries.append(dict(query))
        return left.pop(0) if len(left) > 1 else left[0]

    return ScriptedClient(lambda _body: reply(), listing=give), queries


# ------------------------------------------------------------------------------------------------------- what is asked


async def test_a_request_with_metadata_asks_to_be_stored_and_others_do_not():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client)

    await outcomes(engine, [request_for(METADATA), request_for(None)])

    assert [(call.body.get("store"), call.body.get("metadata")) for call in client.calls] == [
        (True, METADATA),
        (None, None),
    ]


@pytest.mark.parametrize(
    "refused",
    [
        refusal(400, code="unsupported_parameter", param="store"),
        refusal(400, code="unknown_parameter", param="metadata"),
        refusal(400, message="Unrecognized request argument supplied: metadata"),
        refusal(400, message="The 'metadata' parameter is only allowed when 'store' is enabled."),
        HttpReply(422, b'{"detail": [{"type": "extra_forbidden", "loc": ["body", "store"], "msg": "Extra inputs"}]}'),
    ],
)
async def test_a_server_that_refuses_to_store_is_asked_without_it_from_then_on(refused, caplog):
    client = ScriptedClient(lambda body: refused if body.keys() & {"store", "metadata"} else reply())
    engine = engine_for(client, spec(max_concurrency=1))

    results = await outcomes(engine, [request_for(METADATA)] * 10)

    assert all(isinstance(result, Completion) for result in results)
    assert sum("metadata" in call.body or "store" in call.body for call in client.calls) == 1
    assert sum("parameter_refused" in record.getMessage() for record in caplog.records) == 1


# ------------------------------------------------------------------------------------------------------- what is found


async def test_what_was_never_received_is_found_and_read_as_if_it_had_been():
    provider = Provider(Simulation(models={"*": Model(latency=Latency(5.0))}))
    client = SimulatedClient(provider)
    engine = Engine(client, [spec()])
    with anyio.move_on_after(1):
        await engine.complete(request_for(METADATA, function=FUNCTION))
    await anyio.sleep(10)
    received = await engine.complete(request_for({"run": "8"}, text="another"))

    lost = await found(client, {"run": "7"})

    assert [(one.id, one.model, one.metadata, one.structure) for one in lost] == [
        ("chatcmpl-0", "m", METADATA, "tools")
    ]
    read = decode(lost[0].body, model="m", structure=lost[0].structure)
    assert (read.arguments, read.finish_reason, read.request_id) == ("{}", "tool_calls", "chatcmpl-0")
    assert read.usage.prompt_tokens > 0
    again = (await found(client, {"run": "8"}))[0]
    assert decode(again.body, model="m", structure=None).text == received.text


@pytest.mark.parametrize(
    ("asked", "structure"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "json_object"}}, "json_object"),
        ({"response_format": {"type": "text"}, "tools": None}, None),
        ({}, None),
    ],
)
async def test_how_an_answer_was_asked_for_is_read_from_the_listing(asked, structure):
    client, _ = listing(page(completion("1", **asked)))

    assert [one.structure for one in await found(client, METADATA)] == [structure]


async def test_pages_are_fetched_as_they_are_needed():
    client, queries = listing(page(completion("2"), completion("1"), more=True), page(completion("0")))
    ones = stored(client, METADATA)

    first, second = await anext(ones), await anext(ones)

    assert (first.id, second.id) == ("2", "1")
    assert queries == [{"metadata[run]": "7", "metadata[cell]": "a b&c=d", "order": "desc", "limit": "100"}]


async def test_the_next_page_begins_after_the_last_completion():
    client, queries = listing(
        page(completion("3"), completion("2"), more=True), page(completion("2"), completion("1"), more=False)
    )

    ids = [one.id for one in await found(client, METADATA, model="m")]

    assert ids == ["3", "2", "1"]
    assert [query.get("after") for query in queries] == [None, "2"]
    assert {query["model"] for query in queries} == {"m"}


async def test_a_server_that_knows_no_pages_and_no_filter_is_asked_twice_and_sifted():
    everything = page(
        completion("2"), completion("1", metadata={"run": "8"}), completion("0", metadata=None), more=True
    )
    client, queries = listing(everything)

    assert [one.id for one in await found(client, METADATA)] == ["2"]
    assert len(queries) == 2


async def test_what_is_no_completion_is_left_out():
    client, _ = listing(page(None, {"id": 7}, completion("1", created="x")))

    assert [(one.id, one.created_s) for one in await found(client, METADATA)] == [("1", 0)]


# --------------------------------------------------------------------------------------------------- what may go wrong


@pytest.mark.parametrize(
    "answer", [refusal(404), refusal(405), refusal(401), refusal(400), refusal(501), HttpReply(301, b"")]
)
async def test_a_provider_without_a_list_says_so_at_once(answer):
    client, queries = listing(answer)

    with pytest.raises(StoredUnavailable, match="lists no stored completions") as caught:
        await found(client, METADATA)

    assert caught.value.final
    assert len(queries) == 1


@pytest.mark.parametrize("failure", [refusal(503), refusal(429), ConnectionLost("reset"), HttpReply(200, b"<html>")])
async def test_what_fails_in_passing_is_tried_again(failure):
    client, queries = listing(failure, failure, page(completion("1")))

    assert len(await found(client, METADATA)) == 1
    assert len(queries) == 3
    assert 0 < anyio.current_time() < 2


@pytest.mark.parametrize("failure", [refusal(503), ConnectionLost("reset"), HttpReply(200, b'{"data": 1}')])
async def test_what_goes_on_failing_is_said_not_to_be_final(failure):
    client, queries = listing(failure)

    with pytest.raises(StoredUnavailable, match="could not be listed") as caught:
        await found(client, METADATA)

    assert not caught.value.final
    assert len(queries) == 5


async def test_a_server_that_asks_for_time_is_given_it():
    client, _ = listing(refusal(429, headers={"retry-after": "30"}), page())

    assert await found(client, METADATA) == []
    assert anyio.current_time() >= 30


async def test_a_client_that_cannot_list_is_told_from_one_that_can():
    class Posting:
        async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
            return reply()

    with pytest.raises(StoredUnavailable, match="no `get`") as caught:
        await found(Posting(), METADATA)

    assert caught.value.final


# ------------------------------------------------------------------------------------------------------------ over HTTP


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_over_http_completions_are_found_by_their_metadata(anyio_backend, transport):
    async with (
        Simulated() as server,
        over(transport, AsyncOpenAI(base_url=server.base_url, api_key=KEY)) as client,
    ):
        engine = Engine(client, [spec()])
        for number in range(3):
            await engine.complete(request_for({"run": "7", "cell": f"ü {number}"}))
        seven = await found(client, {"run": "7"})
        one = await found(client, {"cell": "ü 1"}, timeout_s=5)

    assert [found.metadata["cell"] for found in seven] == ["ü 2", "ü 1", "ü 0"]
    assert [found.metadata["cell"] for found in one] == ["ü 1"]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_over_http_the_client_s_own_address_and_credentials_are_used(anyio_backend, transport):
    async with Recorder() as server:
        clients = [
            AsyncOpenAI(base_url=f"{server.url}/v1", api_key=KEY),
            AsyncAzureOpenAI(azure_endpoint=server.url, api_key=KEY, api_version="2026-10-01"),
        ]
        for openai in clients:
            async with over(transport, openai) as client:
                assert isinstance(client, Listing)
                await client.get("/chat/completions", {"metadata[a]": "b c"}, timeout_s=5)

    paths = [path for path, _headers, _body in server.arrived]
    assert paths[0] == "/v1/chat/completions?metadata%5Ba%5D=b+c"
    assert paths[1].startswith("/openai/chat/completions?")
    assert server.headers("authorization")[0] == f"Bearer {KEY}"
    assert server.headers("api-key")[1] == KEY


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_over_http_a_refusal_is_a_reply_without_the_key(anyio_backend, transport):
    answer = web.Response(status=404, text=f'{{"error": {{"message": "no such thing for {KEY}"}}}}')
    async with (
        Recorder(lambda _request: answer) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        with pytest.raises(StoredUnavailable, match="HTTP 404") as caught:
            await found(client, METADATA)

    assert KEY not in str(caught.value)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("transport", ["openai", "aiohttp"])
async def test_over_http_a_server_that_is_not_there_is_a_lost_connection(anyio_backend, transport):
    async with over(transport, AsyncOpenAI(base_url="http://127.0.0.1:1/v1", api_key=KEY)) as client:
        assert isinstance(client, Listing)
        with pytest.raises(ConnectionLost):
            await client.get("/chat/completions", {}, timeout_s=5)
