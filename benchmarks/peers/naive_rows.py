"""The way most people begin: OpenAI's client as it comes, `gather`, a line for each result; done ones are skipped."""

from __future__ import annotations

import asyncio
import json
from typing import TextIO

from openai import AsyncOpenAI

from peers.rows import Item, Task


def main(task: Task) -> None:
    asyncio.run(_run(task))


async def _run(task: Task) -> None:
    client = AsyncOpenAI(base_url=task.base_url, timeout=task.timeout_s)
    places = asyncio.Semaphore(task.in_flight)
    done: set[str] = set()
    if task.dataset.exists():
        with task.dataset.open(encoding="utf-8") as rows:
            done = {json.loads(row)["id"] for row in rows}
    with task.dataset.open("a", encoding="utf-8") as out:
        todo = [item for item in task.items() if item.id not in done]
        await asyncio.gather(*(_one(client, places, item, task.model, out) for item in todo))


async def _one(client: AsyncOpenAI, places: asyncio.Semaphore, item: Item, model: str, out: TextIO) -> None:
    async with places:
        reply = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": item.prompt}],
            response_format={"type": "json_object"},
        )
    row = json.loads(reply.choices[0].message.content or "")
    out.write(json.dumps({"id": item.id, **row}) + "\n")
