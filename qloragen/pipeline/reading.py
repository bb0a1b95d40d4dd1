"""What takes long about a long article is done in a thread, so that the event loop never waits for it.

One thread at a time: each keeps the loop from the interpreter for 5 ms at most, and several would for a multiple.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

from ..types import Draft, InstructionType, Invalid, Reply
from .job import Job, OpenArticle

Value = TypeVar("Value")

MOST_CHARS = 12_000
"""What is made of an article or reply of so many characters takes no longer than two milliseconds."""


class Reader:
    """Lays out articles and reads replies, where it matters beside the event loop."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._turn = anyio.Lock()
        self._begun = False
        """What checks load before the first of them, models of languages and the like, is there."""

    async def lay_out(self, opened: OpenArticle) -> None:
        """Find out what the prompts about an article need."""
        if _is_long(opened):
            await self._beside(lambda: opened.block)

    async def draft(self, opened: OpenArticle, type: InstructionType, reply: Reply) -> Draft | Invalid:
        """Return the draft that a reply comes to."""
        if not self._begun or _is_long(opened) or len(reply.body) > MOST_CHARS:
            read = await self._beside(lambda: self._job.read_generation(opened, type, reply))
            self._begun = True
            return read
        return self._job.read_generation(opened, type, reply)

    async def _beside(self, work: Callable[[], Value]) -> Value:
        async with self._turn:
            return await anyio.to_thread.run_sync(work)


def _is_long(opened: OpenArticle) -> bool:
    return len(opened.article.content) > MOST_CHARS
