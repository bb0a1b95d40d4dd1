"""How far probabilities agree with a strong model's numbers, and from which threshold on they agree best.

Types that always apply are left out: about them nobody is asked.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from .applicable import applicable
from .classifiers.decisions import EVEN, SUBSTANCE, Chances, Thresholds, numbers_of
from .pack import Pack

GRID = tuple(hundredth / 100 for hundredth in range(1, 100))
"""Thresholds to choose from."""
LEAST = 5
"""A type gets a threshold of its own if so many articles have it, and so many do not."""


class Judged(NamedTuple):
    """One article, judged by both."""

    chances: Chances
    numbers: tuple[int, ...]
    """What the strong model said."""


class Score(NamedTuple):
    """Agreement about types of articles, counted."""

    both: int = 0
    only_decided: int = 0
    only_listed: int = 0

    @property
    def precision(self) -> float:
        """Share of the types that probabilities give which the strong model gives too; 1 if they give none."""
        return self.both / given if (given := self.both + self.only_decided) else 1.0

    @property
    def recall(self) -> float:
        """Share of the strong model's types that probabilities give too; 1 if it gives none."""
        return self.both / given if (given := self.both + self.only_listed) else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two; 1 if nobody gives any."""
        return 2 * self.both / given if (given := 2 * self.both + self.only_decided + self.only_listed) else 1.0

    def plus(self, other: Score) -> Score:
        """Return the sum of two counts."""
        return Score(*(one + another for one, another in zip(self, other, strict=True)))


class Row(NamedTuple):
    """What one threshold for all types comes to."""

    threshold: float
    score: Score
    types_per_article: float
    """Those that always apply included."""


class TypeRow(NamedTuple):
    """What the threshold chosen for a type comes to."""

    slug: str
    listed: int
    """Articles for which the strong model names it."""
    threshold: float
    own: bool
    """Whether there were articles enough to choose it for this type; else it is the one for all."""
    score: Score


@dataclass(frozen=True, slots=True)
class Fit:
    """Thresholds chosen on some articles."""

    articles: int
    listed_per_article: float
    """Types per article by the strong model, those that always apply included."""
    rows: tuple[Row, ...]
    """For thresholds of 0.1 to 0.9."""
    best: Row
    """With the one threshold that agrees best."""
    types: tuple[TypeRow, ...]
    by_type: Row
    """With the thresholds of `types`; its `threshold` is the one for all others."""
    best_unseen: Score
    """As `best`, but each half of the articles with the threshold that is best for the other half."""
    by_type_unseen: Score

    @property
    def thresholds(self) -> Thresholds:
        """Those to set: by type, where that holds for articles they were not chosen on; else one for all."""
        if self.by_type_unseen.f1 <= self.best_unseen.f1:
            return Thresholds(self.best.threshold)
        return Thresholds(self.best.threshold, {row.slug: row.threshold for row in self.types if row.own})


def fit(judged: Sequence[Judged], pack: Pack) -> Fit:
    """Choose thresholds for `judged`, at least one article; takes time in proportion to them."""
    one, table = best_for_all(judged, pack), best_by_type(judged, pack)
    halves = (judged[::2], judged[1::2])
    crossed = [(half, other) for half, other in (halves, halves[::-1]) if half]
    return Fit(
        articles=len(judged),
        listed_per_article=sum(len(applicable(one_.numbers, pack.types)) for one_ in judged) / len(judged),
        rows=tuple(_row(judged, pack, Thresholds(tenth / 10)) for tenth in range(1, 10)),
        best=_row(judged, pack, one),
        types=tuple(
            TypeRow(slug, _listed(judged, pack)[slug], table[slug], slug in table.of, found)
            for slug, found in scores(judged, pack, table).items()
        ),
        by_type=_row(judged, pack, table),
        best_unseen=_total(scores(half, pack, best_for_all(other, pack)) for half, other in crossed),
        by_type_unseen=_total(scores(half, pack, best_by_type(other, pack)) for half, other in crossed),
    )


def scores(judged: Iterable[Judged], pack: Pack, thresholds: Thresholds) -> dict[str, Score]:
    """Return the agreement about each type that does not always apply, by slug."""
    kinds = [kind for kind in pack.types if not kind.always]
    found = dict.fromkeys((kind.slug for kind in kinds), Score())
    for chances, numbers in judged:
        decided = numbers_of(pack, chances, thresholds)
        for kind in kinds:
            pair = (kind.number in decided, kind.number in numbers)
            found[kind.slug] = found[kind.slug].plus(_SCORES[pair])
    return found


_SCORES = {
    (True, True): Score(both=1),
    (True, False): Score(only_decided=1),
    (False, True): Score(only_listed=1),
    (False, False): Score(),
}


def best_for_all(judged: Sequence[Judged], pack: Pack) -> Thresholds:
    """Return the one threshold with the highest F1 over all types."""
    pairs = [pair for kind_pairs in _pairs(judged, pack).values() for pair in kind_pairs]
    return Thresholds(best_threshold(pairs))


def best_by_type(judged: Sequence[Judged], pack: Pack) -> Thresholds:
    """Return the threshold with the highest F1 for each type that occurs often enough, and one for all others."""
    usual = best_for_all(judged, pack).usual
    own = {
        slug: best_threshold(pairs)
        for slug, pairs in _pairs(judged, pack).items()
        if LEAST <= sum(listed for _, listed in pairs) <= len(pairs) - LEAST
    }
    return Thresholds(usual, own)


def best_threshold(pairs: Iterable[tuple[float, bool]]) -> float:
    """Return the threshold of the grid with the highest F1 for pairs of a probability and the truth; of equal ones the
    middle of the widest stretch nearest to a half, since it is the least likely to be one by chance."""
    yes: list[float] = []
    no: list[float] = []
    for probability, listed in pairs:
        (yes if listed else no).append(probability)
    yes.sort()
    no.sort()
    found = {threshold: _score_at(yes, no, threshold).f1 for threshold in GRID}
    most = max(found.values())
    stretches = _stretches([threshold for threshold in GRID if found[threshold] == most])
    widest = max(map(len, stretches))
    middles = [stretch[len(stretch) // 2] for stretch in stretches if len(stretch) == widest]
    return min(middles, key=lambda threshold: (abs(threshold - EVEN), threshold))


def _score_at(yes: Sequence[float], no: Sequence[float], threshold: float) -> Score:
    both, only_decided = (len(listed) - bisect_left(listed, threshold) for listed in (yes, no))
    return Score(both, only_decided, len(yes) - both)


def _stretches(thresholds: Sequence[float]) -> list[list[float]]:
    """Return `thresholds`, which rise, in runs of neighbours on the grid."""
    runs: list[list[float]] = []
    for threshold in thresholds:
        if runs and GRID.index(runs[-1][-1]) + 1 == GRID.index(threshold):
            runs[-1].append(threshold)
        else:
            runs.append([threshold])
    return runs


def _pairs(judged: Iterable[Judged], pack: Pack) -> dict[str, list[tuple[float, bool]]]:
    """Return for each type what was decided and what is true of each article; what no article is has no type."""
    pairs: dict[str, list[tuple[float, bool]]] = {kind.slug: [] for kind in pack.types if not kind.always}
    substance = Thresholds()[SUBSTANCE]
    for chances, numbers in judged:
        for kind in pack.types:
            if not kind.always:
                probability = chances.of.get(kind.slug, 0.0) if chances.substance >= substance else 0.0
                pairs[kind.slug].append((probability, kind.number in numbers))
    return pairs


def _listed(judged: Iterable[Judged], pack: Pack) -> Mapping[str, int]:
    return {slug: sum(listed for _, listed in pairs) for slug, pairs in _pairs(judged, pack).items()}


def _row(judged: Sequence[Judged], pack: Pack, thresholds: Thresholds) -> Row:
    types = sum(len(numbers_of(pack, one.chances, thresholds)) for one in judged)
    return Row(thresholds.usual, _total((scores(judged, pack, thresholds),)), types / len(judged))


def _total(found: Iterable[Mapping[str, Score]]) -> Score:
    return reduce(Score.plus, (score for by_type in found for score in by_type.values()), Score())
