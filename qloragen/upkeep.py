"""Looking after a run directory: checking it, rebuilding what is made from its journal, and asking for items again."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from .errors import SetupError, StorageFailed
from .store.lock import in_use
from .store.names import JOURNAL
from .store.rehearsal import refusal
from .store.run import MOST_LOSS_USD, open_run, read_run, refuse_absent
from .store.verify import Verification
from .store.verify import verify as verify_files


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What rebuilding a run has come to."""

    records: int
    """Or judgements, in the directory of a judge."""
    sink: str
    """Name of the file that was written anew."""
    recovered: list[str] = field(default_factory=list)
    """What was found wrong on the way, in words."""


def verify(folder: str | Path) -> Verification:
    """Check every line, id and sum of the run in `folder`; changes nothing, and makes no call.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    path = _run(folder)
    try:
        return verify_files(path)
    except OSError as error:
        raise SetupError(f"The run in {path} cannot be read ({error.strerror}).") from error


def obstacle(folder: str | Path) -> str | None:
    """Return what would keep the run in `folder` from being gone on with, in words; None when nothing would, since all
    that is damaged would be mended. Changes nothing.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    path = _run(folder)
    if in_use(path):
        return None
    try:
        return refusal(path, most_loss_usd=MOST_LOSS_USD)
    except OSError as error:
        raise SetupError(f"The run in {path} cannot be read ({error.strerror}).") from error


def rebuild(folder: str | Path) -> Rebuilt:
    """Make `records.jsonl` (`judgements.jsonl` of a judge) and the index of the run in `folder` anew; makes no call.

    Raises:
        SetupError: There is no run in `folder`, or another process works in it.
        StorageFailed: A file cannot be written; the old ones are still there.
    """
    path = _run(folder)
    with open_run(path, anew=True, most_loss_usd=None) as run:
        run.flush()
        run.filing.rebuild_sink(run.state)
        totals = run.state.totals
        return Rebuilt(totals.records + totals.judgements.total(), run.sink, run.recovery.sentences)


def mend(folder: Path) -> None:
    """Put the files of a run in order after a crash, so that its records are all there and whole; no matter if another
    process works in it, if nothing can be written, or if going on would have to be agreed to: then the records are
    taken as they are.
    """
    with suppress(SetupError, StorageFailed, PermissionError):
        if (folder / JOURNAL).exists():
            with open_run(folder):
                pass


def retry(folder: str | Path, *reasons: str) -> Counter[str]:
    """Let the next run ask again for what was given up for good, for one of `reasons` or, without any, for all.

    Returns how many items that are, by reason. Their old replies stay in the journal and are not read again.

    Raises:
        SetupError: There is no run in `folder`, another process works in it, or nothing was given up for such a reason.
        StorageFailed: The journal cannot be written.
    """
    path = _run(folder)
    now = datetime.now(UTC)
    with open_run(path) as run:
        given_up = Counter(run.state.totals.rejections)
        unknown = [reason for reason in reasons if reason not in given_up]
        if unknown:
            there = ", ".join(f"{reason} ({count})" for reason, count in given_up.most_common()) or "none"
            for_now = ", ".join(reason for reason in unknown if reason in run.state.totals.failures)
            anyway = f" What failed only for now ({for_now}) is asked for again anyway." if for_now else ""
            raise SetupError(
                f"Nothing in {path} was given up for {', '.join(unknown)}; reasons there: {there}.{anyway}"
            )
        asked = Counter({reason: given_up[reason] for reason in reasons or given_up})
        for reason in asked:
            for key in run.state.keys("rejection", reason):
                run.retry(key, now)
        run.flush()
    return asked


def _run(folder: str | Path) -> Path:
    path = Path(folder)
    refuse_absent(path)
    return path


def waiting(folder: str | Path) -> int:
    """Return how many items have failed for now: the next run asks for them again anyway.

    Raises:
        SetupError: There is no run in `folder`, or it cannot be read.
    """
    return read_run(Path(folder)).totals.failures.total()
