"""One stream, many takers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Generic, TypeVar

import anyio

from ..errors import SetupError
from ..types import Article, Skip

Item = TypeVar("Item")


class Shared(Generic[Item]):
    """An async iterator that several tasks take items from, each item going to one of them.

    It ends for all of them when its source ends, raises (see `error`), or when it is closed; closing also wakes a task
    that waits for the source.
    """

    def __init__(self, source: AsyncIterator[Item]) -> None:
        self.error: Exception | None = None
        """What the source raised."""
        self.closed = False
        """Nobody wants what is left of it."""
        self.worked_through = False
        """Set by whoever takes from it, once everything taken has been dealt with."""
        self._source = source
        self._turn = anyio.Lock()
        self._waiting: anyio.CancelScope | None = None
        self._ended = False

    def close(self) -> None:
        """End the stream for every taker."""
        self.closed = self._ended = True
        if self._waiting:
            self._waiting.cancel()

    def __aiter__(self) -> Shared[Item]:
        return self

    async def __anext__(self) -> Item:
        async with self._turn:
            if not self._ended:
                with anyio.CancelScope() as self._waiting:
                    return await self._next()
        raise StopAsyncIteration

    async def _next(self) -> Item:
        try:
            return await anext(self._source)
        except StopAsyncIteration:
            self._ended = True
            raise
        except Exception as error:  # noqa: BLE001 - the source is anybody's code; what is open is finished first
            self.error = error
            self._ended = True
            raise StopAsyncIteration from None


async def limited(items: AsyncIterator[Article | Skip], limit: int | None) -> AsyncIterator[Article | Skip]:
    """Yield `items` up to and with the article number `limit`; None is all.

    Raises:
        SetupError: `limit` is less than 1.
    """
    if limit is not None and limit < 1:
        raise SetupError(f"The limit of articles must be 1 or more, not {limit}.")
    articles = 0
    async for item in items:
        yield item
        articles += isinstance(item, Article)
        if articles == limit:
            return
