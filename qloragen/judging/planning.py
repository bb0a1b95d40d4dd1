"""What is to be judged: a sample of the records, and controls among them; what of it is left to do, and what it costs.

Which records a sample has, and which ones controls are made from, depends on the ids of records alone: a larger sample
has the smaller one in it, and the same command again finds everything judged.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from math import ceil

from ..errors import SettingsError
from ..words import counted
from .drawing import TRIED, Task, drawn
from .judge import Judge
from .material import Material, Survey
from .places import Places

LEAST_CONTROLS = 40
"""Half of them planted: of fewer than 20 nobody could tell a good judge from a fair one."""
MOST_CONTROLS = 2_000
"""More tell nothing new."""


@dataclass(frozen=True, slots=True)
class Wish:
    """How much of a run is to be judged.

    Raises:
        SettingsError: That is no number of records, and no share of them.
    """

    sample: float | None = None
    """So many records, or below 1 such a share, drawn from all; None: all of them."""
    limit: int | None = None
    """Of these at most so many, in the run's order."""
    controls: float = 0.05
    """Share of what is judged that are controls."""

    def __post_init__(self) -> None:
        if self.sample is not None and (self.sample <= 0 or (self.sample > 1 and self.sample != int(self.sample))):
            raise SettingsError(f"A sample is a number of records, or a share of them below 1, not {self.sample:g}.")
        if self.limit is not None and self.limit < 1:
            raise SettingsError(f"The limit of records must be 1 or more, not {self.limit}.")

    def chosen(self, places: Places) -> array[int]:
        """Return the numbers of the records that are to be judged, in the order of their articles."""
        numbers: Iterable[int] = range(len(places))
        if self.sample is not None:
            numbers = places.drawn(int(self.sample) if self.sample >= 1 else part_of(self.sample, len(places)))
        return places.by_article(numbers)[: self.limit]

    def controls_for(self, records: int) -> int:
        """Return how many controls go with so many records."""
        if not records or not self.controls:
            return 0
        return min(MOST_CONTROLS, max(LEAST_CONTROLS, part_of(self.controls, records)))


def part_of(share: float, whole: int) -> int:
    """Return how many a share of so many are: 1 at least, rounded up, but not for what floats are off by."""
    return max(1, ceil(round(share * whole, 6)))


@dataclass(frozen=True, slots=True)
class Left:
    """What is not judged yet, article by article; a record of it takes 8 bytes."""

    places: Places
    records: array[int]
    """Numbers of places, in the order of the articles."""
    controls: Sequence[Task]
    """In that order too."""

    def articles(self) -> int:
        """Return how many articles there is something left of."""
        return sum(
            1 for _ in groupby(merge(map(self.places.article_at, self.records), map(_article_of, self.controls)))
        )

    def __iter__(self) -> Iterator[tuple[int, tuple[Task, ...]]]:
        """Yield where an article is, and what is left of it."""
        records = (Task(self.places[number]) for number in self.records)
        for at, tasks in groupby(merge(records, self.controls, key=_article_of), key=_article_of):
            yield at, tuple(tasks)


def _article_of(task: Task) -> int:
    return task.place.article_at


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to be judged of what is wished for."""

    records: array[int]
    """Numbers of the places of those that are to be judged in all, in the order of the articles."""
    controls: Sequence[str]
    """Keys of the cells of all controls."""
    left: Left
    strangers: Mapping[str, int]
    """See `Survey.strangers`."""

    def keys(self) -> Iterator[str]:
        """Yield the keys of the cells of all that is to be judged."""
        yield from (self.left.places[number].key.hex() for number in self.records)
        yield from self.controls

    @property
    def calls(self) -> int:
        """Calls that it takes if each brings a judgement."""
        return len(self.left.records) + len(self.left.controls)

    def __str__(self) -> str:
        of = counted(len(self.left.places), "record")
        whole = f"{len(self.records)} of {of}, with {counted(len(self.controls), 'control')}"
        if not self.calls:
            return f"{whole}: nothing is left to be judged"
        left = f"{counted(len(self.left.records), 'record')} and {counted(len(self.left.controls), 'control')}"
        return f"{whole}; to be judged now: {left}, {counted(self.calls, 'call')}"


def planned(material: Material, survey: Survey, judge: Judge, wish: Wish, settled: Callable[[str], bool]) -> Plan:
    """Return what is left to be judged; `settled` says of the key of a cell whether that is done."""
    places = survey.places
    records = wish.chosen(places)
    size = wish.controls_for(len(records))
    controls = list(_keyed(material, judge, drawn(material, places.first(TRIED * size), judge.pack, size)))
    open_records = array("Q", (number for number in records if not settled(places[number].key.hex())))
    open_controls = [task for task, key in controls if not settled(key)]
    left = Left(places, open_records, sorted(open_controls, key=_article_of))
    return Plan(records, [key for _, key in controls], left, dict(survey.strangers))


def _keyed(material: Material, judge: Judge, controls: Iterable[Task]) -> Iterator[tuple[Task, str]]:
    for task in controls:
        article = material.article(task.place.article_at)
        if article is not None and task.case is not None:
            yield task, judge.key(article.content_hash, article.format, task.case)
