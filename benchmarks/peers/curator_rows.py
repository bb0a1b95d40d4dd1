"""bespokelabs-curator: one `LLM` with a response format over a list of rows. Needs an environment of its own."""

from __future__ import annotations

import os
from typing import Any

from pydantic import BaseModel

from peers.rows import Item, Task

KEY = os.environ["OPENAI_API_KEY"]

from bespokelabs import curator

from peers.curator_sdk import ensure_encoding  # it sets a key of its own


class Answer(BaseModel):
    """What the model is made to fill in."""

    instruction: str
    output: str


class Answering(curator.LLM):  # type: ignore[misc]
    """As its documentation shows it."""

    def prompt(self, input: dict[str, str]) -> str:
        return Item(**input).prompt

    def parse(self, input: dict[str, str], response: Answer) -> dict[str, str]:
        return {"id": input["id"], "output": response.output}


def main(task: Task) -> None:
    os.environ["OPENAI_API_KEY"] = KEY
    ensure_encoding()
    model: Any = Answering(
        model_name=task.model,
        response_format=Answer,
        backend="openai",
        backend_params={
            "base_url": task.base_url,
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": 1_000_000_000,
            "max_concurrent_requests": task.in_flight,
            "request_timeout": task.timeout_s,
        },
    )
    response = model([item._asdict() for item in task.items()], working_dir=task.folder)
    task.write([(row["id"], row["output"]) for row in response.dataset])
