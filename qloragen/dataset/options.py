"""What can be asked of an export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict, get_args

from ..export import CONTAINERS
from .blending import Mix
from .front_matter import UNKNOWN
from .selection import Filters
from .shaping import Texts
from .splits import Proportions

DATASETS = "datasets"
"""The container that is a folder as Hugging Face's `datasets` opens it."""
FILLED: tuple[str, ...] = (*CONTAINERS, DATASETS)
"""All containers of an export."""

MixOrder = Literal["blended", "general-first"]
MIX_ORDERS: tuple[MixOrder, ...] = get_args(MixOrder)


class Options(TypedDict, total=False):
    """What else can be said of an export, by name; None is as good as left out."""

    container: str | None
    """`jsonl`, `json`, `parquet`, or `datasets`: a folder as Hugging Face's `datasets` opens it, with a card."""
    types: Iterable[str] | None
    """Slugs of the types that are taken; a text may name several with commas."""
    without_flags: Iterable[str] | None
    """Codes of checks that must have noted nothing in a record; `any`: none may."""
    min_grounded: float | None
    """Least share of the input that rests on the article."""
    min_supported: float | None
    """Least share of the output that rests on instruction and input."""
    judged: bool
    """Whether only records are taken that the judge used last has accepted (see `judge`)."""
    max_tokens: int | None
    """Most tokens of all that a row says."""
    tokenizer: str | Path | None
    """A `tokenizer.json` that counts them, with the extra `tokenizer`; they are estimated when left out."""
    system: str | None
    """System message of chats."""
    template: str | Path | None
    """File with the training template of `text` and `prompt-completion`; else that of the pack."""
    eos: str | None
    """Goes after the template, for trainers that add no end-of-sequence token themselves."""
    pack: str | Path | None
    """Folder of a prompt pack; else the one in the settings."""
    split: str | None
    """Shares of train, validation and test, such as `90/5/5`; `out` is a folder then."""
    seed: int | None
    """Another one splits otherwise; 0 when left out."""
    similarity: float | None
    """Likeness from which on articles are kept in one split, from 0.5 to 1."""
    balance: float | None
    """Most times as many records to train on as the rarest type has that a type may have, 1 or more."""
    mix: Iterable[str] | None
    """General data to train on too, as `FILE:SHARE` of the training split."""
    mix_order: str | None
    """`blended`, evenly spread, or `general-first`."""
    license: str | None
    """What the card of a `datasets` folder says of the licence, by the hub's ids."""


@dataclass(frozen=True, slots=True)
class Parting:
    """How records are split."""

    proportions: Proportions
    seed: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and how."""

    format: str
    container: str
    texts: Texts
    filters: Filters
    parting: Parting | None
    balance: float | None
    mixes: tuple[Mix, ...]
    mix_order: str
    license: str

    @property
    def is_folder(self) -> bool:
        """Whether a folder is made, and not a single file."""
        return self.parting is not None or self.container == DATASETS

    @property
    def is_planned(self) -> bool:
        """Whether what becomes of one record depends on others."""
        return self.parting is not None or self.balance is not None or bool(self.mixes)

    @property
    def asked(self) -> Mapping[str, str]:
        """All that was asked for beyond the defaults, in words by option; files by name, for where they are is nobody
        else's business."""
        said = {**_of_filters(self.filters), **_of_texts(self.texts), **_of_parting(self.parting)}
        if self.balance is not None:
            said["balance"] = f"{self.balance:g}"
        if self.mixes:
            said["mix"] = ", ".join(f"{mix.file.name}:{mix.share}" for mix in self.mixes)
            said["mix_order"] = self.mix_order
        if self.license != UNKNOWN:
            said["license"] = self.license
        return {option: value for option, value in said.items() if value}


def _of_filters(filters: Filters) -> dict[str, str]:
    return {
        "types": ", ".join(sorted(filters.types)),
        "without_flags": ", ".join(sorted(filters.without_flags)),
        "min_grounded": f"{filters.min_grounded:g}" if filters.min_grounded else "",
        "min_supported": f"{filters.min_supported:g}" if filters.min_supported else "",
        "judged": "yes" if filters.judged else "",
        "max_tokens": str(filters.max_tokens or ""),
        "tokenizer": filters.tokenizer.name if filters.tokenizer else "",
    }


def _of_texts(texts: Texts) -> dict[str, str]:
    return {
        "system": texts.system or "",
        "template": texts.template.name if texts.template else "",
        "eos": texts.eos or "",
    }


def _of_parting(parting: Parting | None) -> dict[str, str]:
    if parting is None:
        return {}
    return {
        "split": str(parting.proportions),
        "seed": str(parting.seed),
        "similarity": f"{parting.similarity:g}",
    }
