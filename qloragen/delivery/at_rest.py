"""Records of a run in which nobody works: to a sink that it did not have, or again after `reparse`."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import NamedTuple

import anyio
import anyio.to_thread

from ..background import threaded
from ..errors import RunStopped, SetupError, StorageFailed
from ..loop import block_on
from ..settings import Settings, load
from ..signals import stop_on_signals
from ..sinks.named import sinks_of
from ..sinks.values import Sink
from ..store.handle import Run
from ..store.names import SINK
from ..store.run import open_run, refuse_absent
from .following import Patience
from .places import forget_place
from .sending import Delivery, delivering


class Delivered(NamedTuple):
    """What a sink was brought."""

    sink: str
    """Its name."""
    records: int
    """That it was given; those that it had before are not among them."""
    dropped: int
    """Records that it was told to forget, since they count no more."""


def deliver(folder: str | Path, sink: Sink | str, *, anew: bool = False, **knobs: object) -> Delivered:
    """Bring `sink` what it does not have of the records of the run in `folder`, and block until that is done.

    It may be a sink's name, such as `sqlite:records.db`. Doing it again goes on; `anew` hands over every record, also
    those that it was given before. `knobs` are settings by name: `max_outage_s` is how long a sink that is down is
    tried. A signal to stop finishes the portion that is on its way.

    Raises:
        SetupError: There is no run of records in `folder`, another process works in it, or the sink cannot be used.
        SinkFailed: The sink does not take records.
        Interrupted: A signal has ended it.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return block_on(partial(_deliver_here, folder, sink, load(**knobs), anew=anew))
    raise SetupError("deliver() blocks, and an event loop is running here: use `await qloragen.adeliver(...)` instead.")


async def adeliver(folder: str | Path, sink: Sink | str, *, anew: bool = False, **knobs: object) -> Delivered:
    """Do what `deliver` does, for callers with an event loop of their own; signals are left to them."""
    work = _Work(Path(folder), sink, load(**knobs))
    return await work.done(anew=anew)


async def _deliver_here(folder: str | Path, sink: Sink | str, settings: Settings, *, anew: bool) -> Delivered:
    work = _Work(Path(folder), sink, settings)
    async with stop_on_signals(settings.grace_s) as stopping:
        stopping.finish_first(work, lambda: work.owed)
        return await work.done(anew=anew)
    raise AssertionError("unreachable")


class _Still:
    """A journal that nobody adds to."""

    def __init__(self, run: Run) -> None:
        self.acknowledged = run.filing.synced

    async def durable(self) -> None:
        """Return: it is."""

    async def beyond(self, end: int) -> int:
        """Return where it ends, or never."""
        if end >= self.acknowledged:
            await anyio.sleep_forever()
        return self.acknowledged


class _Work:
    """The delivery of one run to one sink, which signals can stop."""

    calls_in_flight = 0
    left_behind = ""

    def __init__(self, folder: Path, sink: Sink | str, settings: Settings) -> None:
        refuse_absent(folder)
        self._folder, self._settings = folder, settings
        (self._sink,) = sinks_of([sink])
        self._delivery: Delivery | None = None
        self._stopped: RunStopped | None = None

    @property
    def owed(self) -> str:
        """A sentence about what is missing in the sink."""
        return self._delivery.owed if self._delivery else ""

    def stop(self, reason: RunStopped) -> None:
        """Finish the portion that is on its way, and end."""
        self._stopped = self._stopped or reason
        if self._delivery:
            self._delivery.close()

    async def done(self, *, anew: bool) -> Delivered:
        """Deliver everything, or raise why not."""
        patience = Patience(self._settings.max_outage_s, self._settings.grace_s)
        async with threaded(open_run(self._folder)) as run:
            if run.sink != SINK:
                raise SetupError(f"The run in {self._folder} makes {run.sink}, which no sink takes: they take records.")
            if anew:
                await anyio.to_thread.run_sync(_forget, self._folder, self._sink.name)
            async with delivering(run, [self._sink], _Still(run), patience, self.stop) as delivery:
                self._delivery = delivery
                if self._stopped:
                    raise self._stopped
                await delivery.begin()
                await delivery.delivered()
        if self._stopped:
            raise self._stopped
        (one,) = delivery.done
        return Delivered(one.name, one.put, one.dropped)


def _forget(folder: Path, name: str) -> None:
    try:
        forget_place(folder, name)
    except OSError as error:
        raise StorageFailed(f"{folder} cannot be written ({error.strerror}); mend that, then do it again.") from error
