"""A run played by the real pipeline, in virtual time, against a model of the provider."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import anyio

from ..background import background
from ..errors import SetupError, StorageFailed
from ..logs import about
from ..observing import Observer
from ..pipeline.shared import Shared
from ..settings import Settings
from ..simulator import SimulatedClient, Simulation
from ..sources import read_items
from ..store.ledger import Account, Bill
from ..testing import run_virtually
from ..types import Article
from ..work import Work, open_work
from .clocked import ClockedProvider
from .fitting import fit
from .observed import Observed
from .timeline import Recorder, Watch, nobody_watches


def play(
    articles: Sequence[Article],
    settings: Settings,
    simulation: Simulation,
    *,
    observer: Observer | None = None,
    watch: Watch = nobody_watches,
) -> Observed:
    """Play a run of `articles` in a directory of its own, which is gone afterwards, and return what was seen of it.
    `observer` looks on; events of the log have `rehearsal`.

    `settings` may be those of any run: nothing is reported or delivered anywhere, and no call leaves this process. It
    blocks, and runs an event loop of its own: call it where none is running. The same arguments bring the same result,
    but for CPU time and memory.

    Raises:
        SetupError: Settings or pack cannot be used, or there is no room for files.
    """
    with _folder() as folder, about(rehearsal=True):
        try:
            return run_virtually(_play(Path(folder) / "run", articles, fit(settings), simulation, observer, watch))
        except StorageFailed as error:
            raise _no_room(f"{folder} cannot be written") from error


def _folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="qloragen-rehearsal-")
    except OSError as error:
        raise _no_room(f"no folder can be made for them ({error.strerror})") from error


def _no_room(what: str) -> SetupError:
    return SetupError(
        f"A rehearsal keeps files until it ends, and {what}: make room there, or name another place in TMPDIR. "
        "Nothing was paid for."
    )


def peak_bytes() -> int:
    """Return the most memory that this process has held so far, resident."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


async def _play(
    folder: Path,
    articles: Sequence[Article],
    settings: Settings,
    simulation: Simulation,
    observer: Observer | None,
    watch: Watch,
) -> Observed:
    provider = ClockedProvider(simulation)
    async with AsyncExitStack() as exits:
        work = await open_work(folder, settings, SimulatedClient(provider), None, (), observer, exits)
        work.engine.shared.random.seed(simulation.seed)
        recorder = Recorder(lambda: work.engine.statistics, watch)
        await work.begin()
        began_s = process_time()
        start_s = anyio.current_time()
        async with background(recorder.keep):
            await _processed(work, articles)
        end_s = anyio.current_time()
        moments, models = recorder.moments(), work.engine.statistics
        cpu_s = process_time() - began_s - provider.cpu_s
    tally = work.flow.tally
    ledger = work.run.state.ledger
    bills = _by_model(ledger.bills)
    return Observed(
        articles=tally.finished_articles,
        records=tally.records,
        rejections=tally.rejections,
        failures=tally.failures,
        makespan_s=end_s - start_s,
        stopped=str(work.flow.stopped) if work.flow.stopped else None,
        models=models,
        moments=moments,
        usage={model: bill.usage for model, bill in bills.items()},
        cost_usd=ledger.total().total_usd,
        provider=provider.statistics,
        cpu_s=cpu_s,
        peak_bytes=peak_bytes(),
        costs_usd={model: bill.total_usd for model, bill in bills.items()},
    )


async def _processed(work: Work, articles: Sequence[Article]) -> None:
    """Do what a session does with a source."""
    async with aclosing(read_items(articles, work.options)) as items:
        await work.flow.process(Shared(items))
    await work.committer.durable()


def _by_model(bills: Mapping[Account, Bill]) -> Mapping[str, Bill]:
    found: dict[str, Bill] = {}
    for account, bill in bills.items():
        found[account.model] = found.get(account.model, Bill()).plus(bill)
    return found
