"""How many planted defects are found, under which names, and how often a clean record is taken for a defective one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from ...types import Draft
from .kind import Clean, Kind

Find = Callable[[Clean, Draft, Kind | None], Sequence[str]]
"""Returns the codes of all reasons to refuse a draft: one with a defect planted in the clean record, or, where the kind
is None, the clean one itself."""

_PASSES = 40
"""How often the clean records are gone through for one kind, each time with other forms of it."""
_EXAMPLES = 8


@dataclass(frozen=True)
class Row:
    """What became of one kind."""

    kind: str
    planted: int
    caught: int
    named: int
    """Caught under a code that names the kind."""
    codes: Mapping[str, int]
    """How many of the planted each code was found in."""
    missed: tuple[tuple[Clean, Draft], ...]
    """Some of those that were not caught."""

    @property
    def recall(self) -> float:
        """Share of the planted that was caught; 0 where nothing was planted."""
        return self.caught / self.planted if self.planted else 0.0


@dataclass(frozen=True)
class Measured:
    """What became of all kinds, and of the clean records."""

    rows: tuple[Row, ...]
    clean: int
    alarms: int
    """How many clean records were refused."""
    alarm_codes: Mapping[str, int]
    alarmed: tuple[tuple[Clean, Sequence[str]], ...]
    """Some clean records that were refused, and why."""

    @property
    def recall(self) -> float:
        """Share of all that was planted that was caught."""
        planted = sum(row.planted for row in self.rows)
        return sum(row.caught for row in self.rows) / planted if planted else 0.0

    @property
    def false_alarms(self) -> float:
        """Share of the clean records that was refused."""
        return self.alarms / self.clean if self.clean else 0.0

    def precision(self, share: float) -> float:
        """Return which share of the refused has a defect, where `share` of all have one; 1 if none is refused."""
        right, wrong = share * self.recall, (1 - share) * self.false_alarms
        return right / (right + wrong) if right + wrong else 1.0


def measure(kinds: Sequence[Kind], cleans: Sequence[Clean], find: Find, per_kind: int, random: Random) -> Measured:
    """Plant up to `per_kind` defects of each kind and say what `find` makes of them, and of the clean records."""
    rows = tuple(_row(kind, list(_planted(kind, cleans, per_kind, random)), find) for kind in kinds)
    found = [(clean, find(clean, clean.draft, None)) for clean in cleans]
    alarmed = [(clean, codes) for clean, codes in found if codes]
    counted = Counter(code for _, codes in alarmed for code in codes)
    by_code = sorted(alarmed, key=lambda pair: counted[pair[1][0]])
    return Measured(rows, len(cleans), len(alarmed), counted, tuple(by_code[: 4 * _EXAMPLES]))


def _planted(kind: Kind, cleans: Sequence[Clean], count: int, random: Random) -> Iterator[tuple[Clean, Draft]]:
    """Yield records with the defect, no two the same; fewer than `count` where there is no place for more."""
    seen: set[tuple[Draft, Draft]] = set()
    for _ in range(_PASSES):
        before = len(seen)
        for clean in random.sample(cleans, len(cleans)):
            if len(seen) >= count:
                return
            draft = kind.plant(clean, random)
            if draft is not None and (clean.draft, draft) not in seen:
                seen.add((clean.draft, draft))
                yield clean, draft
        if len(seen) == before:
            return


def _row(kind: Kind, planted: Sequence[tuple[Clean, Draft]], find: Find) -> Row:
    found = [find(clean, draft, kind) for clean, draft in planted]
    return Row(
        kind=kind.name,
        planted=len(planted),
        caught=sum(map(bool, found)),
        named=sum(not kind.caught_by.isdisjoint(codes) for codes in found),
        codes=Counter(code for codes in found for code in frozenset(codes)),
        missed=tuple(pair for pair, codes in zip(planted, found, strict=True) if not codes)[:_EXAMPLES],
    )
