"""Ctrl-C, SIGTERM, and a terminal that is closed: once to finish what is in flight, twice to leave.

Rules:
1. Before there is work, the first signal cancels the block: nothing is lost, since no call has been sent. Should the
   block not end, as it opens files on a disk that does not answer, a second signal asks the caller to leave without it.
2. With work, the first signal stops it, and its calls in flight may finish within the grace period. When that is over,
   or at a second signal, the block is cancelled.
3. Whichever it was, `Interrupted` says so at the end. What a stopped session gives as its reason, in `run.json` too,
   is written before that is known, and so says only what holds in all cases.
4. With work, further signals change nothing: what has arrived is being written.
5. SIGHUP, which comes when a terminal is closed, is obeyed only where it would end the process: `nohup` has it ignored,
   and a host may read its configuration anew. It never counts as the second signal, since it comes twice by itself:
   from the system, and from the shell. Nobody can send one from a closed terminal, so the grace period takes its place
   before there is work.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from math import inf
from types import FrameType
from typing import Protocol

import anyio

from .background import background
from .errors import Interrupted, RunStopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_HANG_UP: signal.Signals | None = getattr(signal, "SIGHUP", None)
"""Windows has none."""
GO_ON = "Run the same command again to go on."


class Work(Protocol):
    """What has calls in flight: a session."""

    @property
    def calls_in_flight(self) -> int:
        """Calls that have been sent and not answered yet."""
        ...

    @property
    def left_behind(self) -> str:
        """A sentence about what goes on at the provider when nobody works here; empty where nothing does."""
        ...

    def stop(self, reason: RunStopped) -> None:
        """Send no more; calls in flight are finished."""
        ...


def nothing() -> str:
    """Say nothing: all is done."""
    return ""


def wait_on(_: Interrupted) -> None:
    """Leave nothing behind, however long the block takes to end."""


class Stopping:
    """What signals do to a block of code, which `cancel` cancels, and which `insist` leaves behind."""

    def __init__(
        self, grace_s: float, cancel: Callable[[], None], insist: Callable[[Interrupted], None] = wait_on
    ) -> None:
        self.reason: Interrupted | None = None
        """What the work was stopped with, once that is so."""
        self.ended: Interrupted | None = None
        """How the block ended, or will, once a signal has arrived."""
        self._grace_s = grace_s
        self._cancel = cancel
        self._insist = insist
        self._work: Work | None = None
        self._owed = nothing

    def finish_first(self, work: Work, owed: Callable[[], str] = nothing) -> None:
        """From here on, let the calls of `work` finish within the grace period; `owed` says in a sentence, once it has
        ended, what is missing elsewhere."""
        self._work, self._owed = work, owed

    @property
    def end(self) -> Interrupted | None:
        """How the block has ended, with what is missing elsewhere; None when no signal has arrived."""
        if self.ended is None or not (owed := self._owed()):
            return self.ended
        return Interrupted(f"{str(self.ended).removesuffix(GO_ON)}{owed} {GO_ON}", signal=self.ended.signal)

    async def obey(self, signals: AsyncIterator[signal.Signals]) -> None:
        """Act on the signals as they come, until there is nothing more to do."""
        first = await anext(signals)
        if self._work is None:
            await self._before_work(first, signals)
        else:
            await self._with_work(self._work, first, signals)

    async def _before_work(self, first: signal.Signals, signals: AsyncIterator[signal.Signals]) -> None:
        self.ended = Interrupted(f"Stopped by {first.name} before any call was sent. {GO_ON}", signal=first)
        self._cancel()
        last, how = first, f"Left {self._grace_s:g} s after {first.name}, as grace_s says"
        with anyio.move_on_after(self._grace_s if first == _HANG_UP else inf):
            last = await _another(signals)
            how = f"Left at once by a second signal, {last.name}"
        self._insist(Interrupted(f"{how}, before any call was sent. {GO_ON}", signal=last))

    async def _with_work(self, work: Work, first: signal.Signals, signals: AsyncIterator[signal.Signals]) -> None:
        self._stop(work, first)
        with anyio.move_on_after(self._grace_s):
            second = await _another(signals)
            self._leave(work, f"Left at once by a second signal, {second.name}", second)
            return
        self._leave(work, f"Left {self._grace_s:g} s after {first.name}, as grace_s says", first)

    def _stop(self, work: Work, number: signal.Signals) -> None:
        calls = work.calls_in_flight
        finished = f"{_calls(calls)} in flight {_were(calls)} finished" if calls else "no call was in flight"
        self.ended = Interrupted(
            f"Stopped by {number.name}: {finished}, and everything is kept.{_behind(work)} {GO_ON}", signal=number
        )
        self.reason = Interrupted(
            f"Stopped by {number.name}; everything that has arrived is kept.{_behind(work)} {GO_ON}",
            signal=number,
            finish_by_s=anyio.current_time() + self._grace_s,
        )
        work.stop(self.reason)

    def _leave(self, work: Work, how: str, number: signal.Signals) -> None:
        calls = work.calls_in_flight
        lost = f"{_calls(calls)} in flight {_were(calls)} cancelled and may be paid for again" if calls else ""
        self.ended = Interrupted(
            f"{how}: {lost or 'no call was in flight'}; everything that has arrived is kept.{_behind(work)} {GO_ON}",
            signal=number,
        )
        self._cancel()


@asynccontextmanager
async def stop_on_signals(grace_s: float, insist: Callable[[Interrupted], None] = wait_on) -> AsyncIterator[Stopping]:
    """Within the block, obey the signals by the rules above. Afterwards they do what they did before.

    Outside the main thread signals cannot be received, and the block just runs.

    Raises:
        Interrupted: A signal has ended the block.
    """
    block = anyio.CancelScope()
    stopping = Stopping(grace_s, block.cancel, insist)
    if not _in_main_thread():
        yield stopping
        return
    try:
        with received() as signals:
            async with background(stopping.obey, signals):
                with block:
                    yield stopping
    except Interrupted as reason:
        if reason is stopping.reason and (end := stopping.end):
            raise end from None
        raise
    if block.cancelled_caught and (end := stopping.end):
        raise end


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Within the block, which is no event loop's, let a signal end it wherever it is; elsewhere as above.

    Raises:
        Interrupted: A signal has ended the block.
    """
    if not _in_main_thread():
        yield
        return
    with _restored() as numbers:
        try:
            for number in numbers:
                signal.signal(number, _raise)
            yield
        except _Signalled as error:
            raise Interrupted(f"Stopped by {error.number.name}. {GO_ON}", signal=error.number) from None


class _Signalled(KeyboardInterrupt):
    """Passes wherever errors are caught, as `KeyboardInterrupt` does."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number = number


def _raise(number: int, _: FrameType | None) -> None:
    if number == _HANG_UP:
        signal.signal(number, signal.SIG_IGN)  # it comes once more, while the block ends
    raise _Signalled(signal.Signals(number))


async def _another(signals: AsyncIterator[signal.Signals]) -> signal.Signals:
    """Return the next signal by which somebody insists."""
    while (number := await anext(signals)) == _HANG_UP:
        pass
    return number


@contextmanager
def received() -> Iterator[AsyncIterator[signal.Signals]]:
    """Yield the signals that arrive within the block, which is an event loop's in the main thread."""
    with _restored() as numbers, anyio.open_signal_receiver(*numbers) as signals:
        yield signals


@contextmanager
def _restored() -> Iterator[tuple[signal.Signals, ...]]:
    """Yield the signals to obey, and give them back their handlers after the block; event loops leave Python's own in
    their place."""
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    if _HANG_UP is not None:
        handler = signal.getsignal(_HANG_UP)
        if handler == signal.SIG_DFL or handler == _raise:  # noqa: PLR1714 - a host's may have no hash
            handlers[_HANG_UP] = handler
    try:
        yield tuple(handlers)
    finally:
        for number, handler in handlers.items():
            # One that was not installed from Python cannot be.
            if handler is not None:
                signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _behind(work: Work) -> str:
    return work.left_behind and f" {work.left_behind}"


def _calls(count: int) -> str:
    return "1 call" if count == 1 else f"{count} calls"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
