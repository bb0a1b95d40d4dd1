"""instructor over OpenAI's client: each answer a validated pydantic model. Needs an environment of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import instructor
from instructor.core import InstructorError
from openai import AsyncOpenAI, OpenAIError
from pydantic import BaseModel

from peers.job import Body, Job, Run, pooled


class Answer(BaseModel):
    """What the model is made to fill in."""

    output: str


@asynccontextmanager
async def structured(job: Job) -> AsyncIterator[Run]:
    """As its documentation shows it, with its own retries and those of OpenAI's client."""
    openai = AsyncOpenAI(base_url=job.base_url, api_key="benchmark", timeout=job.timeout_s)
    client = instructor.from_openai(openai)

    async def send(body: Body) -> object:
        return await client.chat.completions.create(response_model=Answer, **body)

    async with openai:
        yield partial(pooled, send, in_flight=job.in_flight, losses=(InstructorError, OpenAIError))
