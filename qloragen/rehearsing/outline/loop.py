"""An event loop of nothing but callbacks and timers, in virtual time: no sockets, no threads, no signals.

A call of the engine wakes some four tasks. Loops of asyncio ask the system each time whether a socket has something to
say, which is a good part of all that a rehearsed call costs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from heapq import heappop, heappush
from typing import Any, TypeVar, TypeVarTuple

Value = TypeVar("Value")
Arguments = TypeVarTuple("Arguments")

_TURN_S = 1e-9
"""What each jump of the clock adds, as in `testing.VirtualLoop`: a timer rounded down to "now" would spin for ever."""


class _Handle(asyncio.TimerHandle):
    """A callback to be called once, unless it is cancelled; of asyncio's own it has the name alone."""

    __slots__ = ("act", "arguments", "at_s", "context")

    def __init__(self, act: Callable[..., object], arguments: tuple[Any, ...], context: Context, at_s: float) -> None:
        self.act: Callable[..., object] | None = act
        self.arguments = arguments
        self.context = context
        self.at_s = at_s

    def __repr__(self) -> str:
        return f"<Handle at {self.at_s:g} s of {self.act!r}>"

    def cancel(self) -> None:
        """Call nothing."""
        self.act = None
        self.arguments = ()

    def cancelled(self) -> bool:
        """Whether nothing will be called."""
        return self.act is None

    def when(self) -> float:
        """Return when it is due, in seconds of the loop's clock."""
        return self.at_s


class TimerLoop(asyncio.AbstractEventLoop):
    """Jumps to the next timer whenever nothing is ready; its clock starts at 0 s.

    Raises:
        RuntimeError: from the loop, when all tasks wait and no timer is left: a deadlock, found at once.
    """

    def __init__(self) -> None:
        self._now_s = 0.0
        self._ready: deque[_Handle] = deque()
        self._timers: list[tuple[float, int, _Handle]] = []
        self._numbered = 0
        self._stopping = self._closed = False
        self._failure: BaseException | None = None

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._now_s

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Whether it is running; nobody can ask while it is not."""
        return not self._closed

    def is_closed(self) -> bool:
        """Whether it will not run again."""
        return self._closed

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def call_soon(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> _Handle:
        """Call when all that is ready has been called."""
        handle = _Handle(callback, args, context or copy_context(), self._now_s)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> _Handle:
        """Do the same; there are no threads."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> _Handle:
        """Call in `delay` seconds."""
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*Arguments], object], *args: *Arguments, context: Context | None = None
    ) -> _Handle:
        """Call at a time of the loop's clock."""
        handle = _Handle(callback, args, context or copy_context(), when)
        self._numbered += 1
        heappush(self._timers, (when, self._numbered, handle))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, Value] | Generator[Any, None, Value],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[Value]:
        """Start a task."""
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def get_task_factory(self) -> None:
        """Return None: tasks are those of asyncio."""

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Fail: in a rehearsal no error is to be overlooked."""
        self._failure = context.get("exception") or RuntimeError(context["message"])
        self._stopping = True

    def stop(self) -> None:
        """Return from `run_forever`."""
        self._stopping = True

    def run_forever(self) -> None:
        """Run until stopped: call what is ready, one after the other; when nothing is, go on to the next timer."""
        asyncio._set_running_loop(self)  # noqa: SLF001 - "for implementers of event loops", as asyncio says
        self._stopping = False
        try:
            ready = self._ready
            while not self._stopping:
                if not ready:
                    self._jump()
                handle = ready.popleft()
                if handle.act is not None:
                    handle.context.run(handle.act, *handle.arguments)
            if self._failure is not None:
                raise self._failure
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001

    def run_until_complete(self, future: Any) -> Any:
        """Run until a future is done, and return what it comes to."""
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(self._done)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(self._done)
        return task.result()

    def _done(self, _: object) -> None:
        self._stopping = True

    async def shutdown_asyncgens(self) -> None:
        """Do nothing."""

    async def shutdown_default_executor(self) -> None:
        """Do nothing."""

    def _jump(self) -> None:
        timers = self._timers
        while timers and timers[0][2].act is None:
            heappop(timers)
        if not timers:
            raise RuntimeError("deadlock: every task waits, and no timer will wake one")
        now_s = self._now_s = max(self._now_s, timers[0][0]) + _TURN_S
        while timers and timers[0][0] <= now_s:
            self._ready.append(heappop(timers)[2])
