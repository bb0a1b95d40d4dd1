"""The seam to the network, over real HTTP on loopback, through both transports."""

from __future__ import annotations

import gzip
import socket
import traceback
import zlib

import anyio
import orjson
import pytest
from aiohttp import web
from openai import AsyncAzureOpenAI, AsyncOpenAI

from qloragen.engine.client import ConnectionLost, connect
from qloragen.errors import AccessDenied
from qloragen.simulator import Effect, Wire, error
from tests.recorder import Recorder, as_bytes, over, trickle
from tests.simulated import Simulated

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
KEY = "canary-key-0123456789"


@pytest.fixture(params=["openai", "aiohttp"])
def transport(request):
    return request.param


@pytest.fixture
def connected(transport):
    """Connect to a fake server."""

    def connected(server, *, key: str | None = KEY, max_connections: int = 8):
        return connect(
            base_url=server.base_url, api_key=key, max_connections=max_connections, timeout_s=5, transport=transport
        )

    return connected


# ------------------------------------------------------------------------------------------------- replies and losses


async def test_a_reply_arrives_as_bytes_with_its_headers(connected):
    async with Simulated() as server, connected(server) as client:
        reply = await client.post(BODY, timeout_s=5)

    assert reply.status == 200
    assert orjson.loads(reply.body)["choices"][0]["message"]["content"] == "1, 2, 6"
    assert reply.headers["x-request-id"] == reply.headers.get("x-request-id") == "req_0"
    assert "retry-after" not in reply.headers


async def test_header_names_in_capitals_are_found_in_lower_case(transport):
    async with (
        Recorder(lambda _request: web.Response(headers={"X-RateLimit-Limit-Tokens": "7"})) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        reply = await client.post(BODY, timeout_s=5)

    assert reply.headers.get("x-ratelimit-limit-tokens") == "7"


async def test_headers_that_are_no_utf8_arrive_as_text_that_can_be_written_down(transport):
    answer = b"HTTP/1.1 200 OK\r\nX-Request-Id: r\xe9\xff\r\nContent-Length: 2\r\n\r\n{}"

    async with as_bytes(answer) as url, over(transport, AsyncOpenAI(base_url=url, api_key=KEY)) as client:
        reply = await client.post(BODY, timeout_s=5)

    assert reply.headers.get("x-request-id") == "r\xe9\xff"


async def test_the_body_and_the_key_reach_the_server_as_they_are(connected):
    async with Simulated() as server, connected(server) as client:
        await client.post(BODY, timeout_s=5)
        await client.post(BODY.replace(b"hello", "schön".encode()), timeout_s=5)

    assert [call.prompt for call in server.calls] == ["hello", "schön"]
    assert server.calls[0].body == orjson.loads(BODY)
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {KEY}"}
    assert {call.headers["content-type"] for call in server.calls} == {"application/json"}


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503, 529])
async def test_every_status_is_a_reply_and_nothing_is_sent_twice(connected, status):
    fault = error(status, code="some_code", headers={"retry-after-ms": "70"})

    async with Simulated(faults={0: fault}) as server, connected(server) as client:
        reply = await client.post(BODY, timeout_s=5)

    assert reply.status == status
    assert orjson.loads(reply.body)["error"]["code"] == "some_code"
    assert reply.headers["retry-after-ms"] == "70"
    assert len(server.calls) == 1


async def test_a_redirect_is_a_reply_even_if_the_openai_client_would_follow_it(transport):
    moved = web.Response(status=307, headers={"location": "/elsewhere"})

    async with (
        Recorder(lambda _request: moved) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        reply = await client.post(BODY, timeout_s=5)

    assert (reply.status, reply.headers["location"]) == (307, "/elsewhere")
    assert len(server.arrived) == 1


async def test_an_html_page_is_a_reply_like_any_other(connected):
    async with Simulated(faults={0: Effect(raw=b"<html>")}) as server, connected(server) as client:
        assert (await client.post(BODY, timeout_s=5)).body == b"<html>"


@pytest.mark.parametrize(("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_reply_is_unpacked(transport, coding, compress):
    packed = web.Response(body=compress(b'{"packed": true}'), headers={"content-encoding": coding})

    async with (
        Recorder(lambda _request: packed) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        reply = await client.post(BODY, timeout_s=5)

    assert reply.body == b'{"packed": true}'
    assert coding in (server.headers("accept-encoding")[0] or "")


async def test_a_reply_that_is_not_what_it_says_is_lost(transport):
    broken = web.Response(body=b"not gzip", headers={"content-encoding": "gzip"})

    async with (
        Recorder(lambda _request: broken) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=5)

    assert caught.value.maybe_paid


@pytest.mark.parametrize("fault", [Effect(wire=Wire.RESET_BEFORE_HEADERS), Effect(wire=Wire.TRUNCATED)])
async def test_a_connection_that_breaks_may_have_been_paid_for(connected, fault):
    async with Simulated(faults={0: fault}) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=5)

    assert caught.value.maybe_paid
    assert not caught.value.timed_out


async def test_a_connection_that_broke_is_followed_by_a_good_one(connected):
    async with Simulated(faults={1: Effect(wire=Wire.RESET_BEFORE_HEADERS)}) as server, connected(server) as client:
        await client.post(BODY, timeout_s=5)
        with pytest.raises(ConnectionLost):
            await client.post(BODY, timeout_s=5)
        assert (await client.post(BODY, timeout_s=5)).status == 200

    assert len(server.calls) == 3


async def test_silence_is_told_from_a_broken_connection(connected):
    async with Simulated(delay_s=30) as server, connected(server) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=0.05)

    assert caught.value.timed_out
    assert caught.value.maybe_paid


async def test_a_reply_that_never_ends_is_cut_off_by_its_total_time(transport):
    async with (
        trickle() as base_url,
        connect(base_url=base_url, api_key=KEY, max_connections=2, timeout_s=5, transport=transport) as client,
    ):
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=0.2)

    assert caught.value.timed_out
    assert caught.value.maybe_paid


async def test_a_refused_connection_was_never_paid_for(transport):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    address = f"http://127.0.0.1:{port}/v1"
    pool = connect(base_url=address, api_key=KEY, max_connections=2, timeout_s=5, transport=transport)
    async with pool as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.post(BODY, timeout_s=5)

    assert not caught.value.maybe_paid
    assert not caught.value.timed_out


@pytest.mark.parametrize(
    "fault",
    [Effect(wire=Wire.RESET_BEFORE_HEADERS), error(401, message=f"Incorrect key: {KEY}"), Effect(wire=Wire.TRUNCATED)],
)
async def test_the_key_is_in_no_exception_text_and_in_no_error_body(connected, fault):
    async with Simulated(faults=lambda _call: fault) as server, connected(server) as client:
        try:
            seen = (await client.post(BODY, timeout_s=5)).body.decode()
        except ConnectionLost as lost:
            seen = "".join(traceback.format_exception(lost))

    assert KEY not in seen


async def test_a_token_is_in_no_error_body_either(transport):
    def refused(request: web.BaseRequest) -> web.Response:
        return web.Response(status=401, text=f"no such token: {request.headers['authorization']}")

    async with Recorder(refused) as server:
        openai = AsyncAzureOpenAI(azure_endpoint=server.url, azure_ad_token="a-secret-token", api_version="1")
        async with over(transport, openai) as client:
            reply = await client.post(BODY, timeout_s=5)

    assert reply.body == b"no such token: Bearer [key]"


async def test_as_many_calls_run_together_as_there_are_connections(connected):
    async with (
        Simulated(delay_s=0.2) as server,
        connected(server, max_connections=120) as client,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(120):
            tasks.start_soon(lambda: client.post(BODY, timeout_s=5))

    assert len(server.calls) == 120
    assert server.peak > 100


async def test_a_cookie_is_not_sent_back(transport):
    def with_cookie(_request: web.BaseRequest) -> web.Response:
        return web.Response(headers={"set-cookie": "session=1; Path=/"})

    async with (
        Recorder(with_cookie) as server,
        over(transport, AsyncOpenAI(base_url=server.url, api_key=KEY)) as client,
    ):
        await client.post(BODY, timeout_s=5)
        await client.post(BODY, timeout_s=5)

    assert server.headers("cookie") == [None, None]


# ------------------------------------------------------------------------------------------------------ connecting


async def test_without_a_key_openai_itself_is_not_even_tried(transport):
    with pytest.raises(AccessDenied, match=r"OPENAI_API_KEY.*--base-url.*--local"):
        async with connect(base_url=None, api_key=None, max_connections=2, timeout_s=5, transport=transport):
            pass


@pytest.mark.parametrize("key", ["“sk-123”", "sk\n1"])
async def test_what_cannot_be_a_key_is_refused_before_it_is_sent(key):
    with pytest.raises(AccessDenied, match="copy it again"):
        async with connect(base_url=None, api_key=key, max_connections=2, timeout_s=5):
            pass


async def test_a_server_of_ones_own_needs_no_key(connected):
    async with (
        Simulated(faults={0: error(400, message="none of it")}) as server,
        connected(server, key=None) as client,
    ):
        reply = await client.post(BODY, timeout_s=5)

    assert server.calls[0].headers["authorization"] == "Bearer none"
    assert b"none of it" in reply.body


async def test_the_usual_environment_variables_are_respected(monkeypatch, transport):
    async with Simulated() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        pool = connect(base_url=None, api_key=None, max_connections=2, timeout_s=5, transport=transport)
        async with pool as client:
            await client.post(BODY, timeout_s=5)

    assert server.calls[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.fixture
def proxied(monkeypatch):
    """Name a proxy in the environment, and the hosts that go without it."""

    def proxied(proxy: Recorder, *, bypass: str = "") -> None:
        for name, value in {"HTTP_PROXY": proxy.url, "NO_PROXY": bypass}.items():
            monkeypatch.delenv(name.lower(), raising=False)
            monkeypatch.setenv(name, value)

    return proxied


async def test_a_proxy_in_the_environment_is_used(proxied, transport):
    async with Recorder() as proxy:
        proxied(proxy)
        async with over(transport, AsyncOpenAI(base_url="http://api.invalid/v1", api_key=KEY)) as client:
            assert (await client.post(BODY, timeout_s=5)).status == 200

    assert [path for path, _headers, _body in proxy.arrived] == ["http://api.invalid/v1/chat/completions"]


async def test_a_host_that_is_exempt_goes_without_the_proxy(proxied, connected):
    async with Recorder() as proxy, Simulated() as server:
        proxied(proxy, bypass="127.0.0.1")
        async with connected(server) as client:
            assert (await client.post(BODY, timeout_s=5)).status == 200

    assert proxy.arrived == []
    assert len(server.calls) == 1
