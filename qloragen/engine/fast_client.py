"""The opt-in way past OpenAI's client: its URL, headers and credentials, and aiohttp alone for the bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import anyio.to_thread
import httpx2
from multidict import CIMultiDict
from yarl import URL

from .client import Ask, HttpReply, header_texts
from .lost import lost, redacted
from .openai_client import CONNECT_S, OpenAIClient, Prepared, chat, decisions

_KEEP_ALIVE_S = 60
_AIOHTTP_S_OWN = ("host", "connection", "accept-encoding", "transfer-encoding", "content-length")
"""Headers about the connection; what it can decode, aiohttp knows best."""


async def open_session(base_url: str, *, max_connections: int) -> aiohttp.ClientSession:
    """Make a session for one API, for the caller to close, with the trust store and the proxies of OpenAI's client.

    The proxies are those of `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; `.netrc` is not read.
    """
    context = await anyio.to_thread.run_sync(httpx2.create_ssl_context)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=max_connections, keepalive_timeout=_KEEP_ALIVE_S, ssl=context),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=_proxy(base_url),
    )


def _proxy(base_url: str) -> str | None:
    address = urlsplit(base_url)
    proxies = getproxies()
    proxy = proxies.get(address.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(address.netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


class FastClient:
    """A `Client` that has an `OpenAIClient` prepare requests, and sends them through a session of aiohttp.

    The caller opens and closes both. What the OpenAI client's own HTTP client would do on the way (event hooks,
    `auth`, mounts, proxies, certificates) does not happen. A client that is not `direct` is left to send by itself.
    """

    def __init__(self, openai: OpenAIClient, session: aiohttp.ClientSession) -> None:
        self._openai = openai
        self._session = session
        self._translated = lru_cache(maxsize=64)(_translated)

    async def post(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `Client.post`; no key appears in an error body, whatever the server echoes."""
        return await self._hot(chat(body), timeout_s)

    async def decide(self, body: bytes, *, timeout_s: float) -> HttpReply:
        """See `Deciding.decide`; else as `post`."""
        return await self._hot(decisions(body), timeout_s)

    async def get(self, path: str, query: Mapping[str, str], *, timeout_s: float) -> HttpReply:
        """See `Listing.get`; so few calls may take OpenAI's whole client."""
        return await self._openai.get(path, query, timeout_s=timeout_s)

    async def ask(self, ask: Ask, *, timeout_s: float) -> HttpReply:
        """See `Asking.ask`; so few calls may take OpenAI's whole client."""
        return await self._openai.ask(ask, timeout_s=timeout_s)

    async def _hot(self, ask: Ask, timeout_s: float) -> HttpReply:
        try:
            async with asyncio.timeout(timeout_s):  # of all: a key may have to be fetched first
                prepared = await self._openai.prepared(ask)
                # A name and password in the address are that client's business.
                if prepared is not None and not prepared.url.userinfo:
                    return await self._send(ask.body, prepared, min(CONNECT_S, timeout_s))
                return await self._openai.ask(ask, timeout_s=timeout_s)
        except (aiohttp.ClientError, OSError) as error:
            raise lost(error) from None

    async def _send(self, body: bytes, prepared: Prepared, connect_s: float) -> HttpReply:
        url, headers = self._translated(prepared)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_s)
        async with self._session.post(
            url, data=body, headers=headers, timeout=timeout, allow_redirects=False, raise_for_status=False
        ) as response:
            content = await response.read()
        if response.status >= 300:
            content = redacted(content, prepared.secrets)
        return HttpReply(response.status, content, header_texts(response.raw_headers))


def _translated(prepared: Prepared) -> tuple[URL, CIMultiDict[str]]:
    headers = CIMultiDict(prepared.headers.multi_items())
    for name in _AIOHTTP_S_OWN:
        headers.popall(name, None)
    return URL(str(prepared.url), encoded=True), headers
