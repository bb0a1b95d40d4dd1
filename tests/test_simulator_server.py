"""The simulated provider over real sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import anyio
import orjson
import pytest

from qloragen.errors import SettingsError
from qloragen.simulator import (
    KINDS,
    Effect,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    Provider,
    Simulation,
    SimulatorServer,
    Wire,
)

JSON = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
TOOLS = [{"type": "function", "function": {"name": "record", "parameters": {"type": "object", "properties": {}}}}]


@asynccontextmanager
async def served(
    *faults: Fault, model: Model | None = None, **settings: Any
) -> AsyncIterator[tuple[SimulatorServer, aiohttp.ClientSession]]:
    simulation = Simulation(**{"models": {"*": model or Model()}, **settings}, faults=faults)
    timeout = aiohttp.ClientTimeout(sock_read=5)
    async with SimulatorServer(Provider(simulation)) as server, aiohttp.ClientSession(timeout=timeout) as http:
        yield server, http


async def posted(
    server: SimulatorServer, http: aiohttp.ClientSession, **changes: Any
) -> tuple[int, dict[str, str], bytes]:
    async with http.post(f"{server.base_url}/chat/completions", json={**JSON, **changes}) as reply:
        return reply.status, {name.lower(): value for name, value in reply.headers.items()}, await reply.read()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what the other end of a socket does in its own time."""
    with anyio.fail_after(10):
        while not true():  # noqa: ASYNC110 - nothing else tells
            await anyio.sleep(0.005)


def choice(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(body)["choices"][0]
    return found


# ------------------------------------------------------------ the happy way


async def test_a_chat_completion_comes_back_with_every_header():
    model = Model(limits=Limits(rpm=600, tpm=600_000), latency=Latency(median_s=0.01))
    async with served(model=model) as (server, http):
        status, headers, body = await posted(server, http)

    assert status == 200
    assert orjson.loads(body)["object"] == "chat.completion"
    assert headers["content-type"] == "application/json"
    assert headers["x-request-id"] == "req_0"
    assert headers["openai-processing-ms"] == "10"
    for name in ("limit", "remaining", "reset"):
        assert {f"x-ratelimit-{name}-requests", f"x-ratelimit-{name}-tokens"} <= set(headers)


async def test_a_rejected_call_says_how_long_to_wait():
    async with served(model=Model(limits=Limits(rpm=6))) as (server, http):
        await posted(server, http)
        status, headers, body = await posted(server, http)

    assert status == 429
    assert orjson.loads(body)["error"]["code"] == "rate_limit_exceeded"
    assert 9_000 < int(headers["retry-after-ms"]) <= 10_000
    assert headers["retry-after"] == "10"
    assert headers["x-ratelimit-limit-requests"] == "6"


async def test_many_calls_on_many_connections_all_get_their_own_answer():
    async with served(model=Model(latency=Latency(0.02, 0.1))) as (server, http):
        async with anyio.create_task_group() as tasks:
            for _ in range(200):
                tasks.start_soon(posted, server, http)
        seen = server.statistics

    assert seen.total.outcomes == {"answered": 200}
    assert seen.total.peak > 50


async def test_the_models_are_listed():
    async with served() as (server, http), http.get(f"{server.base_url}/models") as reply:
        listed = await reply.json()

    assert [model["id"] for model in listed["data"]] == ["simulated"]


async def test_a_model_can_be_looked_up():
    async with served(models={"org/one": Model()}) as (server, http):
        async with http.get(f"{server.base_url}/models/org/one") as reply:
            found = await reply.json()
        async with http.get(f"{server.base_url}/models/two") as reply:
            assert reply.status == 404
            assert (await reply.json())["error"]["code"] == "model_not_found"

    assert (found["id"], found["object"], type(found["created"])) == ("org/one", "model", int)


@pytest.mark.parametrize(("at_s", "key", "status"), [(0, "k", 503), (60, "wrong", 401), (60, "k", 200)])
async def test_the_models_are_as_open_as_the_api(at_s, key, status):
    async with served(outages=(Outage(at_s, 60),), api_key="k") as (server, http):
        async with http.get(f"{server.base_url}/models", headers={"authorization": f"Bearer {key}"}) as reply:
            assert reply.status == status
        async with http.get(f"http://127.0.0.1:{server.port}/simulator/statistics") as reply:
            assert (await reply.json())["calls"] == 0


async def test_an_outage_resets_who_asks_for_the_models():
    async with served(outages=(Outage(0, 60, "reset"),)) as (server, http):
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{server.base_url}/models")


async def test_a_head_has_no_body():
    async with served() as (server, http):
        for _ in range(2):
            async with http.head(f"{server.base_url}/models") as reply:
                assert (reply.status, await reply.read()) == (200, b"")
            async with http.get(f"{server.base_url}/models") as reply:
                assert (await reply.json())["object"] == "list"


async def exchanged(server: SimulatorServer, sent: bytes) -> bytes:
    """Return all that comes back from a client that sends, and then says that it will send no more."""
    reading, writing = await asyncio.open_connection("127.0.0.1", server.port)
    writing.write(sent)
    writing.write_eof()
    reply = await reading.read()
    writing.close()
    return reply


async def test_a_client_that_only_listens_any_more_gets_its_reply():
    body = orjson.dumps(JSON)
    call = b"POST /v1/chat/completions HTTP/1.1\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    async with served(model=Model(latency=Latency(0.05))) as (server, _):
        assert (await exchanged(server, call)).startswith(b"HTTP/1.1 200 OK")


async def test_a_client_that_sends_without_end_is_not_read_while_its_call_is_answered():
    body = orjson.dumps(JSON)
    call = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    async with served(model=Model(latency=Latency(0.1))) as (server, _):
        reading, writing = await asyncio.open_connection("127.0.0.1", server.port)
        count = 2**25 // len(call)
        writing.write(call + b"GET /v1/models HTTP/1.1\r\n\r\n" * count)
        replies = b""
        while b"req_0" not in replies:
            replies += await reading.read(2**16)
        writing.transport.abort()

    assert server.statistics.total.outcomes == {"answered": 1}


@pytest.mark.parametrize("path", ["/simulator/statistics", "/v1/simulator/statistics?pretty=1"])
async def test_statistics_are_served_as_json(path):
    async with served() as (server, http):
        await posted(server, http)
        async with http.get(f"http://127.0.0.1:{server.port}{path}") as reply:
            shown = await reply.json()

    assert shown["outcomes"] == {"answered": 1}
    assert shown["models"]["m"]["billed"]["prompt_tokens"] > 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/chat/completions/1/messages"), ("POST", "/v1/models"), ("GET", "/")]
)
async def test_other_addresses_are_not_found(method, path):
    async with served() as (server, http), http.request(method, f"http://127.0.0.1:{server.port}{path}") as reply:
        assert reply.status == 404
        assert "Invalid URL" in (await reply.json())["error"]["message"]


async def test_a_body_in_chunks_is_read_like_any_other():
    async def chunks():
        for piece in (b'{"model": "m", ', b'"messages": [{"role": "user", ', b'"content": "hello"}]}'):
            yield piece

    async with served() as (server, http), http.post(f"{server.base_url}/chat/completions", data=chunks()) as reply:
        assert reply.status == 200


async def test_a_client_that_asks_to_continue_may_do_so():
    async with served() as (server, http):
        reply = await http.post(f"{server.base_url}/chat/completions", json=JSON, expect100=True)
        reply.release()

    assert reply.status == 200


async def test_calls_sent_in_one_go_are_answered_in_their_order():
    body = orjson.dumps(JSON)
    call = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    last = call.replace(b"host: x", b"connection: close")
    async with served(model=Model(latency=Latency(0.01))) as (server, _):
        reading, writing = await asyncio.open_connection("127.0.0.1", server.port)
        writing.write(call + call + last)
        replies = await reading.read()
        writing.close()

    assert replies.count(b"HTTP/1.1 200 OK") == 3
    assert [replies.find(b"req_%d" % n) for n in range(3)] == sorted(replies.find(b"req_%d" % n) for n in range(3))
    assert server.statistics.total.outcomes == {"answered": 3}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\ncontent-length: 999999999\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ncontent-length: " + b"9" * 5_000 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * 70_000, 431),
    ],
)
async def test_what_is_not_http_is_told_so_and_hung_up_on(sent, status):
    async with served() as (server, _):
        reading, writing = await asyncio.open_connection("127.0.0.1", server.port)
        writing.write(sent)
        reply = await reading.read()
        writing.close()

    assert reply.startswith(b"HTTP/1.1 %d " % status)


async def test_a_taken_port_is_a_mistake_of_the_settings():
    async with served() as (server, _):
        with pytest.raises(
            SettingsError, match=f"^Port {server.port} of 127.0.0.1 cannot be used: Address already in use.$"
        ):
            async with SimulatorServer(port=server.port):
                pass


async def test_a_client_that_goes_away_ends_its_call():
    async with served(model=Model(latency=Latency(median_s=60))) as (server, http):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await posted(server, http)
        await until(lambda: not server.statistics.total.in_flight)

    assert server.statistics.total.outcomes == {"abandoned": 1}


# ------------------------------------------------------------ faults on the wire

ERRORS = {kind: effect for kind, effect in KINDS.items() if effect.error is not None}


@pytest.mark.parametrize("kind", ERRORS)
async def test_an_error_is_an_error_in_the_form_of_the_api(kind):
    async with served(Fault(kind)) as (server, http):
        status, headers, body = await posted(server, http)

    assert status == ERRORS[kind].status
    assert orjson.loads(body) == {"error": ERRORS[kind].error}
    assert headers["content-type"] == "application/json"
    assert server.statistics.total.outcomes == {kind: 1}
    assert server.statistics.total.billed.prompt_tokens == 0


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("rate_limited", "rate_limit_exceeded"),
        ("rate_limited_tokens", "rate_limit_exceeded"),
        ("slow_down", "slow_down"),
        ("flex_unavailable", "resource_unavailable"),
        ("insufficient_quota", "insufficient_quota"),
        ("context_length", "context_length_exceeded"),
        ("unsupported_parameter", "unsupported_parameter"),
        ("invalid_schema", "invalid_function_parameters"),
        ("content_policy", "content_policy_violation"),
        ("unauthorized", "invalid_api_key"),
        ("model_not_found", "model_not_found"),
        ("bad_request", None),
    ],
)
async def test_errors_have_the_codes_of_the_api(kind, code):
    async with served(Fault(kind)) as (server, http):
        _, headers, body = await posted(server, http)

    assert orjson.loads(body)["error"]["code"] == code
    assert ("retry-after-ms" in headers) == (kind in {"rate_limited", "rate_limited_tokens", "slow_down"})


@pytest.mark.parametrize("kind", ["reset_before_headers", "reset_after_headers", "truncated_body"])
async def test_a_connection_that_breaks_is_an_error_of_the_client(kind):
    async with served(Fault(kind, every=2)) as (server, http):
        with pytest.raises(aiohttp.ClientError) as caught:
            await posted(server, http)
        assert (await posted(server, http))[0] == 200

    after_headers = isinstance(caught.value, aiohttp.ClientPayloadError)
    assert after_headers == (kind != "reset_before_headers")
    assert server.statistics.total.outcomes == {kind: 1, "answered": 1}
    assert (server.statistics.total.undelivered.prompt_tokens > 0) == after_headers


@pytest.mark.parametrize(("kind", "headers_come"), [("never_ends", True), ("hang", False)])
async def test_silence_lasts_until_the_client_gives_up(kind, headers_come):
    came = False
    async with served(Fault(kind)) as (server, http):
        with pytest.raises(aiohttp.SocketTimeoutError):
            async with http.post(
                f"{server.base_url}/chat/completions", json=JSON, timeout=aiohttp.ClientTimeout(sock_read=0.1)
            ) as reply:
                came = True
                await reply.read()
        await until(lambda: not server.statistics.total.in_flight)

    assert came == headers_come
    assert server.statistics.total.outcomes == {kind: 1}


async def test_a_trickle_is_whole_in_the_end():
    slow = replace(KINDS["slow_trickle"], gap_s=0.001)
    async with served(Fault("slow_trickle", effect=slow)) as (server, http):
        _, _, body = await posted(server, http)

    assert choice(body)["finish_reason"] == "stop"
    assert server.statistics.total.outcomes == {"slow_trickle": 1}


async def test_pages_of_gateways_are_html():
    async with served(Fault("html_page", every=2), Fault("html_error")) as (server, http):
        page, error = await posted(server, http), await posted(server, http)

    assert (page[0], error[0]) == (200, 502)
    for _, headers, body in (page, error):
        assert headers["content-type"].startswith("text/html")
        assert body.startswith(b"<!doctype html>")


async def test_an_error_may_come_inside_a_200():
    async with served(Fault("error_inside_200")) as (server, http):
        status, _, body = await posted(server, http)

    assert status == 200
    assert set(orjson.loads(body)) == {"error"}


@pytest.mark.parametrize("kind", ["length", "content_filter"])
async def test_an_answer_may_stop_half_way(kind):
    async with served(Fault(kind, every=2)) as (server, http):
        half, whole = (await posted(server, http))[2], (await posted(server, http))[2]

    assert choice(half)["finish_reason"] == kind
    assert choice(whole)["message"]["content"].startswith(choice(half)["message"]["content"])
    used = [orjson.loads(body)["usage"]["completion_tokens"] for body in (half, whole)]
    assert used[0] < used[1]


async def test_an_answer_may_be_no_answer():
    bodies = {}
    for kind in ("refusal", "empty_choices", "null_content", "missing_usage"):
        async with served(Fault(kind)) as (server, http):
            bodies[kind] = orjson.loads((await posted(server, http))[2])
            assert server.statistics.total.billed.completion_tokens > 0

    assert bodies["refusal"]["choices"][0]["message"]["refusal"]
    assert bodies["refusal"]["choices"][0]["message"]["content"] is None
    assert bodies["empty_choices"]["choices"] == []
    assert bodies["null_content"]["choices"][0]["message"]["content"] is None
    assert "usage" not in bodies["missing_usage"]
    assert bodies["missing_usage"]["choices"]


@pytest.mark.parametrize("asked", [{"tools": TOOLS}, {"response_format": {"type": "json_object"}}])
async def test_a_structured_answer_may_be_wrong(asked):
    async def message(kind: str) -> dict[str, Any]:
        async with served(Fault(kind)) as (server, http):
            found: dict[str, Any] = choice((await posted(server, http, **asked))[2])["message"]
            return found

    def arguments(message: dict[str, Any]) -> str:
        calls = message.get("tool_calls")
        return str(calls[0]["function"]["arguments"] if calls else message["content"])

    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(arguments(await message("invalid_arguments")))
    assert "unexpected" in orjson.loads(arguments(await message("wrong_schema_arguments")))
    prose = await message("prose_instead_of_call")
    assert "tool_calls" not in prose
    assert prose["content"].startswith("Certainly!")


async def test_a_call_may_come_twice():
    async with served(Fault("duplicated_tool_calls")) as (server, http):
        calls = choice((await posted(server, http, tools=TOOLS))[2])["message"]["tool_calls"]

    first, second = calls
    assert first["function"] == second["function"]
    assert first["id"] != second["id"]


def test_every_kind_of_fault_is_explained():
    from qloragen.simulator import faults  # noqa: PLC0415 - its docstring is what is tested

    words = set((faults.__doc__ or "").replace(",", " ").split())
    assert set(KINDS) <= words


async def test_an_outage_can_keep_everybody_out_and_ends():
    async with served(outages=(Outage(0.05, 0.2, "refuse"),)) as (server, http):
        assert (await posted(server, http))[0] == 200
        await until(lambda: refused(server.port))
        await until(lambda: not refused(server.port))
        assert (await posted(server, http))[0] == 200


async def test_a_port_that_somebody_took_during_an_outage_is_a_mistake_of_the_settings():
    server = SimulatorServer(Provider(Simulation(outages=(Outage(0.05, 0.2, "refuse"),))))
    with pytest.raises(SettingsError, match=r"^Port \d+ of 127.0.0.1 cannot be used: Address already in use.$"):
        async with server:
            await until(lambda: refused(server.port))
            async with SimulatorServer(port=server.port):
                await anyio.sleep_forever()


def refused(port: int) -> bool:
    with socket.socket() as plug:
        return plug.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


async def test_a_fault_of_ones_own_combines_what_goes_wrong():
    effect = Effect(delay_s=0.01, headers={"retry-after": "3"}, finish_reason="stop", wire=Wire.WHOLE, prose="No.")
    async with served(Fault("odd", effect=effect)) as (server, http):
        _, headers, body = await posted(server, http, tools=TOOLS)

    assert headers["retry-after"] == "3"
    assert choice(body)["message"]["content"] == "No."
    assert server.statistics.total.outcomes == {"odd": 1}
