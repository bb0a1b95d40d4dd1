"""What an export has come to: for people as text, for programs as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..export import ExportError
from ..words import counted, table
from .assigning import ALIKE, STRADDLING
from .blending import Mixed
from .splits import TRAIN, Split

_REASONS: Mapping[str, str] = {
    "type": "of other types",
    "grounded": "rest too little on their article",
    "supported": "rest too little on their input",
    "refused": "refused by the judge",
    "unjudged": "not judged",
    "too_long": "too long",
    STRADDLING: "of articles that are like some of two splits",
    ALIKE: "nearly the same as one of another split",
    "balance": "more of their type than the balance allows",
}
_FLAG = "flag "


class Written(NamedTuple):
    """What was written of a split."""

    split: Split
    names: tuple[str, ...]
    """Of its files: their paths in the folder that was made, with `/` between parts; of a single file its name. None on
    standard output."""
    rows: int
    """Records and general data."""
    bytes: int
    """Of the rows before any compression; 0 where rows have no bytes of their own, as in Parquet."""


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """What was exported; `print` shows it."""

    out: Path | None
    """The file or folder that was made; None: standard output."""
    format: str
    container: str
    files: tuple[Written, ...]
    examples: Mapping[Split, Mapping[str, int]]
    """Split to type to records; where nothing was split, all are in `train`."""
    left_out: Mapping[str, int] = field(default_factory=dict[str, int])
    """Reason to records, each under the first one that applies: `type`, `flag CODE`, `grounded`, `supported`,
    `refused`, `unjudged`, `too_long`, `straddling`, `alike_elsewhere`, `balance`."""
    outdated: int = 0
    """Records among those written that were made under earlier models, prompts or parameters, for lack of newer."""
    mixed: tuple[Mixed, ...] = ()
    """What has come of each file of general data."""
    asked: Mapping[str, str] = field(default_factory=dict[str, str])
    """What was asked for beyond the defaults, by option."""
    notes: tuple[str, ...] = ()
    """What else there is to know, in sentences: how tokens were counted, and what was looked for of leakage."""

    @property
    def records(self) -> int:
        """Records that were written, without general data."""
        return sum(sum(by_type.values()) for by_type in self.examples.values())

    @property
    def bytes(self) -> int:
        """Bytes of all rows, before any compression."""
        return sum(file.bytes for file in self.files)

    @property
    def refused(self) -> int:
        """Records that were left out because the judge has refused them."""
        return self.left_out.get("refused", 0)

    @property
    def unjudged(self) -> int:
        """Records that were left out because the judge has not judged them as they are now."""
        return self.left_out.get("unjudged", 0)

    def as_dict(self) -> dict[str, object]:
        """Return all of it for programs, but for the place that was written to."""
        return {
            "format": self.format,
            "container": self.container,
            "asked": dict(self.asked),
            "records": self.records,
            "outdated": self.outdated,
            "files": [{**file._asdict(), "names": list(file.names)} for file in self.files],
            "examples": {split: dict(sorted(by_type.items())) for split, by_type in self.examples.items()},
            "left_out": dict(sorted(self.left_out.items())),
            "mixed": [{**asdict(mixed), "left_out": dict(mixed.left_out)} for mixed in self.mixed],
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    @property
    def remarks(self) -> list[str]:
        """What is to be said besides where to and how many, in sentences."""
        left_out = [f"left out: {told(self.left_out)}"] if self.left_out else []
        return [*left_out, *(f"mixed in: {mixed}" for mixed in self.mixed), *self.notes]

    def _lines(self) -> Iterator[str]:
        old = f" ({self.outdated} of them made under earlier models or prompts)" if self.outdated else ""
        yield f"{counted(self.records, 'example')} written to {self.out or 'standard output'}{old}"
        if len(self.examples) > 1:
            yield f"\n{table([*self._table()])}\n"
        yield from self.remarks

    def _table(self) -> Iterator[list[str]]:
        splits = [*self.examples]
        yield ["type", *splits]
        for slug in sorted({slug for by_type in self.examples.values() for slug in by_type}):
            yield [slug, *(f"{self.examples[split].get(slug, 0):,}" for split in splits)]
        for mixed in self.mixed:
            yield [f"({mixed.tag})", *(f"{mixed.taken if split == TRAIN else 0:,}" for split in splits)]
        yield ["total", *(f"{file.rows:,}" for file in self.files)]


def told(left_out: Mapping[str, int]) -> str:
    """Return what was left out and why, in words."""
    return ", ".join(f"{count} {_told(reason)}" for reason, count in sorted(left_out.items()))


def nothing_left(left_out: Mapping[str, int]) -> ExportError:
    """Return the error of an export to which no record is left."""
    return ExportError(f"Nothing is left to export: {told(left_out)}; ask for less.")


def _told(reason: str) -> str:
    return f"flagged {reason.removeprefix(_FLAG)}" if reason.startswith(_FLAG) else _REASONS[reason]
