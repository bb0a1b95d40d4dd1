"""Bare aiohttp and orjson: the limit. Without retries: a call that is refused is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import aiohttp
import orjson

from peers.bucket import limited
from peers.job import Body, Job, Run, Send, pooled


class Refused(Exception):
    """The server answered with another status than 200."""


_LOSSES = (Refused, aiohttp.ClientError, TimeoutError, ValueError, KeyError)


@asynccontextmanager
async def plain(job: Job) -> AsyncIterator[Run]:
    """Send as fast as the bound of calls in flight allows."""
    async with _sender(job) as send:
        yield partial(pooled, send, in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def bucketed(job: Job) -> AsyncIterator[Run]:
    """Send within the limits of the job."""
    async with _sender(job) as send:
        yield partial(pooled, limited(send, job), in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def _sender(job: Job) -> AsyncIterator[Send]:
    url = f"{job.base_url}/chat/completions"
    headers = {"Content-Type": "application/json", "Authorization": "Bearer benchmark"}
    timeout = aiohttp.ClientTimeout(total=job.timeout_s)
    connector = aiohttp.TCPConnector(limit=job.in_flight, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as http:

        async def send(body: Body) -> object:
            async with http.post(url, data=orjson.dumps(body)) as reply:
                raw = await reply.read()
                if reply.status != 200:
                    raise Refused(reply.status)
            answer = orjson.loads(raw)
            return answer["choices"][:1], answer.get("usage")

        yield send
