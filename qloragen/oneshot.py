"""The main job in one call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from .assembly import job_of
from .dataset.making import export
from .dataset.options import Options
from .dataset.result import ExportSummary
from .errors import BudgetReached, RunStopped, SetupError
from .loop import block_on
from .manifest import read_manifest
from .observing import Observer
from .pipeline.reparse import Reparsed
from .rereading import reread
from .session import Session, Source
from .settings import load
from .signals import stop_on_signals
from .sinks import Sink
from .store.names import SINK
from .store.run import open_run, read_records, read_run
from .summary import Summary, summarise
from .thresholds import Thresholds
from .types import Record
from .upkeep import mend

_KNOBS_OF_A_JOB = (
    *("pack", "pack_variables", "max_types", "input", "temperature", "checks"),
    *("classifier", "classify_model", "decide_model", "decision_threshold", "classify_reads"),
)
"""The settings that decide how a run's replies are read."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What `generate` leaves behind."""

    folder: Path
    """The run directory."""
    summary: Summary
    """Counts and costs; `print(outcome.summary)` shows them as a table."""
    stopped: RunStopped | None = None
    """Why the run ended early, when a limit of money, tokens or calls was reached; None when all is done."""

    def records(self) -> Iterator[Record]:
        """Yield all records of the run, those of earlier calls included."""
        mend(self.folder)
        return read_records(self.folder)

    def export(self, out: str | Path, format: str = "alpaca", **options: Unpack[Options]) -> ExportSummary:
        """Write the run's records as training data; see the function `export`."""
        return export(self.folder, out, format, **options)


def generate(
    source: Source,
    out: str | Path,
    *,
    limit: int | None = None,
    sinks: Iterable[Sink | str] | None = None,
    observer: Observer | None = None,
    **knobs: object,
) -> Outcome:
    """Turn `source` into instruction records in the run directory `out`, and block until that is done.

    The same call again makes no request for what is done, and continues what is not. Ctrl-C, SIGTERM or SIGHUP
    finishes the calls in flight, for at most `grace_s` seconds, then raises `Interrupted`; a second Ctrl-C or SIGTERM
    leaves at once.

    Args:
        source: A path (file, folder, glob), paths, or any iterable of articles (`str`, `dict` or `Article`).
        out: The run directory; made when absent.
        limit: Take at most so many articles.
        sinks: Where records go besides `out`, in the place of those that are set; see `qloragen.sinks`.
        observer: Looks on, in the place of the one that `telemetry` sets up; see `qloragen.observing`.
        knobs: Settings by name, as in `qloragen settings`.

    Raises:
        SetupError: Settings, pack, source or run directory cannot be used; nothing was started.
        RunStopped: The run cannot go on (key, quota, model, disk, interruption); everything finished is kept. Reaching
            a limit of money, tokens or calls is no error: see `Outcome.stopped`.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return block_on(_generate_here, source, out, limit, sinks, observer, knobs)
    raise SetupError(
        "generate() blocks, and an event loop is running here: use `await qloragen.agenerate(...)` instead."
    )


async def agenerate(
    source: Source,
    out: str | Path,
    *,
    limit: int | None = None,
    sinks: Iterable[Sink | str] | None = None,
    observer: Observer | None = None,
    **knobs: object,
) -> Outcome:
    """Do what `generate` does, for callers with an event loop of their own; signals are left to them."""
    async with Session(out, settings=load(**knobs), sinks=sinks, observer=observer) as session:
        return await _process(session, source, limit)


def summary(folder: str | Path) -> Summary:
    """Return what the run in `folder` has come to, from its files alone, also while a process works in it.

    Raises:
        SetupError: There is no run in `folder`.
    """
    manifest = read_manifest(Path(folder))
    state = read_run(Path(folder))
    if manifest is None:
        return summarise(state)
    # The journal is up to the moment, what `run.json` counts is not: the two would not fit together.
    return summarise(state, None if manifest.running else manifest.last_process, manifest.prices)


def reparse(folder: str | Path, **knobs: object) -> Reparsed:
    """Apply today's parser and checks to every reply that the run in `folder` has paid for; makes no call.

    `knobs` are settings by name, such as another `decision_threshold`; those of the run itself, its pack above all,
    stand in for what is not given. Of `checks`, what the environment and `qloragen.toml` say counts as given.

    Raises:
        SetupError: There is no run in `folder`, another process works in it, or a setting or the pack has a mistake.
        StorageFailed: The files cannot be written; doing it again goes on.
    """
    read_run(Path(folder))
    manifest = read_manifest(Path(folder))
    of_run = {name: manifest.settings.get(name) for name in _KNOBS_OF_A_JOB} if manifest else {}
    checks = _changed_checks(of_run.get("checks"), knobs.get("checks"))
    job = job_of(load(**{**of_run, **knobs, "checks": checks}))
    with open_run(Path(folder), sink=SINK) as run:
        return reread(run, job)


def _changed_checks(of_run: object, given: object) -> Thresholds:
    """Return those of the run with what is set today in their place, entry by entry."""
    past, today = load(checks=of_run).checks, load(checks=given).checks
    changes = today.model_dump(exclude_unset=True)
    return past.model_copy(update={**changes, "actions": {**past.actions, **today.actions}})


async def _generate_here(
    source: Source,
    out: str | Path,
    limit: int | None,
    sinks: Iterable[Sink | str] | None,
    observer: Observer | None,
    knobs: dict[str, object],
) -> Outcome:
    settings = load(**knobs)
    session = Session(out, settings=settings, sinks=sinks, observer=observer)
    async with stop_on_signals(settings.grace_s) as stopping, session:
        stopping.finish_first(session, lambda: session.owed)
        return await _process(session, source, limit)
    raise AssertionError("unreachable")


async def _process(session: Session, source: Source, limit: int | None) -> Outcome:
    try:
        await session.process(source, limit=limit)
    except BudgetReached as reason:
        return Outcome(session.folder, session.summary, reason)
    return Outcome(session.folder, session.summary)
