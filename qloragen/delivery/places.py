"""How far each sink has got in the journal of a run: a small file for each, `sinks/NAME.json` in the run directory.

It is written after the sink has kept what it was given. One that is missing, torn, older, or of another journal only
has the sink given again what it has; so it is not synced.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..store.feed import START, Place
from ..store.names import SINKS


class _Said(BaseModel):
    """The contents of the file."""

    model_config = ConfigDict(extra="ignore", strict=True)

    journal_end: int
    """Up to which byte of the journal the sink has what it says."""
    line: int
    """Where the last line before that starts."""
    checksum: str
    """What that line says of itself."""


def place_of(folder: Path, name: str) -> Place:
    """Return how far a sink has got in the run in `folder`, as far as is known."""
    try:
        said = _Said.model_validate_json(_file(folder, name).read_bytes())
    except (OSError, ValidationError):
        return START
    return Place(said.journal_end, said.line, said.checksum)


def note_place(folder: Path, name: str, place: Place) -> None:
    """Put down how far a sink has got, at once or not at all.

    Raises:
        OSError: The disk refuses.
    """
    file = _file(folder, name)
    file.parent.mkdir(mode=0o700, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")  # one process has the run, so nobody else writes it
    said = _Said(journal_end=place.end, line=place.line, checksum=place.checksum)
    draft.write_text(f"{said.model_dump_json()}\n", "utf-8")
    draft.replace(file)


def forget_place(folder: Path, name: str) -> None:
    """Let a sink be given everything anew.

    Raises:
        OSError: The disk refuses.
    """
    _file(folder, name).unlink(missing_ok=True)


def _file(folder: Path, name: str) -> Path:
    return folder / SINKS / f"{name}.json"
