"""OpenAI clients of the caller's own: their requests, credentials and hooks are kept, through both transports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import anyio
import httpx2
import orjson
import pytest
from aiohttp import web
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient

from qloragen.engine.client import ConnectionLost
from qloragen.engine.openai_client import OpenAIClient
from qloragen.simulator import Effect, Wire
from tests.recorder import Recorder, over
from tests.simulated import Simulated

BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
KEY = "canary-key-0123456789"


@pytest.fixture(params=["openai", "aiohttp"])
def transport(request):
    return request.param


async def token() -> str:
    return "a-token-of-the-provider"


def azure(url: str, **arguments) -> AsyncAzureOpenAI:
    return AsyncAzureOpenAI(**{"azure_endpoint": url, "api_version": "2026-10-01", "max_retries": 0, **arguments})


CLIENTS: dict[str, Callable[[str], AsyncOpenAI]] = {
    "plain": lambda url: AsyncOpenAI(base_url=url, api_key=KEY),
    "over aiohttp": lambda url: AsyncOpenAI(base_url=url, api_key=KEY, http_client=DefaultAioHttpClient()),
    "address with a path": lambda url: AsyncOpenAI(base_url=f"{url}/deep/v1/", api_key=KEY),
    "address with a query": lambda url: AsyncOpenAI(base_url=f"{url}/v1?tenant=a%2Fb", api_key=KEY),
    "account": lambda url: AsyncOpenAI(base_url=url, api_key=KEY, organization="org-1", project="proj_1"),
    "headers": lambda url: AsyncOpenAI(base_url=url, api_key=KEY, default_headers={"X-Mine": "1", "User-Agent": "me"}),
    "own authorization": lambda url: AsyncOpenAI(base_url=url, api_key=KEY, default_headers={"Authorization": "Own x"}),
    "query": lambda url: AsyncOpenAI(base_url=url, api_key=KEY, default_query={"api-version": "1", "list": ["a", "b"]}),
    "http headers": lambda url: AsyncOpenAI(
        base_url=url, api_key=KEY, http_client=httpx2.AsyncClient(headers={"x-http": "1"}, params={"p": "1"})
    ),
    "key from a function": lambda url: AsyncOpenAI(base_url=url, api_key=token),
    "copied": lambda url: AsyncOpenAI(base_url=url, api_key="old").with_options(
        api_key=KEY, default_headers={"a": "b"}
    ),
    "azure": lambda url: azure(url, api_key=KEY),
    "azure deployment": lambda url: azure(url, api_key=KEY, azure_deployment="mine"),
    "azure address": lambda url: azure(url, api_key=KEY, azure_endpoint=None, base_url=f"{url}/openai/deployments/d"),
    "azure token": lambda url: azure(url, azure_ad_token="a-token"),
    "azure token from a function": lambda url: azure(url, azure_ad_token_provider=token),
    "azure key from a function": lambda url: azure(url, api_key=token),
}


@pytest.mark.parametrize("make", CLIENTS.values(), ids=CLIENTS.keys())
async def test_what_arrives_is_what_the_client_itself_would_have_sent(transport, make):
    def sent(arrived: tuple[str, dict[str, str], bytes]):
        path, headers, body = arrived
        about_the_connection = ("connection", "accept-encoding", "content-length", "x-stainless-read-timeout")
        return path, {k: v for k, v in headers.items() if k not in about_the_connection}, orjson.loads(body)

    async with Recorder() as server:
        openai = make(server.url)
        assert OpenAIClient(openai).direct
        await openai.post("/chat/completions", body=orjson.loads(BODY), cast_to=httpx2.Response)
        async with over(transport, openai) as client:
            replies = [await client.post(BODY, timeout_s=5) for _ in range(2)]

    assert [reply.status for reply in replies] == [200, 200]
    by_itself, first, second = [sent(arrived) for arrived in server.arrived]
    assert first == second == by_itself
    assert [body for _path, _headers, body in server.arrived[1:]] == [BODY, BODY]


async def test_each_model_reaches_its_own_deployment_on_azure(transport):
    async with Recorder() as server, over(transport, azure(server.url, api_key=KEY)) as client:
        for model in ("one", "two", "one"):
            await client.post(orjson.dumps({"model": model, "messages": []}), timeout_s=5)

    assert [path.split("/")[3] for path, _headers, _body in server.arrived] == ["one", "two", "one"]


def numbered(values: list[str]) -> Callable[[], str]:
    def provider() -> str:
        values.append(f"token-{len(values)}")
        return values[-1]

    return provider


def numbered_later(values: list[str]):
    async def provider() -> str:
        mine = numbered(values)()
        await asyncio.sleep(0)
        return mine

    return provider


ROTATING: dict[str, tuple[str, Callable[[str, list[str]], AsyncOpenAI]]] = {
    "key": ("authorization", lambda url, seen: AsyncOpenAI(base_url=url, api_key=numbered_later(seen))),
    "azure key": ("api-key", lambda url, seen: azure(url, api_key=numbered_later(seen))),
    "azure token": ("authorization", lambda url, seen: azure(url, azure_ad_token_provider=numbered(seen))),
    "azure async token": ("authorization", lambda url, seen: azure(url, azure_ad_token_provider=numbered_later(seen))),
}


@pytest.mark.parametrize(("header", "make"), ROTATING.values(), ids=ROTATING.keys())
async def test_a_key_that_rotates_is_asked_for_once_a_call_and_never_stale(transport, header, make):
    asked: list[str] = []

    async with Recorder() as server, over(transport, make(server.url, asked)) as client:
        for _ in range(3):
            await client.post(BODY, timeout_s=5)
        assert [(value or "").removeprefix("Bearer ") for value in server.headers(header)] == asked
        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(lambda: client.post(BODY, timeout_s=5))

    sent = [(value or "").removeprefix("Bearer ") for value in server.headers(header)]
    assert sorted(sent) == sorted(asked)
    assert len(set(asked)) == 23


async def test_a_key_or_address_that_is_changed_counts_from_the_next_call_on(transport):
    openai = AsyncOpenAI(base_url="http://127.0.0.1:1", api_key="first-key")

    async with Recorder() as server, over(transport, openai) as client:
        openai.base_url = f"{server.url}/one"
        await client.post(BODY, timeout_s=5)
        openai.api_key = "second-key"
        await client.post(BODY, timeout_s=5)
        openai.base_url = f"{server.url}/two"
        openai.project = "proj_2"
        await client.post(BODY, timeout_s=5)

    assert server.headers("authorization") == ["Bearer first-key", "Bearer second-key", "Bearer second-key"]
    assert server.headers("openai-project") == [None, None, "proj_2"]
    assert [path for path, _headers, _body in server.arrived] == [
        "/one/chat/completions",
        "/one/chat/completions",
        "/two/chat/completions",
    ]


class Signing(AsyncOpenAI):
    async def _prepare_request(self, request):
        request.headers["x-mine"] = str(len(request.content))


class Adding(AsyncOpenAI):
    async def _prepare_options(self, options):
        return (await super()._prepare_options(options)).model_copy(update={"headers": {"x-mine": "added"}})


class Renaming(AsyncOpenAI):
    @property
    def auth_headers(self):
        return {"x-mine": self.api_key}

    def _auth_headers(self, security):
        return self.auth_headers

    def _validate_headers(self, headers, custom_headers):
        return None


class Mixed:
    @property
    def default_headers(self):
        return {**super().default_headers, "x-mine": "mixed in"}  # type: ignore[misc]


class MixedIn(Mixed, AsyncOpenAI):
    pass


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(Signing, str(len(BODY))), (Adding, "added"), (Renaming, KEY), (MixedIn, "mixed in")],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_a_derived_client_works_as_it_likes(transport, kind, expected):
    async with Recorder() as server:
        openai = kind(base_url=server.url, api_key=KEY, max_retries=0)
        assert not OpenAIClient(openai).direct
        async with over(transport, openai) as client:
            assert (await client.post(BODY, timeout_s=5)).status == 200

    assert server.headers("x-mine") == [expected]


async def test_a_derived_azure_client_still_finds_the_deployment(transport):
    class Derived(AsyncAzureOpenAI):
        async def _prepare_request(self, request):
            request.headers["x-mine"] = "1"

    async with (
        Recorder() as server,
        over(transport, Derived(azure_endpoint=server.url, api_key=KEY, api_version="1", max_retries=0)) as client,
    ):
        await client.post(BODY, timeout_s=5)

    assert [path for path, _headers, _body in server.arrived] == [
        "/openai/deployments/m/chat/completions?api-version=1"
    ]


@pytest.mark.parametrize("status", [307, 400, 401, 500])
async def test_a_derived_client_s_refusals_are_replies_too(transport, status):
    refused = web.Response(status=status, text=KEY, headers={"location": "/elsewhere"})

    async with (
        Recorder(lambda _request: refused) as server,
        over(transport, Signing(base_url=server.url, api_key=KEY)) as client,
    ):
        reply = await client.post(BODY, timeout_s=5)

    assert (reply.status, reply.body) == (status, b"[key]")
    assert len(server.arrived) == 1


async def test_a_derived_client_s_losses_are_told_apart_too(transport):
    async with (
        Simulated(faults={0: Effect(wire=Wire.RESET_BEFORE_HEADERS)}, delay_s=0.01) as server,
        over(transport, Signing(base_url=server.base_url, api_key=KEY)) as client,
    ):
        with pytest.raises(ConnectionLost) as reset:
            await client.post(BODY, timeout_s=5)
        server.delay_s = 30
        with pytest.raises(ConnectionLost) as silent:
            await client.post(BODY, timeout_s=0.05)

    assert (reset.value.maybe_paid, reset.value.timed_out) == (True, False)
    assert (silent.value.maybe_paid, silent.value.timed_out) == (True, True)


def test_a_derived_client_that_redefines_nothing_takes_the_short_way():
    class Ours(AsyncOpenAI):
        def __init__(self, url: str) -> None:
            super().__init__(base_url=url, api_key=KEY)

    assert OpenAIClient(Ours("http://127.0.0.1:1")).direct


def test_a_method_replaced_on_the_object_is_respected():
    openai = AsyncOpenAI(base_url="http://127.0.0.1:1", api_key=KEY)
    openai.request = openai.request  # type: ignore[method-assign]

    assert not OpenAIClient(openai).direct


async def test_the_hooks_of_an_http_client_of_the_caller_s_own_are_called():
    seen: list[str] = []

    async def hook(request: httpx2.Request) -> None:
        seen.append(request.method)

    async with Recorder() as server:
        http_client = httpx2.AsyncClient(event_hooks={"request": [hook]})
        async with AsyncOpenAI(base_url=server.url, api_key=KEY, http_client=http_client) as openai:
            await OpenAIClient(openai).post(BODY, timeout_s=5)

    assert seen == ["POST"]


async def test_a_name_and_password_in_the_address_are_sent_as_the_client_would_and_not_repeated(transport):
    def refused(request: web.BaseRequest) -> web.Response:
        return web.Response(status=401, text=request.headers["authorization"])

    async with Recorder(refused) as server:
        address = server.url.replace("http://", "http://me:pass@")
        async with over(transport, AsyncOpenAI(base_url=address, api_key=KEY)) as client:
            reply = await client.post(BODY, timeout_s=5)

    assert server.headers("authorization") == ["Basic bWU6cGFzcw=="]
    assert reply.body == b"Basic [key]"
