"""Replies read again, and a note in `run.json` of the choices by which that was done.

A threshold decides nothing about what is asked, so another one costs nothing: it is applied to the replies of earlier
sessions before a run goes on.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import get_args

from .logs import get_logger
from .manifest import Manifest, read_manifest
from .pipeline.chronicle import named
from .pipeline.job import Job
from .pipeline.reparse import Reparsed, reparse
from .store.handle import Run
from .types import Stage

log = get_logger()

_CLASSIFICATIONS: tuple[Stage, ...] = ("classify",)


def reread(run: Run, job: Job, stages: Collection[Stage] = get_args(Stage)) -> Reparsed:
    """Do what `reparse` does, and note by which choices.

    Raises:
        StorageFailed: A file cannot be written; doing it again goes on.
    """
    manifest = read_manifest(run.folder)
    _note(run, job, manifest, None)  # whoever comes after a crash in between reads all again
    result = reparse(run, job, stages=stages)
    _note(run, job, manifest, job.classifier.reading)
    return result


def take_up(run: Run, job: Job) -> bool:
    """Say in what state `run` was found, and read its classifications again if replies to the same prompts were read
    by other choices last. Returns whether there is any work in it.

    Raises:
        StorageFailed: A file cannot be written; doing it again goes on.
    """
    reading, manifest = job.classifier.reading, read_manifest(run.folder)
    applied = manifest.readings.get(job.classification_fingerprint, reading) if manifest else None
    with named(manifest.run if manifest else None):
        tell_recovery(run)
        if reading and reading != applied and run.state.totals.classified:
            result = reread(run, job, _CLASSIFICATIONS)
            log.info("classifications_reread", folder=str(run.folder), reading=reading, changed=result.reclassified)
    return run.filing.written > 0


def tell_recovery(run: Run) -> None:
    """Say in the log what of the files of a run had to be mended."""
    for sentence in run.recovery.sentences:
        log.warning("run_recovered", folder=str(run.folder), what=sentence)


def _note(run: Run, job: Job, manifest: Manifest | None, reading: str | None) -> None:
    if manifest is not None and job.classifier.reading:
        readings = manifest.readings | {job.classification_fingerprint: reading}
        run.filing.write_manifest(manifest.model_copy(update={"readings": readings}).model_dump(mode="json"))
