"""What is new in a source, and what is to be made again because something has changed since.

Rules:
1. A cell that is settled under its present address is kept, whatever has changed.
2. A cell that is not, but is settled under the address that it had before, has changed; everything else is new work.
3. How many records an article needs is known once it is classified; until then its last classification tells, or the
   average of the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from ..types import Article, Skip
from .circumstances import Circumstances, Outdated, circumstances_of
from .job import Job
from .plan import Change, Plan, sum_usd
from .rates import Rates

_PART = "#part-"
"""Stands between an article's id and a number in the ids of its parts (see `sources`)."""


class Known(Protocol):
    """What a plan looks up in a run's state."""

    def settled(self, key: str) -> bool:
        """Say whether nothing is left to ask for the cell."""
        ...

    def types_of(self, key: str) -> tuple[int, ...] | None:
        """Return what a classification came to."""
        ...

    def text_of(self, article_id: str) -> str | None:
        """Return the hash of the newest text that is known under an id."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier sessions have left to plan with."""

    history: Sequence[Circumstances]
    """What they worked under, the last one last."""
    complete: bool
    """Whether `history` holds them all: not so when `run.json` is missing or damaged."""
    classified: int
    """Articles with a classification."""
    records: Mapping[str, int]
    """Type slug to number of records."""
    rates: Rates


async def make_plan(items: AsyncIterator[Article | Skip], job: Job, known: Known, past: Past) -> Plan:
    """Read the whole of `items` and count what is missing. Makes no call, and holds counts only."""
    survey = _Survey(job, known, Outdated(circumstances_of(job), past.history))
    async for item in items:
        if isinstance(item, Skip):
            survey.skipped += 1
        else:
            survey.look_at(item)
    return survey.plan(past)


def plan_unread(job: Job, past: Past) -> Plan:
    """Return the most that can have changed for articles nobody has read yet: all cells of types (or classifications)
    that were never worked on as they would be now. Changed texts cannot be among them."""
    outdated = Outdated(circumstances_of(job), past.history)
    needs: dict[str | None, _Need] = {}
    for slug, cause in outdated.unheard_of.items():
        count = past.classified if slug is None else past.records.get(slug, 0)
        if count:
            needs.setdefault(cause, _Need()).cells[slug] += count
    changes = _changes(needs, job, past.rates, None)
    cost_usd = sum_usd(change.cost_usd for change in changes)
    return Plan(0, 0, 0, 0, 0, 0, cost_usd, changes, unread=True, complete=past.complete)


@dataclass(slots=True)
class _Need:
    """Cells to pay for, for one reason."""

    cells: Counter[str | None] = field(default_factory=Counter)
    """By type; None: classifications."""
    unforeseen: int = 0
    """Articles to classify that do not say how many records they need."""

    def records(self, mean_types: Decimal | None) -> Decimal:
        """Return how many records there are to make; `mean_types` None counts as 0."""
        return self.cells.total() - self.cells[None] + self.unforeseen * (mean_types or Decimal(0))

    def cost_usd(self, job: Job, rates: Rates, mean_types: Decimal | None) -> Decimal | None:
        """Return the likely cost; None when some of it is not known."""
        return sum_usd(self._costs_usd(job, rates, mean_types))

    def _costs_usd(self, job: Job, rates: Rates, mean_types: Decimal | None) -> Iterator[Decimal | None]:
        for slug, count in self.cells.items():
            if slug is None:
                yield _times(count, rates.classification_usd(job.classifier.models))
            else:
                yield _times(count, rates.cell_usd("generate", job.generate_model, slug))
        if self.unforeseen:
            yield _times(self.unforeseen, mean_types, rates.cell_usd("generate", job.generate_model))


class _Survey:
    """Counts what articles need, one at a time."""

    def __init__(self, job: Job, known: Known, outdated: Outdated) -> None:
        self.skipped = 0
        self._job = job
        self._known = known
        self._outdated = outdated
        self._needs: dict[str | None, _Need] = {}
        """By what has changed; None: new work."""
        self._articles = 0
        self._finished = 0
        self._generations = 0
        self._classified = 0
        self._types = 0

    def look_at(self, article: Article) -> None:
        """Count what is missing of an article."""
        self._articles += 1
        key = self._key(None, article)
        types = self._types_of(key, article)
        if types is None and not self._known.settled(key):
            self._to_classify(article)
            return
        missing = self._missing(article, types or ())
        self._generations += len(missing)
        self._finished += not missing
        if missing:
            self._to_generate(article, missing, self._known_as(article))

    def plan(self, past: Past) -> Plan:
        """Return the counts so far as a plan."""
        mean_types = self._mean_types(past)
        classifications = sum(need.cells[None] for need in self._needs.values())
        records = sum(need.records(mean_types) for need in self._needs.values())
        unknown = mean_types is None and any(need.unforeseen for need in self._needs.values())
        return Plan(
            articles=self._articles,
            finished=self._finished,
            classifications=classifications,
            generations=self._generations,
            foreseen=None if unknown else round(records) - self._generations,
            skipped=self.skipped,
            cost_usd=sum_usd(need.cost_usd(self._job, past.rates, mean_types) for need in self._needs.values()),
            changes=_changes(self._needs, self._job, past.rates, mean_types),
            complete=past.complete,
            first=not past.records,
        )

    def _to_classify(self, article: Article) -> None:
        known_as = self._known_as(article)
        cause, key = self._predecessor(None, article, known_as)
        need = self._needs.setdefault(cause, _Need())
        need.cells[None] += 1
        types = self._types_of(key, article) if key else None
        if types is None:
            need.unforeseen += 1
        else:
            self._to_generate(article, self._missing(article, types), known_as)

    def _to_generate(self, article: Article, types: Sequence[str], known_as: str | None) -> None:
        for slug in types:
            cause, _ = self._predecessor(slug, article, known_as)
            self._needs.setdefault(cause, _Need()).cells[slug] += 1

    def _missing(self, article: Article, types: Sequence[str]) -> list[str]:
        return [slug for slug in types if not self._known.settled(self._key(slug, article))]

    def _key(self, slug: str | None, article: Article) -> str:
        return self._outdated.key(slug, article.content_hash, article.format)

    def _predecessor(
        self, slug: str | None, article: Article, known_as: str | None
    ) -> tuple[str, str] | tuple[None, None]:
        """Return why a cell is not settled any more, and the key that it is settled under; Nones for new work."""
        candidates = self._outdated.predecessors(slug, article.content_hash, article.format, known_as)
        return next(((cause, key) for cause, key in candidates if self._known.settled(key)), (None, None))

    def _types_of(self, key: str, article: Article) -> tuple[str, ...] | None:
        """Return the types that a classification came to; None when it was given up."""
        numbers = self._known.types_of(key)
        if numbers is None:
            return None
        types = tuple(kind.slug for kind in self._job.applicable(numbers, article))
        self._classified += 1
        self._types += len(types)
        return types

    def _known_as(self, article: Article) -> str | None:
        """Return the hash of the text that the article had last; what a size limit has parted is looked for, too."""
        whole, part, _ = article.id.rpartition(_PART)
        known_as = self._known.text_of(article.id)
        return known_as or self._known.text_of(whole if part else f"{article.id}{_PART}1")

    def _mean_types(self, past: Past) -> Decimal | None:
        if self._classified:
            return Decimal(self._types) / self._classified
        return Decimal(sum(past.records.values())) / past.classified if past.classified else None


def _changes(
    needs: Mapping[str | None, _Need], job: Job, rates: Rates, mean_types: Decimal | None
) -> tuple[Change, ...]:
    return tuple(
        Change(cause, need.cells[None], round(need.records(mean_types)), need.cost_usd(job, rates, mean_types))
        for cause, need in needs.items()
        if cause is not None
    )


def _times(*factors: Decimal | int | None) -> Decimal | None:
    product = Decimal(1)
    for factor in factors:
        if factor is None:
            return None
        product *= factor
    return product
