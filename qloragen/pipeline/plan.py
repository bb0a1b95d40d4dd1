"""What a run would have to pay for, as counts and dollars, and in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path

from ..words import counted


@dataclass(frozen=True, slots=True)
class Change:
    """Cells that are settled already and are to be paid for again."""

    cause: str
    """What has changed, in words."""
    classifications: int
    records: int
    """Estimated where the classification has changed too."""
    cost_usd: Decimal | None
    """Estimated; None: not known."""

    @property
    def cells(self) -> str:
        """How many cells, in words."""
        about = "about " if self.classifications else ""
        counts = [counted(self.classifications, "classification")] if self.classifications else []
        counts += [f"{about}{counted(self.records, 'record')}"] if self.records else []
        return " and ".join(counts)

    def __str__(self) -> str:
        return f"{self.cause}: {self.cells}, {about_usd(self.cost_usd)}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells that a source still needs, and what they are likely to cost."""

    articles: int
    finished: int
    """Articles for which nothing is left to ask."""
    classifications: int
    """Articles to classify; how many records each needs is known only afterwards."""
    generations: int
    """Records to make for articles that are classified already."""
    foreseen: int | None
    """Records that those to be classified are likely to need; None: nothing is known to estimate it from."""
    skipped: int
    cost_usd: Decimal | None
    """Likely cost of all of it; None: not known."""
    changes: tuple[Change, ...] = ()
    """The part of it that is there already, made under other circumstances or from other text."""
    unread: bool = False
    """The source was not read: `changes` are the most that there can be, and the other counts are 0."""
    complete: bool = True
    """Whether it is known what all earlier sessions worked under; else what has changed passes for new."""
    first: bool = False
    """There is no record yet, and so nothing to estimate others from, whatever is known of prices."""

    @property
    def changed(self) -> Change:
        """All changes as one."""
        return Change(
            ", ".join(change.cause for change in self.changes),
            sum(change.classifications for change in self.changes),
            sum(change.records for change in self.changes),
            sum_usd(change.cost_usd for change in self.changes),
        )

    def exceeds(self, limit_usd: Decimal) -> bool:
        """Say whether the changes cost more than `limit_usd`, or nobody knows how much."""
        cost_usd = self.changed.cost_usd
        return bool(self.changes) and (cost_usd is None or cost_usd > limit_usd)

    def refusal(self, folder: Path) -> str:
        """Return one sentence for somebody who has not agreed to the changes."""
        changed = self.changed
        causes = [str(change) for change in self.changes[:MOST_CAUSES]] if self.changes[1:] else [changed.cause]
        more = len(self.changes) - len(causes)
        causes += [f"{more} more {'cause' if more == 1 else 'causes'}"] if more else []
        return (
            f"{folder}: {'up to ' if self.unread else ''}{changed.cells} would be paid for again, "
            f"{about_usd(changed.cost_usd)}, because of what has changed since ({'; '.join(causes)}): go on with --yes "
            "(QLORAGEN_ACCEPT_CHANGES=true, in Python accept_changes=True), or keep both apart with another --out."
        )

    def fields(self) -> dict[str, object]:
        """Return the plan as fields of a log event; costs are decimal strings, or null when they are not known."""
        return {
            "articles": self.articles,
            "finished": self.finished,
            "classifications": self.classifications,
            "generations": self.generations,
            "foreseen": self.foreseen,
            "skipped": self.skipped,
            "cost_usd": _digits(self.cost_usd),
            "changes": [{**asdict(change), "cost_usd": _digits(change.cost_usd)} for change in self.changes],
            "history_complete": self.complete,
        }

    def __str__(self) -> str:
        start = f"{counted(self.articles, 'article')}, {self.finished} finished; "
        if not self.classifications:
            return f"{start}{self._records}, {self._cost}" if self.generations else f"{start}nothing to do"
        to_classify = f"{self.classifications} to classify"
        if self.foreseen is None:
            to_classify += " and then to generate for"
        if self.generations or self.foreseen:
            to_classify += f", {self._records}"
        return f"{start}{to_classify}, {self._cost}"

    @property
    def _cost(self) -> str:
        return NO_ESTIMATE if self.cost_usd is None and self.first else about_usd(self.cost_usd)

    @property
    def _records(self) -> str:
        about = "about " if self.classifications and self.foreseen is not None else ""
        return f"{about}{counted(self.generations + (self.foreseen or 0), 'record')} to make"


NO_ESTIMATE = "at a cost that cannot be estimated before the first record"

MOST_CAUSES = 5
"""So many are named in a sentence."""


def about_usd(cost_usd: Decimal | None) -> str:
    """Return a cost that is only estimated, in words."""
    if cost_usd is None:
        return "at a cost that is not known"
    return f"about ${cost_usd:.2f}" if cost_usd >= _CENT or not cost_usd else "less than $0.01"


_CENT = Decimal("0.01")


def _digits(cost_usd: Decimal | None) -> str | None:
    return None if cost_usd is None else format(cost_usd.quantize(_MICRO), "f")


_MICRO = Decimal("0.000001")


def sum_usd(costs: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum of `costs`; None when one of them is not known."""
    total = Decimal(0)
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
