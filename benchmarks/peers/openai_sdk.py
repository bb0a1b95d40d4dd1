"""OpenAI's own client, used in the ways that its users do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx2
import orjson
from openai import AsyncOpenAI, DefaultAioHttpClient, OpenAIError

from peers.bucket import limited
from peers.job import Body, Job, Run, pooled, spawned


class Unusable(Exception):
    """A reply of status 200 that is no completion, such as an HTML page."""


_LOSSES = (OpenAIError, Unusable, ValueError, KeyError)


@asynccontextmanager
async def default(job: Job) -> AsyncIterator[Run]:
    """`create` of a client as it comes, with its two retries."""
    async with AsyncOpenAI(base_url=job.base_url, api_key="benchmark", timeout=job.timeout_s) as client:
        yield partial(pooled, partial(_create, client), in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def over_aiohttp(job: Job) -> AsyncIterator[Run]:
    """`create` over the aiohttp transport, with the client's two retries."""
    async with _client(job) as client:
        yield partial(pooled, partial(_create, client), in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def semaphore(job: Job) -> AsyncIterator[Run]:
    """The same with a task for each call behind a semaphore."""
    async with _client(job) as client:
        yield partial(spawned, partial(_create, client), in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def bucketed(job: Job) -> AsyncIterator[Run]:
    """The same behind aiolimiter buckets."""
    async with _client(job) as client:
        yield partial(spawned, limited(partial(_create, client), job), in_flight=job.in_flight, losses=_LOSSES)


@asynccontextmanager
async def low_level(job: Job) -> AsyncIterator[Run]:
    """The client's `post` with bytes in and out, without response models."""
    async with _client(job) as client:
        yield partial(pooled, partial(_post, client), in_flight=job.in_flight, losses=_LOSSES)


def _client(job: Job) -> AsyncOpenAI:
    limits = httpx2.Limits(max_connections=job.in_flight, max_keepalive_connections=job.in_flight, keepalive_expiry=60)
    timeout = httpx2.Timeout(job.timeout_s, connect=5, pool=None)
    return AsyncOpenAI(
        base_url=job.base_url,
        api_key="benchmark",
        http_client=DefaultAioHttpClient(limits=limits, timeout=timeout),
    )


async def _create(client: AsyncOpenAI, body: Body) -> object:
    completion = await client.chat.completions.create(**body)
    if not isinstance(getattr(completion, "choices", None), list):
        raise Unusable
    return completion.choices[:1], completion.usage


async def _post(client: AsyncOpenAI, body: Body) -> object:
    response = await client.post(
        "/chat/completions",
        content=orjson.dumps(body),
        cast_to=httpx2.Response,
        options={"headers": {"Content-Type": "application/json"}},
    )
    answer = orjson.loads(response.content)
    return answer["choices"][:1], answer.get("usage")
