"""One sink that follows the journal of a run.

Rules:
1. Only lines that are acknowledged are read, and the sink is given them in portions: a slow one lags behind in the
   journal, not in memory, and holds nobody up.
2. Where the sink has got to is put down after it has kept a portion. Who comes after a crash gives it that again.
3. An OSError of the sink's, or a group of nothing else, is trouble that passes: it is left, and after a pause entered
   and given the same again. What else it raises is not, and stops the run.
4. Once a run is at its end, a sink that is in trouble gets `grace_s` more; one that takes records gets its time.
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import NamedTuple, Protocol

import anyio
import anyio.to_thread

from ..errors import QloragenError, RunStopped, SetupError, SinkFailed
from ..logs import escape, get_logger, redact
from ..sinks.values import Emptiable, Sink
from ..store.feed import START, Current, Place, changes_between, current, is_there, portion
from ..store.handle import Run
from ..words import counted
from .places import note_place, place_of

GATHER_S = 0.5
"""So long more changes are waited for after the first one, unless somebody waits for them to be there."""
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
"""Between two tries at a sink that is in trouble."""
_MOST_READ_CHARS, _MOST_SAID_CHARS = 2_000, 200
"""Of what an error says."""

log = get_logger()


class Acknowledged(Protocol):
    """How far a journal is safe."""

    @property
    def acknowledged(self) -> int:
        """Up to where it is now."""

    async def durable(self) -> None:
        """Return when all that is queued is safe; raises StorageFailed when it never will be."""

    async def beyond(self, end: int) -> int:
        """Return up to where it is, once that is further than `end`; raises StorageFailed when it never will be."""


class Patience(NamedTuple):
    """How long a sink that is in trouble is tried, in seconds."""

    outage_s: float = inf
    """Without anything that it took."""
    grace_s: float = 60.0
    """At the end of the run."""


class Follower:
    """Brings the changes of one run to one sink; its `work` is a task."""

    def __init__(self, run: Run, sink: Sink, journal: Acknowledged, patience: Patience) -> None:
        self.name = sink.name
        self.failed: QloragenError | None = None
        """Why it has given up."""
        self.tried = anyio.Event()
        """The sink was entered, or cannot be for now."""
        self.put, self.dropped = 0, 0
        """Records that the sink was given, and that it was told to forget, by this process."""
        self._run, self._sink, self._journal, self._patience = run, sink, journal, patience
        self._opened_end, self._opened_records = run.filing.written, run.state.totals.records
        self._place, self._seen = START, 0
        self._before = 0
        """Changes that it had to be given when the run was opened."""
        self._is_counted = False
        self._given = 0
        self._is_owed = False
        """It was in trouble as it was given something, and has not taken that yet."""
        self._tried_at_s = self._trouble_since_s = self._leave_at_s = inf
        self._wait_s = FIRST_WAIT_S
        self._closing = False
        self._ended = False
        self._moved, self._wanted, self._impatient = anyio.Event(), anyio.Event(), anyio.Event()
        self._listening = anyio.CancelScope()

    @property
    def missing(self) -> int:
        """Records that the sink does not have, or does not have as they are now, of those that the run has."""
        return max(0, self._before + self._run.state.totals.records - self._opened_records - self._given)

    async def reached(self, end: int) -> None:
        """Return when the sink has everything up to an offset in the journal, or never will: see `failed`. One that is
        owed nothing need not be there."""
        while self._seen < end and not self._ended and (self.missing or not self._is_counted):
            self._wanted.set()
            await self._moved.wait()

    def want(self) -> None:
        """Gather no more changes before they are handed over."""
        self._wanted.set()

    def hurry(self) -> None:
        """Give up soon on a sink that is in trouble: the run is at its end."""
        now_s = asyncio.get_running_loop().time()  # anyio knows no clock in a callback, such as that of a signal
        self._leave_at_s = min(self._leave_at_s, now_s + self._patience.grace_s)
        self._wanted.set()
        self._impatient.set()

    def close(self) -> None:
        """Finish the portion that is on its way, leave the sink, and end."""
        self._closing = True
        self._impatient.set()
        self._listening.cancel()

    async def work(self) -> None:
        """Follow the journal until closed, or until that cannot be gone on with; returns then, see `failed`."""
        try:
            await self._take_up()
            while not self._closing:
                await self._attempt()
        except SetupError as error:
            self.failed = self._failure(str(error)) if self.tried.is_set() else error
        except RunStopped as error:
            self.failed = error
        finally:
            self._ended = True
            self.tried.set()
            self._moved.set()

    async def _take_up(self) -> None:
        """Find the place where the sink was left."""
        place = await anyio.to_thread.run_sync(place_of, self._run.folder, self.name)
        if not await anyio.to_thread.run_sync(is_there, self._run.filing, place):
            place = START
        await self._begin_at(place)

    async def _begin_at(self, place: Place) -> None:
        self._place, self._given, self._is_counted = place, 0, False
        end = self._opened_end
        self._before = await anyio.to_thread.run_sync(changes_between, self._run.filing, place.end, end)
        self._is_counted = True
        self._seen = place.end if self._before else max(place.end, end)
        self._tell()

    async def _attempt(self) -> None:
        self._tried_at_s = anyio.current_time()
        try:
            await self._inside()
        except QloragenError:
            raise
        except Exception as error:
            if not _passes(error):
                raise self._failure(f"Sink {self.name} has failed with {_said(error)}") from error
            self.tried.set()
            await self._wait_out(error)
        except anyio.get_cancelled_exc_class() as error:
            if anyio.current_effective_deadline() == -inf:
                raise
            # Nobody has cancelled this task: were it to end here, all would seem to be delivered.
            raise self._failure(f"Sink {self.name} has failed with {_said(error)}, of its own") from error

    async def _inside(self) -> None:
        """Enter the sink, follow the journal until closed, and leave it; to enter or leave may take `outage_s`."""
        with anyio.fail_after(self._patience.outage_s) as limit:
            async with self._sink:
                await self._look()
                limit.deadline = inf
                try:
                    await self._follow()
                finally:
                    limit.deadline = anyio.current_time() + self._patience.outage_s
        if not self._closing:
            raise self._failure(f"Sink {self.name} has hidden an error as it was left, which it must not")

    async def _look(self) -> None:
        """See whether someone has emptied a sink that was given something before."""
        if self._place != START and isinstance(self._sink, Emptiable) and await self._sink.is_empty():
            await self._begin_at(START)
            log.warning("sink_is_empty", sink=self.name, what="all records are handed over again")
        if not self._is_owed:
            self._went_well()
        self.tried.set()

    async def _follow(self) -> None:
        while (end := await self._news()) is not None:
            while self._seen < end and not self._closing:
                await self._give(end)

    async def _news(self) -> int | None:
        """Return up to where there is more to be handed over, once there is; None at the end."""
        if self._closing:
            return None
        with anyio.CancelScope() as self._listening:
            await self._journal.beyond(self._seen)
            with anyio.move_on_after(GATHER_S):
                await self._wanted.wait()
            self._wanted = anyio.Event()
            return await self._journal.beyond(self._seen)
        return None

    async def _give(self, end: int) -> None:
        """Hand over what comes next, and put down that it is there."""
        found = await anyio.to_thread.run_sync(portion, self._run.filing, self._seen, end, self._place)
        if found.lines:
            await self._hand_over(current(found.changes, self._run.state, end))
            await self._note(found.place)
        self._place, self._seen = found.place, found.end
        self._given += found.lines
        self._tell()

    def _tell(self) -> None:
        """Wake those who wait."""
        self._moved.set()
        self._moved = anyio.Event()

    async def _hand_over(self, what: Current) -> None:
        self._tried_at_s, self._is_owed = anyio.current_time(), True
        with anyio.fail_after(self._patience.outage_s):
            if what.put:
                await self._sink.put(what.put)
            if what.drop:
                await self._sink.drop(what.drop)
        self.put += len(what.put)
        self.dropped += len(what.drop)
        self._is_owed = False
        self._went_well()

    async def _note(self, place: Place) -> None:
        try:
            await anyio.to_thread.run_sync(note_place, self._run.folder, self.name, place)
        except OSError as error:
            what = "the sink is given the same again after this process"
            log.warning("place_not_kept", folder=str(self._run.folder), sink=self.name, error=str(error), what=what)

    def _went_well(self) -> None:
        if self._trouble_since_s < inf:
            log.info("sink_takes_again", sink=self.name)
        self._trouble_since_s, self._wait_s = inf, FIRST_WAIT_S

    async def _wait_out(self, error: Exception) -> None:
        """Pause before the sink is tried again.

        Raises:
            SinkFailed: It has been tried for long enough.
        """
        if self._trouble_since_s == inf:
            what = "it is tried again, and given all that is missing then; the run goes on"
            log.warning("sink_refuses", sink=self.name, error=_said(error), what=what)
            await self._note(self._place)  # one that has taken nothing yet is one of the run's, too
        now_s = anyio.current_time()
        self._trouble_since_s = min(self._trouble_since_s, self._tried_at_s)
        left_s = min(self._trouble_since_s + self._patience.outage_s, self._leave_at_s) - now_s
        if left_s <= 0:
            since_s = now_s - self._trouble_since_s
            raise self._failure(f"Sink {self.name} has taken nothing for {since_s:.0f} s ({_said(error)})") from error
        with anyio.move_on_after(min(self._wait_s, left_s)):
            await self._impatient.wait()
        self._wait_s = min(2 * self._wait_s, LONGEST_WAIT_S)
        if self._impatient.is_set():
            self._impatient, self._wait_s = anyio.Event(), FIRST_WAIT_S

    def _failure(self, what: str) -> SinkFailed:
        """Return the error that says what is wrong, and what of it."""
        are = "is" if self.missing == 1 else "are"
        missing = f"; {counted(self.missing, 'record')} {are} not there yet" if self.missing else ""
        return SinkFailed(
            f"{what.removesuffix('.')}{missing}: mend that, then run the same command again, which goes on there; the "
            "run's own files have all records."
        )


def _passes(error: Exception) -> bool:
    """Say whether an error of a sink's may be gone later."""
    if isinstance(error, ExceptionGroup):
        return all(map(_passes, error.exceptions))
    return isinstance(error, OSError)


def _said(error: BaseException) -> str:
    """Return what an error of a sink's says, of a group the first, in few words and without secrets."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = str(error)[:_MOST_READ_CHARS].partition("\n")[0]  # to look for secrets in all of it may take long
    text = escape(redact(said))[:_MOST_SAID_CHARS]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
