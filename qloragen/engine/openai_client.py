"""The one module that knows OpenAI's package: its client's URL, headers and credentials, without its work per call."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio
import httpx2
import openai as package
import orjson
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient, Omit, omit

from .client import PLACEHOLDER_KEY, Ask, HttpReply, header_texts
from .lost import lost, redacted

if TYPE_CHECKING:
    from openai._models import FinalRequestOptions
    from openai._types import RequestOptions

CONNECT_S = 5.0
"""A server that does not accept a connection within this time is not there."""

_CHAT, _DECISIONS = "/chat/completions", "/decisions"
_FORM = "multipart/form-data"
_LARGE_BYTES, _PIECE_BYTES = 1 << 20, 1 << 18
_BROKEN = (TimeoutError, httpx2.RequestError, ssl.SSLError, anyio.EndOfStream)
"""What sending may end in. The last two pass through httpx2 as they are, says OpenAI's `_httpx2.py` (3.54)."""


def open_openai(base_url: str | None, api_key: str, *, max_connections: int, timeout_s: float) -> AsyncOpenAI:
    """Make a client with a pool of its own, for the caller to close. It reads the trust store: call it in a thread."""
    limits = httpx2.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=60
    )
    timeout = httpx2.Timeout(timeout_s, connect=CONNECT_S, pool=None)
    http_client = DefaultAioHttpClient(limits=limits, timeout=timeout, follow_redirects=False)
    client = AsyncOpenAI(base_url=base_url, api_key=api_key, max_retries=0, http_client=http_client)
    client.platform_headers()  # reads files, once a process
    return client


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """All of a request but its body, as the client would send it now."""

    method: str
    url: httpx2.URL
    headers: httpx2.Headers
    """Without a content length."""
    extensions: Mapping[str, object]
    secrets: tuple[bytes, ...]
    """Keys and tokens in the headers."""

    def request(self, body: bytes) -> httpx2.Request:
        """Return the whole request."""
        headers = httpx2.Headers(self.headers)
        if body or self.method == "POST":
            headers["Content-Length"] = str(len(body))
        large = len(body) > _LARGE_BYTES
        stream = _Pieces(body) if large else httpx2.ByteStream(body)
        request = httpx2.Request(self.method, self.url, headers=headers, stream=stream, extensions={**self.extensions})
        if not large:
            request.read()
        return request


class _Pieces(httpx2.AsyncByteStream):
    """A body that is sent piece by piece: whole, what the network has not taken yet is copied more than once."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), _PIECE_BYTES):
            yield self._body[start : start + _PIECE_BYTES]


class OpenAIClient:
    """A `Client` over any `AsyncOpenAI` (or a client derived from it, as for Azure) that the caller opens and closes.

    The client's credentials, headers, query and routing are its own, asked for at every call; its retries, redirects
    and models are not used. One of a derived class that redefines anything is left to work as it likes, through its
    `post`, `get` and `delete`.
    """

    def __init__(self, openai: AsyncOpenAI) -> None:
        options = _options()
        self._openai = openai
        self._template = _Template(openai, options) if options is not None and _is_plain(openai) else None

    @property
    def base_url(self) -> str:
        """The API's address, with a slash at its end."""
        return str(self._openai.base_url)

    @property
    def direct(self) -> bool:
        """Whether requests are sent without the client's methods, which take more than twice the CPU time."""
        return self._template is not None

    async def prepared(self, ask: Ask) -> Prepared | None:
        """Ask the client for what precedes the body of `ask`; None where only its own methods know."""
        return None if self._template is None else await self._template.prepared(ask)

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `Client.post`; no key appears in an error body, whatever the server echoes."""
        return await self.ask(chat(body), timeout_s=timeout_s)

    async def decide(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `Deciding.decide`; else as `post`."""
        return await self.ask(decisions(body), timeout_s=timeout_s)

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """See `Listing.get`; else as `post`."""
        return await self.ask(Ask("GET", path, urlencode(query)), timeout_s=timeout_s)

    async def ask(self, ask: Ask, *, timeout_s: float) -> HttpReply:
        """See `Asking.ask`; else as `post`."""
        try:
            async with asyncio.timeout(timeout_s):
                if self._template is None:
                    return await _answered(self._by_itself(ask, timeout_s))
                return await self._template.send(ask, timeout_s)
        except _BROKEN as error:
            raise lost(error) from None

    def _by_itself(self, ask: Ask, timeout_s: float) -> Awaitable[httpx2.Response]:
        """Have the client send through the methods that it publishes."""
        openai, kind, path = self._openai, httpx2.Response, _address(ask)
        options: RequestOptions = {"timeout": _timeout(timeout_s), "max_retries": 0, "follow_redirects": False}
        if ask.method == "GET":
            return openai.get(path, cast_to=kind, options=options)
        if ask.method == "DELETE":
            return openai.delete(path, cast_to=kind, options=options)
        # Types of media are the same in capitals (RFC 9110, 8.3.1); in these the package would make a form of its own.
        headers = {"Content-Type": ask.content_type.replace(_FORM, _FORM.title())}
        if ask.path == _CHAT and isinstance(openai, AsyncAzureOpenAI):
            # It finds the model's deployment only in a parsed body.
            return openai.post(path, body=orjson.loads(ask.body), cast_to=kind, options={**options, "headers": headers})
        return openai.post(path, content=ask.body, cast_to=kind, options={**options, "headers": headers})


def chat(body: bytes) -> Ask:
    """Return the call for a chat completion."""
    return Ask("POST", _CHAT, body=body)


def decisions(body: bytes) -> Ask:
    """Return the call for decisions."""
    return Ask("POST", _DECISIONS, body=body)


def _address(ask: Ask) -> str:
    return f"{ask.path}?{ask.query}" if ask.query else ask.path


async def _answered(call: Awaitable[httpx2.Response]) -> HttpReply:
    try:
        return _reply(await call)
    except package.APIStatusError as error:
        return _reply(error.response)
    except package.APIConnectionError as error:
        raise lost(error) from None


class _Template:
    """Requests that the client has built, kept until its credentials, address or account change.

    The only place that uses what OpenAI's package does not publish: the options' class, the HTTP client, and the two
    hooks `_prepare_options`, which asks for keys and tokens, and `_build_request`. `_is_plain` says when they serve.
    """

    def __init__(self, openai: AsyncOpenAI, options: FinalRequestOptions) -> None:
        self._openai = openai
        self._http = openai._client  # noqa: SLF001 - see above
        self._options = options
        self._by_model = isinstance(openai, AsyncAzureOpenAI)
        self._made: dict[str, tuple[object, Prepared]] = {}

    async def prepared(self, ask: Ask) -> Prepared:
        hot = ask.method == "POST" and ask.path in {_CHAT, _DECISIONS}
        model = str(orjson.loads(ask.body).get("model")) if hot and self._by_model else ""
        options = self._options.model_copy()
        options.method, options.url = ask.method.lower(), _address(ask)
        options.json_data = {"model": model}
        options = await self._openai._prepare_options(options)  # noqa: SLF001 - see above
        if not hot:
            return self._build(options, ask.content_type)
        state = (options.headers, *self._state())
        made = self._made.get(ask.path + model)
        if made is None or made[0] != state:
            made = self._made[ask.path + model] = (state, self._build(options, ask.content_type))
        return made[1]

    async def send(self, ask: Ask, timeout_s: float) -> HttpReply:
        request = (await self.prepared(ask)).request(ask.body)
        request.extensions["timeout"] = _timeout(timeout_s).as_dict()
        response = await self._http.send(request, follow_redirects=False)
        return _reply(response)

    def _build(self, options: FinalRequestOptions, content_type: str) -> Prepared:
        request = self._openai._build_request(options)  # noqa: SLF001 - see above
        headers = httpx2.Headers(request.headers)
        headers.pop("Content-Length", None)
        if "Content-Type" in headers:
            headers["Content-Type"] = content_type
        return Prepared(request.method, request.url, headers, request.extensions, _secrets(headers))

    def _state(self) -> tuple[object, ...]:
        openai = self._openai
        return (openai.api_key, openai.admin_api_key, openai.base_url, openai.organization, openai.project)


def _options() -> FinalRequestOptions | None:
    """Return what the client builds a request from; None should OpenAI's package no longer have it."""
    headers: dict[str, str | Omit] = {"Content-Type": "application/json", "X-Stainless-Read-Timeout": omit}
    try:
        kind: type[FinalRequestOptions] = import_module("openai._models").FinalRequestOptions
    except (ImportError, AttributeError):
        return None
    return kind.construct(method="post", url=_CHAT, headers=headers)


_HOOKS = ("_client", "_prepare_options", "_build_request", "_provider_runtime")


def _is_plain(openai: AsyncOpenAI) -> bool:
    """Whether the client's requests differ in nothing but body, credentials and address.

    Not so with a provider or workload identity (they sign, or answer a 401 themselves), with anything redefined by a
    derived class or on the object, or with an HTTP client of the older httpx.
    """
    kinds = type(openai).__mro__
    published = next(kind for kind in kinds if kind in {AsyncOpenAI, AsyncAzureOpenAI})
    derived = {name for kind in kinds[: kinds.index(published)] for name in vars(kind)}
    on_object = {name for name in vars(openai) if isinstance(getattr(published, name, None), FunctionType)}
    redefined = {name for name in derived & {*dir(published)} | on_object if not name.startswith("__")}
    return (
        not redefined
        and all(hasattr(openai, name) for name in _HOOKS)
        and openai._provider_runtime is None  # noqa: SLF001 - see `_Template`
        and openai.workload_identity is None
        and isinstance(openai._client, httpx2.AsyncClient)  # noqa: SLF001 - see `_Template`
    )


def _timeout(timeout_s: float) -> httpx2.Timeout:
    """Bound the connection alone: the time of the whole attempt is bounded once, around it."""
    return httpx2.Timeout(None, connect=min(CONNECT_S, timeout_s))


def _secrets(headers: httpx2.Headers) -> tuple[bytes, ...]:
    """Return the keys and tokens, but not the placeholder, which is an English word."""
    values = (headers.get("authorization", "").rpartition(" ")[2], headers.get("api-key", ""))
    return tuple(value.encode() for value in values if len(value) > len(PLACEHOLDER_KEY))


def _reply(response: httpx2.Response) -> HttpReply:
    headers = header_texts(response.headers.raw)
    if response.status_code < 300:
        return HttpReply(response.status_code, response.content, headers)
    body = redacted(response.content, _secrets(response.request.headers))
    return HttpReply(response.status_code, body, headers)
