"""What the records of a run are measured by: its pack, and its thresholds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..domain.applicable import applicable
from ..domain.pack import Pack
from ..errors import SetupError
from ..manifest import Manifest
from ..packs import load_pack
from ..thresholds import Thresholds
from ..types import InstructionType


class _Knobs(BaseModel):
    """The settings of a run that matter here."""

    model_config = ConfigDict(extra="ignore")

    pack: Path | None = None
    pack_variables: dict[str, str] = {}
    max_types: int | None = None
    gates: bool = False
    checks: Thresholds = Thresholds()


@dataclass(frozen=True, slots=True)
class Standard:
    """The pack and thresholds that a run was last worked with."""

    pack: Pack | None
    """None: it cannot be read any more."""
    thresholds: Thresholds
    most_types: int | None
    gates: bool
    """Whether types are left out for which an article does not have what they need."""
    note: str = ""
    """What keeps this from being what the run was worked with, in words."""

    def type(self, slug: str) -> InstructionType | None:
        """Return an instruction type; None where it is not known."""
        return next((kind for kind in self.pack.types if kind.slug == slug), None) if self.pack else None

    def wanted(self, numbers: Collection[int]) -> tuple[str, ...]:
        """Return of which types an article gets a record that is classified as `numbers`; none where there is no pack.

        What a gate could have stopped is not among them.
        """
        if self.pack is None:
            return ()
        found = applicable(numbers, self.pack.types, self.most_types)
        return tuple(kind.slug for kind in found if kind.needs is None or not self.gates)


def standard_of(manifest: Manifest | None) -> Standard:
    """Return what a run was worked with, as far as that is still there."""
    try:
        knobs = _Knobs.model_validate(manifest.settings if manifest else {})
    except ValidationError:
        return Standard(None, Thresholds(), None, gates=False, note="the settings of the run are of another version")
    try:
        pack = load_pack(knobs.pack, knobs.pack_variables)
    except SetupError:
        return Standard(None, knobs.checks, knobs.max_types, knobs.gates, "the pack of the run cannot be read any more")
    changed = manifest is not None and manifest.pack.fingerprint != pack.fingerprint
    note = "the pack has changed since the run was last worked on" if changed else ""
    return Standard(pack, knobs.checks, knobs.max_types, knobs.gates, note)
