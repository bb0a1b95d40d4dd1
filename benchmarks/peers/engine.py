"""qloragen's engine, over OpenAI's client and on its fast path."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Literal

from peers.job import Body, Calls, Job, Run
from qloragen.engine import Engine, ModelSpec, RetryPolicy, connect, family, lookup
from qloragen.errors import RequestFailed, RunStopped
from qloragen.types import Completion, Message, Request


def over_openai(job: Job) -> AbstractAsyncContextManager[Run]:
    """Through OpenAI's client."""
    return _opened(job, "openai")


def fast(job: Job) -> AbstractAsyncContextManager[Run]:
    """Through aiohttp's session, with the client's authentication, URL and headers."""
    return _opened(job, "aiohttp")


@asynccontextmanager
async def _opened(job: Job, transport: Literal["openai", "aiohttp"]) -> AsyncIterator[Run]:
    spec = ModelSpec(
        job.model,
        family(job.model),
        price=lookup(job.model),
        rpm=job.rpm,
        tpm=job.tpm,
        max_concurrency=job.in_flight,
    )
    async with connect(
        base_url=job.base_url,
        api_key="benchmark",
        max_connections=job.in_flight,
        timeout_s=job.timeout_s,
        transport=transport,
    ) as client:
        yield partial(_run, Engine(client, [spec], retry=RetryPolicy(timeout_s=job.timeout_s)))


async def _run(engine: Engine, bodies: Sequence[Body]) -> Calls:
    calls = Calls()
    async with engine.map(_request(body) for body in bodies) as outcomes:
        try:
            async for _, outcome in outcomes:
                _count(outcome, calls)
        except RunStopped as stopped:
            calls.lost[type(stopped).__name__] += len(bodies) - calls.ok - calls.lost.total()
    return calls


def _count(outcome: Completion | RequestFailed, calls: Calls) -> None:
    if isinstance(outcome, Completion):
        calls.ok += 1
        calls.latencies_s.append(outcome.latency_s)
    else:
        calls.lost[outcome.reason] += 1


def _request(body: Body) -> Request:
    messages = tuple(Message(message["role"], message["content"]) for message in body["messages"])
    return Request(body["model"], messages, body["max_completion_tokens"])
