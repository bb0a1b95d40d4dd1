"""litellm: `acompletion` against an OpenAI-compatible server, with two retries. Needs an environment of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from openai import OpenAIError

from peers.job import Body, Job, Run, pooled

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it asks the internet for prices

import litellm


@asynccontextmanager
async def completion(job: Job) -> AsyncIterator[Run]:
    """As its documentation shows it; its errors are OpenAI's."""
    litellm.suppress_debug_info = True

    async def send(body: Body) -> object:
        answer = await litellm.acompletion(
            **{**body, "model": f"openai/{body['model']}"},
            api_base=job.base_url,
            api_key="benchmark",
            num_retries=2,
            timeout=job.timeout_s,
        )
        return answer.choices[0].message, answer.usage

    yield partial(pooled, send, in_flight=job.in_flight, losses=(OpenAIError,))
