"""What is to be judged: a sample of the records, and controls among them; what of it is left to do, and what it costs.

Which records a sample has, and which ones controls are made from, depends on the ids of records alone: a larger sample
has the smaller one in it, and the same command again finds everything judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from ..errors import SettingsError
from ..words import counted
from .drawing import Task, drawn
from .judge import Judge
from .material import Material, Place, Survey

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

    def chosen(self, places: Sequence[Place]) -> list[Place]:
        """Return the records that are to be judged, in the order of their articles."""
        found = list(places)
        if self.sample is not None:
            size = self.sample if self.sample >= 1 else ceil(self.sample * len(found))
            found = sorted(found, key=_rank)[: int(size)]
        return sorted(found)[: self.limit]

    def controls_for(self, records: int) -> int:
        """Return how many controls go with so many records."""
        if not records or not self.controls:
            return 0
        return min(MOST_CONTROLS, max(LEAST_CONTROLS, ceil(self.controls * records)))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is left to be judged of what is wished for."""

    records: int
    """That are to be judged in all."""
    of: int
    """Records that the run has."""
    controls: int
    """In all."""
    left: tuple[tuple[int, tuple[Task, ...]], ...]
    """Where an article is, and what of it is not judged yet; in the order of the articles."""
    records_left: int
    controls_left: int
    strangers: dict[str, int]
    """See `Survey.strangers`."""

    @property
    def calls(self) -> int:
        """Calls that it takes if each brings a judgement."""
        return self.records_left + self.controls_left

    def __str__(self) -> str:
        whole = f"{self.records} of {counted(self.of, 'record')}, with {counted(self.controls, 'control')}"
        if not self.calls:
            return f"{whole}: all judged"
        left = f"{counted(self.records_left, 'record')} and {counted(self.controls_left, 'control')}"
        return f"{whole}; to be judged now: {left}, {counted(self.calls, 'call')}"


def planned(material: Material, survey: Survey, judge: Judge, wish: Wish, settled: Callable[[str], bool]) -> Plan:
    """Return what is left to be judged; `settled` says of the key of a cell whether that is done."""
    records = wish.chosen(survey.places)
    size = wish.controls_for(len(records))
    controls = list(drawn(material, sorted(survey.places, key=_rank), judge.pack, size))
    tasks: defaultdict[int, list[Task]] = defaultdict(list)
    for place in records:
        if not settled(place.key.hex()):
            tasks[place.article_at].append(Task(place, None))
    records_left = sum(map(len, tasks.values()))
    for task, key in _keyed(material, judge, controls):
        if not settled(key):
            tasks[task.place.article_at].append(task)
    left = tuple((at, tuple(tasks[at])) for at in sorted(tasks))
    controls_left = sum(len(some) for _, some in left) - records_left
    strangers = dict(survey.strangers)
    return Plan(len(records), len(survey.places), len(controls), left, records_left, controls_left, strangers)


def _keyed(material: Material, judge: Judge, controls: Sequence[Task]) -> Iterator[tuple[Task, str]]:
    for task in controls:
        article = material.article(task.place.article_at)
        if article is not None and task.case is not None:
            yield task, judge.key(article.content_hash, article.format, task.case)


def _rank(place: Place) -> str:
    return place.rank
