"""The library's face: a run opened for work, as a stream or in one call."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Collection, Iterable, Iterator, Mapping, Sized
from contextlib import AsyncExitStack, aclosing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Self

import anyio
import anyio.to_thread
from anyio.streams.memory import MemoryObjectReceiveStream

from .domain.classifiers import Classifier
from .engine.batches.dispatch import BatchProgress
from .engine.client import Client
from .engine.statistics import Pause
from .errors import Interrupted, RunStopped, SettingsError, SetupError, StorageFailed
from .logs import get_logger
from .manifest import last_process
from .observing import Observer
from .pipeline.chronicle import named
from .pipeline.plan import Plan
from .pipeline.shared import Shared, limited
from .pipeline.tally import Tally
from .pipeline.workload import Sizes
from .settings import Settings, load
from .sinks import Sink
from .sinks.named import sinks_of
from .sources import Reading, read
from .store.ledger import Bill
from .summary import Summary, going_on, summarise
from .types import Article, Record, Skip
from .view import View
from .watching.remaining import Expected
from .work import open_work

Source = str | Path | Iterable[str | Path | Mapping[str, object] | Article] | AsyncIterable[object]
"""A path (file, folder or glob), a list of `Path`s, or an (async) iterable of articles: `str`, `dict` or `Article`."""

_LEFT = "The session was left while work was under way; run it again to go on."

log = get_logger()


class Session:
    """One process at work in one run directory.

        async with Session(out="runs/a") as session:
            async for record in session.stream(articles):
                ...

    Opening it reads what is done already, so the same work again makes no call. A session takes no more work after the
    first reason to stop (see `RunStopped`); another one continues.
    """

    def __init__(
        self,
        out: str | Path,
        *,
        client: Client | None = None,
        classifier: Classifier | str | None = None,
        sinks: Iterable[Sink | str] | None = None,
        settings: Settings | None = None,
        observer: Observer | None = None,
        **knobs: object,
    ) -> None:
        """`knobs` are settings by name (`rpm=500`); they win over environment and file. `settings` replaces all three.
        `client` takes the place of OpenAI's client, for tests and other transports; whoever made it closes it.
        `classifier` may be one of your own, in the place of those that can be named; see `qloragen.classifiers`.
        `sinks` get every record besides the run directory, in the place of those that are set; see `qloragen.sinks`.
        `observer` looks on, in the place of the one that `telemetry` sets up; see `qloragen.observing`.

        Raises:
            SettingsError: A knob has a value that it cannot have, its name is unknown, or there are `settings` as well;
                or a sink cannot be made, or is called like another.
        """
        self.folder = Path(out).absolute()
        named = classifier if isinstance(classifier, str) else None
        if settings and (named or knobs):
            raise SettingsError(f"Give settings, or knobs by name ({', '.join(knobs) or 'classifier'}), not both.")
        self.settings = settings or load(classifier=named, **knobs)
        self._sinks = sinks_of(self.settings.sinks if sinks is None else sinks)
        self.resumed = False
        """Whether there was work in the directory already when it was opened."""
        self._client = client
        self._observer = observer
        self._classifier = None if isinstance(classifier, str) else classifier
        self._exits = AsyncExitStack()
        self._streams: dict[MemoryObjectReceiveStream[Record], Shared[Article | Skip]] = {}
        self._at_work = 0
        """Calls of `process` and `stream` that are under way."""
        self._idle: anyio.Event | None = None
        """Set while the session is open: to be told when nothing is under way any more."""

    async def __aenter__(self) -> Self:
        """Open the run, the connection and, where it is asked for, the local model.

        Raises:
            SetupError: Settings, prompt pack or run directory cannot be used.
            RunStopped: There is no API key, or the run directory cannot be written.
        """
        async with AsyncExitStack() as exits:
            self._work = await open_work(
                self.folder, self.settings, self._client, self._classifier, self._sinks, self._observer, exits
            )
            self._tasks = await exits.enter_async_context(anyio.create_task_group())
            self._exits = exits.pop_all()
        self.settings, self.resumed = self._work.settings, self._work.resumed
        self._idle = anyio.Event()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Finish what is in flight, unless the block is being cancelled; then close everything."""
        idle, self._idle = self._idle, None
        for records, articles in self._streams.items():
            articles.close()
            records.close()
        if isinstance(error, Exception) and self._work.begun.is_set():
            # What was sent is paid for, so an error of the caller's must not cancel it.
            self.stop(Interrupted("The session was left by an error; run it again to go on."))
        elif self._at_work:
            self.stop(Interrupted(_LEFT))
        try:
            if idle and self._at_work:
                await idle.wait()  # else what other tasks are sent could not be kept any more
        finally:
            with named(self._work.logbook.run):
                if isinstance(error, Exception | GeneratorExit):  # the group of tasks would wrap it
                    await self._exits.__aexit__(None, None, None)
                else:
                    await self._exits.__aexit__(kind, error, trace)
        return None

    @contextmanager
    def _working(self) -> Iterator[None]:
        if self._idle is None:
            raise SetupError("The session is not open: work with it inside of `async with Session(...) as session`.")
        idle = self._idle
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            if not self._at_work and self._idle is not idle:
                idle.set()

    @property
    def stopped(self) -> RunStopped | None:
        """Why the session takes no more work, once that is so."""
        return self._work.flow.stopped

    @property
    def calls_in_flight(self) -> int:
        """Calls that have been sent and not answered yet."""
        return sum(model.in_flight for model in self._work.engine.statistics.values())

    @property
    def pauses(self) -> Mapping[str, Pause]:
        """Models that are not called at the moment, and why."""
        models = self._work.engine.statistics.items()
        return {name: counts.pause for name, counts in models if counts.pause is not None}

    @property
    def batches(self) -> tuple[BatchProgress, ...]:
        """Batches at the provider that have not been collected, oldest first."""
        return self._work.batches.progress if self._work.batches else ()

    @property
    def left_behind(self) -> str:
        """A sentence about what goes on at the provider when nobody works here; empty without batches."""
        return going_on(self.summary.batches) if self._work.batches else ""

    @property
    def missing_in_sinks(self) -> Mapping[str, int]:
        """Records that sinks do not have yet, or not as they are now, by the sink's name; those that have all are left
        out."""
        return self._work.delivery.missing

    @property
    def owed(self) -> str:
        """A sentence about records that sinks do not have yet; empty where they have all."""
        return self._work.delivery.owed

    @property
    def bill(self) -> Bill:
        """Everything that was paid so far, earlier sessions included."""
        return self._work.run.state.ledger.total()

    @property
    def cost_usd(self) -> Decimal | None:
        """What that comes to; None when the cost of some call is unknown."""
        return self.bill.total_usd

    def view(self) -> View:
        """Return what there is to see of the session at this moment: counts, rates, limits, what it waits for, and when
        all will be done. Other processes find the same in `progress.json`, a second old at most."""
        return self._work.lookout.view()

    @property
    def summary(self) -> Summary:
        """What the run has come to so far."""
        return summarise(self._work.run.state, last_process(self.tally), self._work.logbook.prices)

    @property
    def tally(self) -> Tally:
        """What this session has seen and done."""
        return self._work.flow.tally

    def stop(self, reason: RunStopped) -> None:
        """Take no more work; calls in flight are finished and kept."""
        self._work.flow.stop(reason)
        self._work.committer.hurry()
        self._hurry_sinks(reason)

    async def plan(self, source: Source, *, limit: int | None = None) -> Plan:
        """Read all of `source` and count what is still to be paid for, and what of it for the second time, because
        something has changed; makes no call."""
        async with aclosing(self._read(source)) as items:
            plan = await self._work.consent.plan(self._until_stopped(limited(items, limit)))
        if not self._work.begun.is_set():
            self._work.lookout.expected = Expected(
                plan.articles, None, plan.classifications, plan.generations, plan.foreseen
            )
        return plan

    async def count(self, source: Source, *, limit: int | None = None) -> int:
        """Read all of `source` and return how many articles it holds, at most `limit`; from then on `view` tells when
        they will be done. Beside `process` it delays nothing; several sources are counted one after the other. An
        iterable that can be read only once is used up by it.

        Raises:
            SourceError: The source cannot be read.
            RunStopped: The session takes no more work.
        """
        sizes = Sizes()
        async with aclosing(self._read(source)) as items:
            async for item in self._until_stopped(limited(items, limit)):
                if isinstance(item, Article):
                    sizes.add(len(item.content))
        self._work.lookout.expect(sizes)
        return sizes.articles

    def accept_changes(self) -> None:
        """Go on in spite of all that has changed since earlier sessions; the caller has looked at a `plan`."""
        self._work.consent.given = True

    async def process(self, source: Source, *, limit: int | None = None) -> None:
        """Work through `source`: a path, paths, or any (async) iterable of articles; at most `limit` articles.

        Returns when everything is done that can be done now, acknowledged, and in all sinks; see `summary` for what has
        failed.

        Where earlier sessions have left work, a path or collection is read once more before that, to see what has
        changed since: models, prompts, parameters or texts. An iterable that can be read only once is judged by what
        may have changed at most, in which the texts are not.

        Raises:
            ChangesNotAccepted: Work that is done would be paid for again, for more than `confirm_above_usd`.
            RunStopped: The run cannot go on; everything finished is kept.
            SourceError: The source cannot be read.
        """
        with self._working():
            await self._begin(source, limit)
            async with aclosing(self._read(source)) as items:
                shared = Shared(limited(items, limit))
                await self._work.flow.process(shared)
            await self._acknowledged()
            await self._delivered()
            self._raise_if_ended_early(shared)

    async def stream(self, source: Source, *, limit: int | None = None) -> AsyncIterator[Record]:
        """Yield the records of `source`'s articles as they are stored, those of earlier sessions included.

        Articles are taken from `source` only as fast as records are taken from here. Leaving the loop early takes no
        more articles; what is in flight then is finished and stored. A record that is yielded is stored in the run
        directory; other sinks have all of them when the stream has ended.

        Raises:
            ChangesNotAccepted: As for `process`.
            RunStopped: The run cannot go on; every record there is has been yielded.
            SourceError: The source cannot be read.
        """
        with self._working():
            await self._begin(source, limit)
        send, receive = anyio.create_memory_object_stream[Record](0)
        items = self._read(source)
        shared = Shared(limited(items, limit))

        async def deliver(record: Record) -> None:
            try:
                await send.send(record)
            except anyio.BrokenResourceError:
                shared.close()

        async def feed() -> None:
            async with send, aclosing(items):
                await self._work.flow.process(shared, deliver, deliver)
                await self._acknowledged()
                await self._delivered()
                shared.worked_through = True

        self._tasks.start_soon(feed)
        self._streams[receive] = shared
        try:
            async with receive:
                with suppress(anyio.ClosedResourceError):  # the session was left by another task
                    async for record in receive:
                        yield record
        finally:
            shared.close()
            self._streams.pop(receive, None)
        if not shared.worked_through and self._idle is None:
            raise Interrupted(_LEFT)
        self._raise_if_ended_early(shared)

    async def _begin(self, source: Source, limit: int | None) -> None:
        """Refuse what nobody has agreed to pay for again, and write down what is worked with before the first call."""
        consent = self._work.consent
        if consent.needed:
            plan = await self.plan(source, limit=limit) if _can_be_read_again(source) else consent.plan_unread()
            with named(self._work.logbook.run):
                consent.judge(plan, self.settings.confirm_above_usd, self.folder)
        await self._work.begin()

    async def _acknowledged(self) -> None:
        try:
            await self._work.committer.durable()
        except StorageFailed as reason:
            self._work.flow.stop(reason)

    async def _delivered(self) -> None:
        self._hurry_sinks(self.stopped)
        with named(self._work.logbook.run):
            await self._work.delivery.delivered()

    def _hurry_sinks(self, reason: RunStopped | None) -> None:
        if isinstance(reason, Interrupted):
            self._work.delivery.leave()
        elif reason:
            self._work.delivery.hurry()

    async def _until_stopped(self, items: AsyncIterator[Article | Skip]) -> AsyncIterator[Article | Skip]:
        async for item in items:
            if self.stopped:
                raise self.stopped
            yield item

    def _read(self, source: Source) -> Reading:
        return read(source, self._work.options)

    def _raise_if_ended_early(self, items: Shared[Article | Skip]) -> None:
        if items.error:
            raise items.error
        if self._work.flow.stopped:
            raise self._work.flow.stopped


def _can_be_read_again(source: Source) -> bool:
    """Tell whether reading a source takes nothing from it. What has a length and items by number is a collection in all
    but name, as a `Dataset` of Hugging Face is."""
    return isinstance(source, str | Path | Collection) or (isinstance(source, Sized) and hasattr(source, "__getitem__"))
