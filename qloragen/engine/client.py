"""The one seam to the network: what the engine needs of a provider, and how to connect to one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from os import environ
from typing import Literal, NamedTuple, Protocol, runtime_checkable

import anyio.to_thread

from ..errors import AccessDenied

PLACEHOLDER_KEY = "none"
"""Sent to servers of the user's own that were given no key: the API needs some `Authorization` header."""

Transport = Literal["openai", "aiohttp"]
"""Who sends the bytes: OpenAI's client with all that it can do, or aiohttp alone at about half the CPU time."""


@dataclass(frozen=True, slots=True)
class HttpReply:
    """One answer of the server, whatever its status."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """To be looked up with lower-case names."""


def header_texts(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return headers with lower-case names; their bytes, of any encoding or none, are read as Latin-1 (RFC 9110, 5.5).

    So they are texts that can be written down, whatever a server or proxy puts there.
    """
    return {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in raw}


class ConnectionLost(Exception):
    """No whole reply came: refused, reset, cut short, or not within its time.

    `maybe_paid` is false where the request certainly never reached the server, `timed_out` true where time ran out.
    """

    def __init__(self, message: str, *, maybe_paid: bool = True, timed_out: bool = False) -> None:
        super().__init__(message)
        self.maybe_paid = maybe_paid
        self.timed_out = timed_out


class Client(Protocol):
    """What the engine needs of a provider."""

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Make one attempt at `POST /chat/completions` with a JSON body; every HTTP status is a reply.

        `timeout_s` bounds the whole attempt, from the wait for a connection to the last byte.

        Raises:
            ConnectionLost: no whole reply came.
        """
        ...


@runtime_checkable
class Listing(Protocol):
    """What `engine.stored` needs of a provider besides; OpenAI's client, the fast one and the stand-ins have it."""

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """Make one attempt at `GET` of an address beneath the API's own, such as `/chat/completions`.

        Raises:
            ConnectionLost: no whole reply came.
        """
        ...


class Ask(NamedTuple):
    """A call to any other address of the API, such as `Ask("POST", "/batches", body=...)`."""

    method: str
    path: str
    """Beneath the API's own address."""
    query: str = ""
    body: bytes = b""
    content_type: str = "application/json"


@runtime_checkable
class Deciding(Protocol):
    """What requests with predicates need of a provider besides."""

    async def decide(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """Make one attempt at `POST /decisions`, as `Client.post` does at chat completions.

        Raises:
            ConnectionLost: no whole reply came.
        """
        ...


@runtime_checkable
class Asking(Protocol):
    """What batches need of a provider besides: files and batches are made, looked at and fetched."""

    async def ask(self, ask: Ask, *, timeout_s: float) -> HttpReply:
        """Make one attempt at any call; the body of the reply may be a whole file.

        Raises:
            ConnectionLost: no whole reply came.
        """
        ...


def connect(
    *,
    base_url: str | None,
    api_key: str | None,
    max_connections: int,
    timeout_s: float,
    transport: Transport = "openai",
) -> AbstractAsyncContextManager[Client]:
    """Open a connection pool to an OpenAI-compatible API; leaving the context closes it.

    Without arguments `OPENAI_BASE_URL` and `OPENAI_API_KEY` are read, as OpenAI's own client does. A server at
    another base URL that was given no key gets a placeholder.

    Raises:
        AccessDenied: there is no key for OpenAI itself, or it cannot be one.
    """
    return _connected(
        base_url=base_url or environ.get("OPENAI_BASE_URL") or None,
        api_key=api_key or environ.get("OPENAI_API_KEY") or None,
        max_connections=max_connections,
        timeout_s=timeout_s,
        transport=transport,
    )


@asynccontextmanager
async def _connected(
    *, base_url: str | None, api_key: str | None, max_connections: int, timeout_s: float, transport: Transport
) -> AsyncIterator[Client]:
    key = _checked(api_key, base_url)
    # OpenAI's package takes two seconds to import: only those who connect pay, and their event loop goes on meanwhile.
    await anyio.to_thread.run_sync(import_module, f"{__package__}.openai_client")
    from .fast_client import FastClient, open_session  # noqa: PLC0415 - as above
    from .openai_client import OpenAIClient, open_openai  # noqa: PLC0415 - as above

    opening = partial(open_openai, base_url, key, max_connections=max_connections, timeout_s=timeout_s)
    async with await anyio.to_thread.run_sync(opening) as openai:
        client = OpenAIClient(openai)
        if transport == "openai":
            yield client
            return
        async with await open_session(client.base_url, max_connections=max_connections) as session:
            yield FastClient(client, session)


def _checked(api_key: str | None, base_url: str | None) -> str:
    if api_key is None and base_url is None:
        raise AccessDenied(
            "No API key: set OPENAI_API_KEY, or name a server with --base-url, or run a model here with --local."
        )
    key = (api_key or "").strip() or PLACEHOLDER_KEY
    if not (key.isascii() and key.isprintable()):
        raise AccessDenied("OPENAI_API_KEY holds characters that no key has; copy it again, without quotes or blanks.")
    return key
