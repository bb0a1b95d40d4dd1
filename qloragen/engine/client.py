"""The one seam to the network, and the one module that knows OpenAI's package (imported late: it costs two seconds)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from os import environ
from typing import TYPE_CHECKING, Protocol

import anyio.to_thread

from ..errors import AccessDenied

if TYPE_CHECKING:
    from httpx2 import Response
    from openai import AsyncOpenAI

PLACEHOLDER_KEY = "none"
"""Sent to servers of the user's own that were given no key: the API needs some `Authorization` header."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer of the server, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names."""


class ConnectionLost(Exception):
    """No whole reply came: refused, reset, cut short, or silent for too long.

    `maybe_paid` is false where the request certainly never reached the server, `timed_out` true where it was silence.
    """

    def __init__(self, message: str, *, maybe_paid: bool = True, timed_out: bool = False) -> None:
        super().__init__(message)
        self.maybe_paid = maybe_paid
        self.timed_out = timed_out


class Client(Protocol):
    """What the engine needs of a provider."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Make one attempt at `POST /chat/completions` with a JSON body; every HTTP status is a reply.

        `timeout_s` bounds the silence between two reads of the socket; the engine bounds the whole attempt itself.

        Raises:
            ConnectionLost: no whole reply came.
        """
        ...


def connect(
    *, base_url: str | None, api_key: str | None, max_connections: int, timeout_s: float
) -> AbstractAsyncContextManager[Client]:
    """Open a connection pool to an OpenAI-compatible API; leaving the context closes it.

    Without arguments `OPENAI_BASE_URL` and `OPENAI_API_KEY` are read, as OpenAI's own client does. A server at
    another base URL that was given no key gets a placeholder.

    Raises:
        AccessDenied: there is no key for OpenAI itself.
    """
    return _connected(
        base_url=base_url or environ.get("OPENAI_BASE_URL") or None,
        api_key=api_key or environ.get("OPENAI_API_KEY") or None,
        max_connections=max_connections,
        timeout_s=timeout_s,
    )


@asynccontextmanager
async def _connected(
    *, base_url: str | None, api_key: str | None, max_connections: int, timeout_s: float
) -> AsyncIterator[Client]:
    if api_key is None and base_url is None:
        raise AccessDenied(
            "No API key: set OPENAI_API_KEY, or name a server with --base-url, or run a model here with --local."
        )
    # The import costs two seconds: only those who connect pay for it, and their event loop goes on meanwhile.
    await anyio.to_thread.run_sync(import_module, "openai")
    import httpx2  # noqa: PLC0415 - as above
    from openai import AsyncOpenAI, DefaultAioHttpClient  # noqa: PLC0415 - as above

    limits = httpx2.Limits(
        max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=60
    )
    http_client = DefaultAioHttpClient(
        limits=limits,
        timeout=httpx2.Timeout(timeout_s, connect=5, pool=None),
        follow_redirects=False,
    )
    key = (api_key or "").strip() or PLACEHOLDER_KEY
    if not (key.isascii() and key.isprintable()):
        raise AccessDenied("OPENAI_API_KEY holds characters that no key has; copy it again, without quotes or blanks.")
    async with AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=http_client) as openai:
        yield OpenAIClient(openai)


class OpenAIClient:
    """A `Client` over any `AsyncOpenAI` (or a client derived from it, as for Azure) that the caller opens and closes.

    Give it one made with `max_retries=0`: the engine retries, and every attempt must be seen to be counted.
    """

    def __init__(self, openai: AsyncOpenAI) -> None:
        import httpx2  # noqa: PLC0415 - only needed once connected
        import openai as package  # noqa: PLC0415 - as above

        self._openai = openai
        self._package = package
        self._httpx = httpx2

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `Client.post`; the key never appears in an error body, whatever the server echoes."""
        try:
            response = await self._openai.post(
                "/chat/completions",
                content=body,
                cast_to=self._httpx.Response,
                options={
                    "headers": {"Content-Type": "application/json"},
                    "timeout": self._httpx.Timeout(timeout_s, connect=min(5.0, timeout_s), pool=None),
                    "max_retries": 0,
                },
            )
        except self._package.APIStatusError as error:
            return self._refusal(error.response)
        except self._package.APIConnectionError as error:
            raise _lost(error) from None
        return _reply(response)

    def _refusal(self, response: Response) -> HttpReply:
        key = self._openai.api_key.encode()
        body = response.content
        if len(key) > len(PLACEHOLDER_KEY):
            body = body.replace(key, b"[key]")
        return HttpReply(response.status_code, body, _headers(response))


def _reply(response: Response) -> HttpReply:
    return HttpReply(response.status_code, response.content, _headers(response))


def _headers(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


_BEFORE_SENDING = frozenset(
    {
        "ClientConnectorError",
        "ClientConnectorCertificateError",
        "ClientConnectorDNSError",
        "ClientConnectorSSLError",
        "ConnectionTimeoutError",
        "ConnectError",
        "PoolTimeout",
    }
)
"""Failures to get a connection at all. `ConnectTimeout` is not among them: over aiohttp it also stands for a server
that hung up after it had read the request."""


def _lost(error: BaseException) -> ConnectionLost:
    """Translate; the kind of failure is known only by the causes, and their texts may hold anything, so names do."""
    names = [type(cause).__name__ for cause in _causes(error)]
    return ConnectionLost(
        f"connection failed ({', '.join(names)})",
        maybe_paid=_BEFORE_SENDING.isdisjoint(names),
        timed_out="ReadTimeout" in names,
    )


def _causes(error: BaseException) -> list[BaseException]:
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) is not None and cause not in found:
        found.append(cause)
    return found
