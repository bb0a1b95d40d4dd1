"""A task beside a block of code."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVarTuple

import anyio
from anyio.abc import TaskGroup

Arguments = TypeVarTuple("Arguments")


@asynccontextmanager
async def background(
    task: Callable[[*Arguments], Coroutine[Any, Any, object]], *arguments: *Arguments
) -> AsyncIterator[TaskGroup]:
    """Run `task` beside the block and cancel it, with all else in the yielded task group, at the block's end.

    An error of the block passes as it is, where a bare task group would wrap it. Cancelling the group's scope ends the
    block quietly.
    """
    error: Exception | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(task, *arguments)
        try:
            yield tasks
        except Exception as raised:  # noqa: BLE001 - raised again below, whatever it is
            error = raised
        tasks.cancel_scope.cancel()
    if error:
        raise error
