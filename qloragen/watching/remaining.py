"""What is left to be asked, model by model: from what the source holds, and what was found and heard so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..pipeline.workload import Calls, Sizes, Workload
from ..types import Stage

_FEW_CLASSIFIED = 3
_FORESEEN_WEIGHT = 5.0
"""Articles by which what earlier sessions have brought is to be outweighed."""
_USUAL_ASKS, _USUAL_WEIGHT = 1.08, 3.0
"""Calls that a cell takes, as long as no others have shown, and by how many cells that is to be outweighed."""
_LATER_IS_SLOWER = 1.3
"""Replies of a stage that has not begun, against those heard so far: generations are longer than classifications."""
_EARLY_WEIGHT = 3.0
"""Replies by which that assumption is to be outweighed."""
_WHOLE = 1.5
"""The first replies are the quick ones: so calls in flight count as well, as if they took so many times as long as they
have, and at least as long as the others."""
_USUAL_TOKENS = 2_000.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What is known of all that a session is to do."""

    articles: int
    sizes: Sizes | None = None
    """Of these articles, where they are all new."""
    classifications: int | None = None
    """Articles that have to be classified; None: not known."""
    generations: int = 0
    """Records that are missing of articles that are classified already."""
    foreseen: int | None = None
    """Records that the others are likely to need, by earlier sessions."""
    judgements: int | None = None
    """Where it judges: all that is to be done."""


class Unanswered(NamedTuple):
    """Calls in flight."""

    calls: int
    so_far_s: float
    """How long they have taken, all together."""


_NONE = Unanswered(0, 0.0)


@dataclass(slots=True)
class Load:
    """What is left to be asked of one model."""

    calls: float = 0.0
    slot_s: float = 0.0
    """How long these calls take, one after the other."""
    tokens: float = 0.0
    variance_s2: float = 0.0
    """Of their latencies, at most."""

    @property
    def latency_s(self) -> float:
        """Mean."""
        return self.slot_s / self.calls


def totals(work: Workload, expected: Expected) -> Mapping[Stage, float] | None:
    """Return the cells of a session by stage, those that are done among them; None while that cannot be told."""
    if expected.judgements is not None:
        return {"judge": expected.judgements}
    classifications = _classifications(work, expected)
    unclassified = max(0.0, classifications - work.typed.sizes.articles)
    types = _types(work, expected, unclassified)
    if types is None:
        return None
    known = max(0, expected.generations - (work.found["generate"] - work.typed.types))
    return {"classify": classifications, "generate": work.found["generate"] + types * unclassified + known}


def _classifications(work: Workload, expected: Expected) -> float:
    if expected.classifications is not None:
        return expected.classifications
    taken, found = work.taken.articles, work.found["classify"]
    return found + max(0, expected.articles - taken) * (found / taken if taken else 1.0)


def _types(work: Workload, expected: Expected, unclassified: float) -> float | None:
    """Return how many records to expect of each article that is not classified yet."""
    seen, sizes = work.typed, expected.sizes
    count = seen.sizes.articles
    if unclassified <= 0:
        return 0.0
    if expected.foreseen is not None and expected.classifications:
        before = expected.foreseen / expected.classifications
        return (seen.types + before * _FORESEEN_WEIGHT) / (count + _FORESEEN_WEIGHT)
    if count < _FEW_CLASSIFIED:
        return None
    if sizes is None or sizes.articles <= count:
        return seen.expected(None)
    return seen.expected((sizes.log_chars - seen.sizes.log_chars) / (sizes.articles - count))


def loads(
    work: Workload,
    expected: Expected,
    routes: Mapping[Stage, str],
    unanswered: Mapping[str, Unanswered],
) -> Mapping[str, Load] | None:
    """Return what is left to be asked, by model; None while that cannot be told.

    `routes` are the models of stages of which nothing was heard; `unanswered` are the calls in flight, by model.
    """
    cells = totals(work, expected)
    if cells is None or not work.calls:
        return None
    found: dict[str, Load] = {}
    usual_s = _usual_s(work, unanswered)
    for stage, total in cells.items():
        left = _left(work, stage, total)
        heard = {model: calls for (of, model), calls in work.calls.items() if of == stage}
        if not heard and stage in routes:
            _add_unheard(found.setdefault(routes[stage], Load()), left.calls, usual_s)
        replies = sum(calls.replies for calls in heard.values())
        for model, calls in heard.items():
            load, share = found.setdefault(model, Load()), calls.replies / replies
            mean_s = _mean_s(calls, unanswered.get(model, _NONE), usual_s if stage == "generate" else None)
            load.calls += left.calls * share
            load.slot_s += left.calls * share * mean_s
            load.tokens += share * _tokens(calls, left, work, expected)
            load.variance_s2 = max(load.variance_s2, calls.variance_s2)
    return found


@dataclass(frozen=True, slots=True)
class _Left:
    """Calls of one stage."""

    calls: float
    opened: float
    """Those of them that are about articles which are classified."""
    opened_chars: float | None
    """How long these articles are; None: not known."""


def _left(work: Workload, stage: Stage, total: float) -> _Left:
    heard = [calls for (of, _), calls in work.calls.items() if of == stage]
    first, replies = sum(calls.first for calls in heard), sum(calls.replies for calls in heard)
    answered = max(first, work.ended[stage])
    again = max(0, first - work.ended[stage])  # answered, and not ended: the reply was refused, and is asked for anew
    asks = (replies + again + _USUAL_ASKS * _USUAL_WEIGHT) / (first + _USUAL_WEIGHT)
    calls = max(0.0, total - answered) * asks + again
    opened = min(calls, max(0.0, (work.found[stage] - answered) * asks))
    typed, asked = work.typed, sum(calls.first_chars for calls in heard)
    known = stage == "generate" and typed.types == work.found[stage] > first and typed.cell_chars > asked
    return _Left(calls, opened, (typed.cell_chars - asked) / (typed.types - first) if known else None)


def _usual_s(work: Workload, unanswered: Mapping[str, Unanswered]) -> float:
    """Return how long a call is taken to last of which nothing was heard, by those that were."""
    sums_s = [
        calls.replies * _mean_s(calls, unanswered.get(model, _NONE), None) for (_, model), calls in work.calls.items()
    ]
    return _LATER_IS_SLOWER * sum(sums_s) / sum(calls.replies for calls in work.calls.values())


def _add_unheard(load: Load, calls: float, mean_s: float) -> None:
    load.calls += calls
    load.slot_s += calls * mean_s
    load.tokens += calls * _USUAL_TOKENS
    load.variance_s2 = max(load.variance_s2, (mean_s / 2) ** 2)


def _mean_s(calls: Calls, unanswered: Unanswered, usual_s: float | None) -> float:
    """Return the mean latency; `usual_s` is what is known besides."""
    sum_s, count = calls.latency_s, float(calls.replies)
    if unanswered.calls:
        each_s = max(sum_s / count, usual_s or 0.0, _WHOLE * unanswered.so_far_s / unanswered.calls)
        sum_s, count = sum_s + unanswered.calls * each_s, count + unanswered.calls
    if usual_s is not None:
        sum_s, count = sum_s + _EARLY_WEIGHT * usual_s, count + _EARLY_WEIGHT
    return sum_s / count


def _tokens(calls: Calls, left: _Left, work: Workload, expected: Expected) -> float:
    """Return the tokens of all calls that are left, by the sizes of the articles that they are about."""
    sizes, classified = expected.sizes, work.typed.sizes
    if sizes is None or sizes.articles <= classified.articles:
        return left.calls * calls.tokens_at(left.opened_chars)
    later = (sizes.chars - classified.chars) / (sizes.articles - classified.articles)
    opened = left.opened if left.opened_chars is not None else 0.0
    return opened * calls.tokens_at(left.opened_chars) + (left.calls - opened) * calls.tokens_at(later)
