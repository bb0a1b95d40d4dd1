"""What a run is and in what state, in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..manifest import Manifest
from ..store.lock import in_use
from ..store.state import State
from ..words import counted
from .standard import Standard


def about_of(folder: Path, manifest: Manifest | None, state: State, standard: Standard) -> Mapping[str, str]:
    """Return facts by name, only those that there are."""
    open_batches = len(state.submissions.open())
    facts = {
        "state": _state(folder, manifest),
        "models": _models(state),
        "pack": f"{manifest.pack.name} {manifest.pack.version} ({manifest.pack.fingerprint[:8]})" if manifest else "",
        "made with": f"qloragen {manifest.qloragen}" if manifest else "",
        "note": standard.note,
        "source": _source(manifest),
        "batches": f"{counted(open_batches, 'batch', 'batches')} at the provider" if open_batches else "",
        "damage": _damage(state.totals.damaged_lines),
    }
    return {name: fact for name, fact in facts.items() if fact}


def knows_source(manifest: Manifest | None) -> bool:
    """Say whether the counts of the last session are final."""
    return manifest is not None and not manifest.running


def _source(manifest: Manifest | None) -> str:
    known = manifest is None or knows_source(manifest)
    return "" if known else "not known how many pieces it has: the last session has not ended in good order, or goes on"


def _state(folder: Path, manifest: Manifest | None) -> str:
    if in_use(folder):
        return "a process is at work"
    if manifest is None:
        return "no call was sent yet, or run.json is missing"
    status = "the last process ended without a word" if manifest.running else manifest.status
    return f"{status} ({manifest.updated:%Y-%m-%d %H:%M} UTC)"


def _models(state: State) -> str:
    stages: dict[str, list[str]] = {}
    for account in state.ledger.bills:
        stages.setdefault(account.model, [])
        if account.stage not in stages[account.model]:
            stages[account.model].append(account.stage)
    return ", ".join(f"{model} ({', '.join(found)})" for model, found in sorted(stages.items()))


def _damage(lines: int) -> str:
    return f"{counted(lines, 'damaged line')} of the journal: what was in them is in no sum" if lines else ""
