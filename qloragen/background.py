"""A task beside a block of code, and a block's opening and closing beside the event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

Arguments = TypeVarTuple("Arguments")
Value = TypeVar("Value")


@asynccontextmanager
async def background(
    task: Callable[[*Arguments], Coroutine[Any, Any, object]], *arguments: *Arguments
) -> AsyncIterator[TaskGroup]:
    """Run `task` beside the block and cancel it, with all else in the yielded task group, at the block's end.

    An error of the block passes as it is, where a bare task group would wrap it, and so does the end of a generator
    that the block stands in. Cancelling the group's scope ends the block quietly.
    """
    error: Exception | GeneratorExit | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task, *arguments)
        try:
            yield tasks
        except (Exception, GeneratorExit) as raised:  # noqa: BLE001 - raised again below, whatever it is
            error = raised
        tasks.cancel_scope.cancel()
    if error:
        raise error


@asynccontextmanager
async def threaded(manager: AbstractContextManager[Value]) -> AsyncIterator[Value]:
    """Enter and leave `manager`, which takes no interest in errors of the block, in a thread."""
    value = await anyio.to_thread.run_sync(manager.__enter__)
    try:
        yield value
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(manager.__exit__, None, None, None)
