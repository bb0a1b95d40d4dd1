"""`run.json`: what a run is and who worked on it last. For people and programs that look; no work depends on it.

It also remembers what earlier sessions worked under. Without that nothing is lost and nothing paid twice: what has
changed since can only not be told from what is new."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from .pipeline.circumstances import Circumstances
from .pipeline.tally import Tally
from .store.names import MANIFEST

RUNNING = "running"


def new_name() -> str:
    """Return a name that no other run has."""
    return uuid4().hex


class PackIdentity(BaseModel):
    """Which prompts were used."""

    name: str
    version: str
    fingerprint: str


class LastProcess(BaseModel):
    """What the last process saw and did."""

    articles: int = 0
    finished_articles: int = 0
    records: int = 0
    adopted: int = 0
    rejections: int = 0
    rejected_before: int = 0
    failures: int = 0
    skipped: dict[str, int] = Field(default_factory=dict)


class Manifest(BaseModel):
    """The contents of `run.json`."""

    model_config = ConfigDict(extra="ignore")

    qloragen: str
    """Version."""
    run: str = Field(default_factory=new_name)
    """Names this run for ever: what its calls are stored under at the provider, if they are."""
    status: str
    """`running`, `ended`, or `stopped: ` and why. A process that was killed leaves `running` behind."""
    started: datetime
    updated: datetime
    pack: PackIdentity
    settings: dict[str, JsonValue]
    """Every knob, without secrets."""
    circumstances: tuple[Circumstances, ...] = ()
    """Everything that cells of this run were ever worked under, the last one last: written before the first call under
    new ones."""
    readings: dict[str, str | None] = Field(default_factory=dict)
    """Fingerprint of a classification to the choices by which its replies were read last (see `Classifier.reading`),
    where it has any; None while they are being read anew."""
    last_process: LastProcess
    prices: dict[str, str] = Field(default_factory=dict)
    """Model to where its price comes from, and of when it is, as the last session that used it knew it."""
    unheard_since: datetime | None = None
    """From then on calls may have been paid for whose replies never came here; None when there are none such."""

    @property
    def running(self) -> bool:
        """Whether a process is at work, or was killed: its counts are some seconds old then."""
        return self.status == RUNNING


def last_process(tally: Tally) -> LastProcess:
    """Return the counts of a process."""
    return LastProcess(
        articles=tally.articles,
        finished_articles=tally.finished_articles,
        records=tally.records,
        adopted=tally.adopted,
        rejections=tally.rejections,
        rejected_before=tally.rejected_before,
        failures=tally.failures,
        skipped=dict(tally.skips),
    )


def read_manifest(folder: Path) -> Manifest | None:
    """Return what `run.json` says; None when it is absent or damaged."""
    try:
        return Manifest.model_validate(orjson.loads((folder / MANIFEST).read_bytes()))
    except (OSError, orjson.JSONDecodeError, ValidationError):
        return None
