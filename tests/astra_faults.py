"""What can go wrong between a client and the Data API, for `AstraApi.next`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from .astra_api import Answer, ApiError, Fault


def http(status: int, body: str = "<html><body>Service unavailable</body></html>") -> Fault:
    """Answer with that status and a page, as a proxy in between does; nothing is carried out."""

    async def answer(_request: web.Request, _carried_out: Callable[[], Answer]) -> web.StreamResponse:
        return web.Response(status=status, text=body, content_type="text/html")

    return answer


def failing(
    code: str = "TIMEOUT_WRITING_DATA", message: str = "The command generated the CQL values: secret text."
) -> Fault:
    """Answer with an error of the server's own, as HTTP 200; nothing is carried out."""

    async def answer(_request: web.Request, _carried_out: Callable[[], Answer]) -> web.StreamResponse:
        return web.json_response({"errors": [ApiError(code, message, scope="DATABASE", family="SERVER").entry]})

    return answer


def answering(body: Answer) -> Fault:
    """Answer with that, as HTTP 200; nothing is carried out."""

    async def answer(_request: web.Request, _carried_out: Callable[[], Answer]) -> web.StreamResponse:
        return web.json_response(body)

    return answer


async def reset_before(request: web.Request, _carried_out: Callable[[], Answer]) -> web.StreamResponse:
    """Break the connection off; nothing is carried out."""
    _break_off(request)
    return web.Response()


async def reset_after(request: web.Request, carried_out: Callable[[], Answer]) -> web.StreamResponse:
    """Carry the request out, then break the connection off."""
    carried_out()
    _break_off(request)
    return web.Response()


async def stalled_after(_request: web.Request, carried_out: Callable[[], Answer]) -> web.StreamResponse:
    """Carry the request out, then never answer."""
    carried_out()
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


def _break_off(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()
