"""The seam to the network, over real HTTP on loopback."""

from __future__ import annotations

import socket
import traceback

import anyio
import orjson
import pytest

from qloragen.engine.client import ConnectionLost, OpenAIClient, connect
from qloragen.engine.engine import Engine
from qloragen.engine.lane import ModelSpec
from qloragen.engine.models import family
from qloragen.engine.retry import RetryPolicy
from qloragen.errors import AccessDenied, QloragenError
from qloragen.types import Function, Message, Request
from tests.fake_server import FakeServer, Fault, error

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
KEY = "canary-key-0123456789"
QUICK = RetryPolicy(base_s=0.001, cap_s=0.01, timeout_s=5)


def connected(server: FakeServer, *, key: str | None = KEY, timeout_s: float = 5):
    return connect(base_url=server.base_url, api_key=key, max_connections=8, timeout_s=timeout_s)


async def test_a_reply_arrives_as_bytes_with_its_headers():
    async with FakeServer() as server, connected(server) as client:
        reply = await client.post(BODY, timeout_s=5)

    assert reply.status == 200
    assert orjson.loads(reply.body)["choices"][0]["message"]["content"] == "1, 2, 6"
    assert reply.headers["x-request-id"] == "req_0"


async def test_the_body_and_the_key_reach_the_server_as_they_are():
    async with FakeServer() as server, connected(server) as client:
        await client.post(BODY, timeout_s=5)

    assert server.calls[0].body == orjson.loads(BODY)
    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert server.calls[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503, 529])
async def test_every_status_is_a_reply_and_nothing_is_sent_twice(status):
    fault = error(status, code="some_code", headers={"retry-after-ms": "70"})

    async with FakeServer(faults={0: fault}) as server, connected(server) as client:
        reply = await client.post(BODY, timeout_s=5)

    assert reply.status == status
    assert orjson.loads(reply.body)["error"]["code"] == "some_code"
    assert reply.headers["retry-after-ms"] == "70"
    assert len(server.calls) == 1


async def test_an_html_page_is_a_reply_like_any_other():
    async with FakeServer(faults={0: Fault(raw=b"<html>")}) as server, connected(server) as client:
        assert (await client.post(BODY, timeout_s=5)).body == b"<html>"


@pytest.mark.parametrize("fault", [Fault(reset=True), Fault(truncate=True)])
async def test_a_connection_that_breaks_may_have_been_paid_for(fault):
    async with FakeServer(faults={0: fault}) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=5)

    assert caught.value.maybe_paid
    assert not caught.value.timed_out


async def test_silence_is_told_from_a_broken_connection():
    async with FakeServer(delay_s=30) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=0.05)

    assert caught.value.timed_out
    assert caught.value.maybe_paid


async def test_a_refused_connection_was_never_paid_for():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async with connect(base_url=f"http://127.0.0.1:{port}/v1", api_key=KEY, max_connections=2, timeout_s=5) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=5)

    assert not caught.value.maybe_paid


@pytest.mark.parametrize(
    "fault", [Fault(reset=True), error(401, message=f"Incorrect key: {KEY}"), Fault(truncate=True)]
)
async def test_the_key_is_in_no_exception_text_and_in_no_error_body(fault):
    async with FakeServer(faults=lambda _call: fault) as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        with pytest.raises(QloragenError) as caught:
            await engine.complete(Request("m", (Message("user", "hello"),), 10))
        seen = "".join(traceback.format_exception(caught.value))
        try:
            seen += (await client.post(BODY, timeout_s=5)).body.decode()
        except ConnectionLost as lost:
            seen += "".join(traceback.format_exception(lost))

    assert KEY not in seen


async def test_without_a_key_openai_itself_is_not_even_tried():
    with pytest.raises(AccessDenied, match=r"OPENAI_API_KEY.*--base-url.*--local"):
        async with connect(base_url=None, api_key=None, max_connections=2, timeout_s=5):
            pass


async def test_a_server_of_ones_own_needs_no_key():
    async with FakeServer() as server, connected(server, key=None) as client:
        assert (await client.post(BODY, timeout_s=5)).status == 200

    assert server.calls[0].headers["authorization"] == "Bearer none"


async def test_the_usual_environment_variables_are_respected(monkeypatch):
    async with FakeServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        async with connect(base_url=None, api_key=None, max_connections=2, timeout_s=5) as client:
            await client.post(BODY, timeout_s=5)

    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"


async def test_as_many_calls_run_together_as_there_are_connections():
    async with FakeServer(delay_s=0.2) as server:
        pool = connect(base_url=server.base_url, api_key=KEY, max_connections=120, timeout_s=5)
        async with pool as client, anyio.create_task_group() as tasks:
            for _ in range(120):
                tasks.start_soon(lambda: client.post(BODY, timeout_s=5))

    assert len(server.calls) == 120
    assert server.peak > 100


async def test_any_openai_client_of_the_callers_own_can_be_used():
    from openai import AsyncOpenAI  # noqa: PLC0415 - two seconds that only this test needs

    async with FakeServer() as server, AsyncOpenAI(base_url=server.base_url, api_key=KEY, max_retries=0) as openai:
        reply = await OpenAIClient(openai).post(BODY, timeout_s=5)

    assert reply.status == 200


# -------------------------------------------------------------------------------------- the whole engine over HTTP

FUNCTION = Function(
    "record",
    "Write it down.",
    {
        "type": "object",
        "properties": {"instruction": {"type": "string", "maxLength": 60}, "output": {"type": "string"}},
        "required": ["instruction", "output"],
        "additionalProperties": False,
    },
)

FAULTS: dict[str, Fault] = {
    "429": error(429, code="rate_limit_exceeded", headers={"retry-after-ms": "5"}),
    "500": error(500),
    "html": Fault(raw=b"<html>busy</html>"),
    "gateway": Fault(status=502, raw=b"<html>bad gateway</html>"),
    "reset": Fault(reset=True),
    "truncated": Fault(truncate=True),
    "error in a 200": Fault(raw=b'{"error": {"code": 503, "message": "busy"}}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
async def test_one_passing_fault_in_three_loses_nothing(fault):
    async with (
        FakeServer(faults=lambda call: fault if call.index % 3 == 0 else None) as server,
        connected(server) as client,
    ):
        engine = Engine(client, [ModelSpec("m", family("m"), max_concurrency=4)], retry=QUICK)
        texts = [(await engine.complete(Request("m", (Message("user", f"question {n}"),), 10))).text for n in range(12)]

    assert texts == ["1, 2, 6"] * 12


@pytest.mark.parametrize("structure", ["tools", "json_schema", "json_object"])
async def test_each_form_of_answer_works_over_http(structure):
    async with FakeServer() as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"), structure=structure)], retry=QUICK)
        completion = await engine.complete(Request("m", (Message("user", "write"),), 100, FUNCTION))

    answer = orjson.loads(completion.arguments or "")
    assert set(answer) == {"instruction", "output"}
    assert len(answer["instruction"]) <= 60
    assert completion.structure == structure


async def test_prose_in_place_of_a_call_steps_the_form_down_over_http():
    def no_tools(call):
        return Fault(prose="I would rather chat.") if "tools" in call.body else None

    async with FakeServer(faults=no_tools) as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        request = Request("m", (Message("user", "write"),), 100, FUNCTION)
        first, second = await engine.complete(request), await engine.complete(request)

    assert (first.arguments, first.text) == (None, "I would rather chat.")
    assert second.structure == "json_schema"
    assert second.arguments is not None


async def test_the_engine_s_bill_is_the_servers_bill():
    async with FakeServer(faults={2: error(500), 5: Fault(reset=True)}) as server, connected(server) as client:
        engine = Engine(client, [ModelSpec("m", family("m"))], retry=QUICK)
        usages = [
            (await engine.complete(Request("m", (Message("user", "word " * 3_000 + str(n)),), 10))).usage
            for n in range(8)
        ]

    assert server.billed("m") == {
        "prompt_tokens": sum(usage.prompt_tokens for usage in usages),
        "cached_tokens": sum(usage.cached_tokens for usage in usages),
        "completion_tokens": sum(usage.completion_tokens for usage in usages),
    }
    assert sum(usage.cached_tokens for usage in usages) > 0
