"""Which records are written into which split: decided as they come, or beforehand where one depends on others."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..export import Example, ExportError, Form
from ..export.records import Records
from ..words import counted
from .assigning import STRADDLING, Assigner
from .balance import Caps, caps_of
from .blending import Blend
from .groups import Groups, groups_of
from .held_out import HeldOut
from .leakage import leaks_in
from .mixing import plan_mix
from .options import Order, Parting
from .result import nothing_left
from .selection import Selection
from .splits import SPLITS, TRAIN, Split
from .texts import reading_texts

Placed = tuple[Split, Example]

BALANCE = "balance"
"""Why a record is left out: there are too many of its type."""
_NOWHERE, _OUTDATED = 0, 1 << 4
"""Marks of a record, besides the number of its split, which counts from 1."""
_MANY = 0.05
"""Share of the records from which on it is said what may be done about those that are between two splits."""
_STRADDLE = (
    "many articles are like some of two splits, as later versions of pages are: a higher similarity leaves fewer out"
)
_FEW = 2
"""Articles to a group from which on a lack of groups may be why a split is empty."""


class Placing(Protocol):
    """What is to be written."""

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those that something goes into."""

    @property
    def outdated(self) -> int:
        """Records that were made under earlier circumstances; known when all were yielded."""

    @property
    def left_out(self) -> Counter[str]:
        """Reason to records that are not; known when all were yielded."""

    @property
    def blend(self) -> Blend | None:
        """What of general data is among them."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What else there is to know, in sentences."""

    def placed(self) -> Iterator[Placed]:
        """Yield all examples in their order, each with its split."""


@dataclass(slots=True)
class AsTheyCome:
    """All records that are chosen, for the training split; they are read once."""

    records: Records
    selection: Selection
    splits: tuple[Split, ...] = (TRAIN,)
    outdated: int = 0
    blend: Blend | None = None

    @property
    def left_out(self) -> Counter[str]:
        """Reason to records that are not chosen."""
        return self.selection.left_out

    @property
    def notes(self) -> tuple[str, ...]:
        """How they were chosen."""
        return self.selection.notes

    def placed(self) -> Iterator[Placed]:
        """Yield them; to be called once."""
        for _, example, held in self.records.each():
            if self.selection.takes(example):
                self.outdated += not held
                yield TRAIN, example


class Planned:
    """Records that were placed before any is written; a byte each says where."""

    def __init__(self, records: Records, selection: Selection, splits: tuple[Split, ...]) -> None:
        self.splits = splits
        self.blend: Blend | None = None
        self.notes: tuple[str, ...] = selection.notes
        self.advice = ""
        """What else would help where a split is empty, after a comma."""
        self.left_out: Counter[str] = selection.left_out
        """Reason to records that are in no split."""
        self._records = records
        self._selection = selection
        self._places = bytearray(records.lines + 1)
        self._arranged: Callable[[Iterator[Placed]], Iterator[Placed]] = iter

    @property
    def outdated(self) -> int:
        """Records that were made under earlier circumstances."""
        return sum(place >= _OUTDATED for place in self._places)

    def place(self, split_of: Callable[[Example], Split | None]) -> Iterator[Example]:
        """Place all records that are chosen, and yield those to train on meanwhile."""
        for number, example, held in self._records.each():
            split = split_of(example) if self._selection.takes(example) else None
            if split:
                self._places[number] = SPLITS.index(split) + 1 | (_NOWHERE if held else _OUTDATED)
            if split == TRAIN:
                yield example

    def balance(self, caps: Caps) -> None:
        """Leave out those to train on of which there are too many."""
        for number, example, _ in self._records.each(lambda number: self._split(number) == TRAIN):
            if not caps.takes(example):
                self._places[number] = _NOWHERE
                self.left_out[BALANCE] += 1

    def complete(self, order: Order, form: Form) -> None:
        """Make sure that each split has something, and mix general data in.

        Raises:
            ExportError: A split is empty, or a file of general data cannot be used.
        """
        if not any(map(self.count, self.splits)):
            raise nothing_left(self.left_out)
        empty = next((split for split in self.splits if not self.count(split)), None)
        if empty:
            raise ExportError(
                f"The split {empty} would be empty, for no article falls into it; give it a larger share, or try "
                f"another seed{self.advice}."
            )
        if order.mixes:
            self._mix(order, form)

    def _mix(self, order: Order, form: Form) -> None:
        """Mix general data with what is trained on; what is held out, or does not fit, is not among it."""

        def holds(example: Example) -> bool:
            return form.row(example) is not None and self._selection.fits(example)

        held_out = HeldOut()
        for _, example, _ in self._records.each(lambda number: self._split(number) not in {TRAIN, None}):
            held_out.add(example)
        self.blend = plan_mix(order.mixes, self.count(TRAIN), holds, held_out.has)
        self._arranged = self.blend.blended if order.mix_order == "blended" else self.blend.general_first

    def placed(self) -> Iterator[Placed]:
        """Yield all examples in their order, each with its split; the same ones each time."""
        return self._arranged(self._own())

    def check(self, text_of: Callable[[str], str | None], similarity: float) -> None:
        """Make sure that nothing is in two splits, and note that this was looked for; see `leaks_in`.

        Raises:
            ExportError: Something is.
        """
        leaks = leaks_in(self.placed, text_of, similarity)
        if leaks:
            raise ExportError(f"Nothing was written, since there would be {leaks}; another seed splits otherwise.")
        self.notes += (f"leakage: {leaks}",)

    def count(self, split: Split) -> int:
        """Return how many records are in a split."""
        place = SPLITS.index(split) + 1
        return self._places.count(place) + self._places.count(place | _OUTDATED)

    def _own(self) -> Iterator[Placed]:
        for number, example, _ in self._records.each(lambda number: self._split(number) is not None):
            if split := self._split(number):
                yield split, example

    def _split(self, number: int) -> Split | None:
        place = self._places[number] & ~_OUTDATED
        return SPLITS[place - 1] if place else None


def plan(folder: Path, records: Records, selection: Selection, order: Order, form: Form) -> Planned:
    """Place the records of the run in `folder`: split, balanced, mixed with general data, whatever is asked for.

    Raises:
        SetupError: A split would be empty, general data cannot be used, or something would be in two splits.
    """
    if order.parting:
        return _parted(folder, Planned(records, selection, order.parting.proportions.names), order, order.parting, form)
    planned = Planned(records, selection, (TRAIN,))
    _place(planned, order, lambda _example: TRAIN)
    planned.complete(order, form)
    return planned


def _parted(folder: Path, planned: Planned, order: Order, parting: Parting, form: Form) -> Planned:
    with reading_texts(folder) as texts:
        groups = groups_of(texts, parting.similarity)
        assigner = Assigner(groups, parting.proportions, parting.seed)
        _place(planned, order, assigner.assign)
        planned.left_out.update(assigner.left_out)
        planned.advice = _advice(groups, parting)
        if assigner.left_out[STRADDLING] > _MANY * assigner.assigned:
            planned.notes += (_STRADDLE,)
        planned.complete(order, form)
        planned.check(texts.text, parting.similarity)
        return planned
    raise AssertionError("unreachable")


def _advice(groups: Groups, parting: Parting) -> str:
    """Return what helps where articles are so much alike that there are few groups of them."""
    if groups.articles < _FEW * len(groups):
        return ""
    what = f", since {counted(groups.articles, 'article')} make {counted(len(groups), 'group')} of what is alike"
    return f"{what}, or a similarity higher than {parting.similarity:g}" if parting.similarity < 1 else what


def _place(planned: Planned, order: Order, split_of: Callable[[Example], Split | None]) -> None:
    training = planned.place(split_of)
    if order.balance is None:
        deque(training, maxlen=0)
    else:
        planned.balance(caps_of(training, order.balance))
