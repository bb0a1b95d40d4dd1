"""As many tasks of one kind as are wanted, while that changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from anyio.abc import TaskGroup

Work = Callable[[], Awaitable[None]]


class Crew:
    """Tasks that all do the same work; each asks between two pieces of it whether it `is_needed`."""

    def __init__(self, tasks: TaskGroup, wanted: Callable[[], int]) -> None:
        self._tasks = tasks
        self._wanted = wanted
        self._count = 0
        self._work: Work | None = None
        self._over = False

    def hire(self, work: Work) -> None:
        """Start as many tasks as are wanted now, all to do `work`."""
        self._work = work
        self._fill()

    def is_needed(self) -> bool:
        """Whether the asking task should go on; starts others if more are wanted by now."""
        self._fill()
        return self._count <= self._wanted()

    def dismiss(self) -> None:
        """Start no more tasks: there is nothing left to do. Those that are at work finish."""
        self._over = True

    def _fill(self) -> None:
        while not self._over and self._count < self._wanted():
            self._count += 1
            self._tasks.start_soon(self._run)

    async def _run(self) -> None:
        assert self._work is not None
        try:
            await self._work()
        finally:
            self._count -= 1
