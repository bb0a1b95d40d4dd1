"""Servers on loopback that record or misbehave, and the two transports to them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from openai import AsyncOpenAI

from qloragen.engine.client import Transport
from qloragen.engine.fast_client import FastClient, open_session
from qloragen.engine.openai_client import OpenAIClient


@asynccontextmanager
async def over(transport: Transport, openai: AsyncOpenAI) -> AsyncIterator[OpenAIClient | FastClient]:
    """Turn an OpenAI client of the caller's own into a client of the engine; close both afterwards."""
    async with openai:
        client = OpenAIClient(openai)
        if transport == "openai":
            yield client
            return
        async with await open_session(client.base_url, max_connections=8) as session:
            yield FastClient(client, session)


@dataclass
class Recorder:
    """Any path answered alike; what arrived is kept as (path and query, headers, body)."""

    reply: Callable[[web.BaseRequest], web.StreamResponse] = lambda _request: web.Response(body=b'{"ok": true}')
    arrived: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    url: str = ""

    async def __aenter__(self) -> Self:
        server = web.Server(self._answer)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_exception) -> None:
        await self._runner.cleanup()

    def headers(self, name: str) -> list[str | None]:
        return [headers.get(name) for _path, headers, _body in self.arrived]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.methods.append(request.method)
        body = b"".join([piece async for piece in request.content.iter_any()])  # of any size, unlike `read`
        self.arrived.append((request.raw_path, headers, body))
        return self.reply(request)


@asynccontextmanager
async def trickle() -> AsyncIterator[str]:
    """Yield the base URL of a server that answers with the headers of a reply, and then a byte now and then."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"


@asynccontextmanager
async def as_bytes(answer: bytes) -> AsyncIterator[str]:
    """Yield the base URL of a server that answers any request with these bytes, then hangs up."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (length,) = re.findall(rb"(?i)content-length: (\d+)", head)
        await reader.readexactly(int(length))
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
