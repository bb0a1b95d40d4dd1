"""Calls to the other ends of the API, over real HTTP on loopback: decisions, files, batches."""

from __future__ import annotations

import httpx2
import orjson
import pytest
from aiohttp import web
from openai import AsyncAzureOpenAI, AsyncOpenAI

from qloragen.engine.client import Ask, Asking, ConnectionLost, Deciding
from qloragen.engine.openai_client import OpenAIClient
from qloragen.simulator.multipart import Part, read_form, write_form
from qloragen.testing import ScriptedClient, refusal, reply
from tests.recorder import Recorder, over, trickle

KEY = "canary-key-0123456789"
BODY = orjson.dumps({"model": "m", "input": "text", "questions": []})


class Derived(AsyncOpenAI):
    async def _prepare_request(self, request):
        request.headers["x-mine"] = "1"


class DerivedAzure(AsyncAzureOpenAI):
    async def _prepare_request(self, request):
        request.headers["x-mine"] = "1"


def azure(kind):
    return lambda url: kind(azure_endpoint=url, api_key=KEY, api_version="1", max_retries=0)


CLIENTS = {
    "plain": lambda url: AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, organization="org-1"),
    "derived": lambda url: Derived(base_url=f"{url}/v1", api_key=KEY, organization="org-1"),
    "azure": azure(AsyncAzureOpenAI),
    "derived azure": azure(DerivedAzure),
}
ASKS = {
    "get": Ask("GET", "/batches", "limit=2&after=b%2F1"),
    "file": Ask("GET", "/files/file-1/content"),
    "make": Ask("POST", "/batches", body=b'{"input_file_id":"file-1"}'),
    "cancel": Ask("POST", "/batches/batch_1/cancel"),
    "delete": Ask("DELETE", "/files/file-1"),
}


@pytest.fixture(params=["openai", "aiohttp"])
def transport(request):
    return request.param


@pytest.fixture(params=[*CLIENTS.values()], ids=[*CLIENTS])
def make(request):
    return request.param


async def as_the_client_would(openai: AsyncOpenAI, ask: Ask) -> None:
    address = f"{ask.path}?{ask.query}" if ask.query else ask.path
    match ask.method:
        case "GET":
            await openai.get(address, cast_to=httpx2.Response)
        case "DELETE":
            await openai.delete(address, cast_to=httpx2.Response)
        case _:
            await openai.post(address, content=ask.body, cast_to=httpx2.Response)


def about_the_call(arrived: tuple[str, dict[str, str], bytes]) -> tuple[str, dict[str, str], bytes]:
    path, headers, body = arrived
    not_told = ("connection", "accept-encoding", "x-stainless-read-timeout", "content-type", "content-length")
    return path, {name: value for name, value in headers.items() if name not in not_told}, body


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS.keys())
async def test_any_call_is_made_as_the_client_itself_would(transport, make, ask):
    async with Recorder() as server:
        openai = make(server.url)
        await as_the_client_would(openai, ask)
        async with over(transport, openai) as client:
            assert isinstance(client, Asking)
            answered = await client.ask(ask, timeout_s=5)

    by_itself, ours = map(about_the_call, server.arrived)
    assert ours == by_itself
    assert server.methods == [ask.method] * 2
    assert (answered.status, answered.body) == (200, b'{"ok": true}')
    if ask.method == "POST":
        assert server.headers("content-type")[1] == "application/json"
        assert server.headers("content-length")[1] == str(len(ask.body))


async def test_decisions_go_to_their_own_end_with_the_client_s_credentials(transport, make):
    async with Recorder() as server, over(transport, make(server.url)) as client:
        assert isinstance(client, Deciding)
        for _ in range(2):
            assert (await client.decide(BODY, timeout_s=5)).status == 200
        await client.post(BODY, timeout_s=5)

    paths = [path.split("?")[0] for path, _headers, _body in server.arrived]
    assert all(path.endswith("/decisions") for path in paths[:2])
    assert paths[2].endswith("/chat/completions")
    assert [body for _path, _headers, body in server.arrived[:2]] == [BODY, BODY]
    assert any(KEY in str(server.headers(name)[0]) for name in ("authorization", "api-key"))


async def test_a_form_arrives_with_its_own_boundary_and_bytes(transport, make):
    content = orjson.dumps({"custom_id": "a"}) + b"\n\xff\x00--"
    kind, body = write_form({"purpose": Part(b"batch"), "file": Part(content, "batch.jsonl")})

    async with Recorder() as server, over(transport, make(server.url)) as client:
        answered = await client.ask(Ask("POST", "/files", body=body, content_type=kind), timeout_s=5)

    [(_path, headers, arrived)] = server.arrived
    assert answered.status == 200
    assert arrived == body
    assert headers["content-type"].lower() == kind.lower()
    assert read_form(headers["content-type"], arrived) == {
        "purpose": (b"batch", None),
        "file": (content, "batch.jsonl"),
    }


async def test_a_file_of_a_hundred_megabytes_goes_up_and_comes_down_whole(transport):
    block = bytes(range(256)) * 4_096
    content = block * 100

    async with (
        Recorder(lambda _request: web.Response(body=content)) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        up_and_down = Ask("POST", "/files", body=content, content_type="application/octet-stream")
        answered = await client.ask(up_and_down, timeout_s=60)

    assert server.arrived[0][2] == content
    assert answered.body == content


@pytest.mark.parametrize("status", [307, 401, 404, 500])
async def test_refusals_are_replies_and_name_no_key(transport, make, status):
    def refused(request: web.BaseRequest) -> web.Response:
        return web.Response(status=status, text=str(dict(request.headers)), headers={"location": "/elsewhere"})

    async with Recorder(refused) as server, over(transport, make(server.url)) as client:
        answers = [
            await client.decide(BODY, timeout_s=5),
            *[await client.ask(ask, timeout_s=5) for ask in ASKS.values()],
        ]

    assert {answer.status for answer in answers} == {status}
    assert all(KEY.encode() not in answer.body and b"[key]" in answer.body for answer in answers)
    assert len(server.arrived) == len(answers)


async def test_what_is_not_answered_in_time_is_lost(transport):
    async with trickle() as url, over(transport, AsyncOpenAI(base_url=url, api_key=KEY)) as client:
        with pytest.raises(ConnectionLost) as slow:
            await client.decide(BODY, timeout_s=0.05)
        with pytest.raises(ConnectionLost) as silent:
            await client.ask(ASKS["get"], timeout_s=0.05)

    assert slow.value.timed_out
    assert silent.value.timed_out


async def test_nobody_there_is_told_apart_from_an_answer_that_was_lost():
    async with AsyncOpenAI(base_url="http://127.0.0.1:1", api_key=KEY) as openai:
        with pytest.raises(ConnectionLost) as refused:
            await OpenAIClient(openai).ask(ASKS["get"], timeout_s=5)

    assert not refused.value.maybe_paid


async def test_the_scripted_client_decides_and_answers_other_calls_where_told_to():
    client = ScriptedClient(
        lambda _body: reply(), latency_s=0.0, deciding=lambda _body: reply("no"), asking=lambda _ask: refusal(409)
    )
    silent = ScriptedClient(lambda _body: reply())

    assert (await client.decide(BODY, timeout_s=5)).status == 200
    assert (await client.ask(ASKS["get"], timeout_s=5)).status == 409
    assert (await silent.ask(ASKS["get"], timeout_s=5)).status == 404
    assert [call.path for call in client.calls] == ["/decisions"]
