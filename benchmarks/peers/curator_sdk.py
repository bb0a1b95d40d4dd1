"""bespokelabs-curator: one `LLM` over a list of prompts, with its ten retries. Needs an environment of its own.

It counts tokens with an encoding that is downloaded when a model is made; where that fails, a stand-in that only
divides takes its place, which costs less than the real one.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import tiktoken

from peers.job import Body, Calls, Job, Run

os.environ |= {"TELEMETRY_ENABLED": "false", "CURATOR_DISABLE_RICH_DISPLAY": "1", "OPENAI_API_KEY": "benchmark"}

from bespokelabs import curator

_UNLIMITED = 1_000_000_000


@asynccontextmanager
async def llm(job: Job) -> AsyncIterator[Run]:
    """As its documentation shows it, except that requests may fail and that nothing is taken from its cache."""
    ensure_encoding()
    model = curator.LLM(
        model_name=job.model,
        backend="openai",
        generation_params={"max_completion_tokens": job.cap_tokens},
        backend_params={
            "base_url": job.base_url,
            "max_requests_per_minute": job.rpm or _UNLIMITED,
            "max_tokens_per_minute": job.tpm or _UNLIMITED,
            "max_concurrent_requests": job.in_flight,
            "request_timeout": round(job.timeout_s),
            "require_all_responses": False,
        },
    )

    async def run(bodies: Sequence[Body]) -> Calls:
        return await asyncio.to_thread(_run, model, bodies)

    yield run


def _run(model: Any, bodies: Sequence[Body]) -> Calls:
    with tempfile.TemporaryDirectory() as folder:
        response = model([body["messages"][0]["content"] for body in bodies], working_dir=folder)
        ok = sum(1 for row in response.dataset if row["response"] is not None)
    return Calls(ok, Counter({"failed": len(bodies) - ok} if ok < len(bodies) else {}))


class _Divided:
    """Four characters make a token."""

    def encode(self, text: str, **_options: Any) -> range:
        return range(len(text) // 4)


def ensure_encoding() -> None:
    try:
        tiktoken.get_encoding("cl100k_base")
    except OSError:  # no way to the internet
        tiktoken.get_encoding = lambda _name: _Divided()
