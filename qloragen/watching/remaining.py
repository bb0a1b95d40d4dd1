"""What is left to be asked, model by model: from what the source holds, and what was found and heard so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
_UNHEARD = 0.2
"""What the time that unanswered calls have taken so far counts for: the first replies are the quick ones."""
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
    unanswered_s: Mapping[str, float],
) -> Mapping[str, Load] | None:
    """Return what is left to be asked, by model; None while that cannot be told.

    `routes` are the models of stages of which nothing was heard; `unanswered_s` is how long the calls that are in
    flight have taken so far, all together, by model.
    """
    cells = totals(work, expected)
    if cells is None or not work.calls:
        return None
    found: dict[str, Load] = {}
    for stage, total in cells.items():
        left = _left(work, stage, total)
        heard = {model: calls for (of, model), calls in work.calls.items() if of == stage}
        if not heard and stage in routes:
            _add_unheard(found.setdefault(routes[stage], Load()), left.calls, _usual_s(work))
        replies = sum(calls.replies for calls in heard.values())
        for model, calls in heard.items():
            load, share = found.setdefault(model, Load()), calls.replies / replies
            mean_s = _mean_s(calls, unanswered_s.get(model, 0.0), _usual_s(work) if stage == "generate" else None)
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
    """Those of them that are about articles which are worked on."""


def _left(work: Workload, stage: Stage, total: float) -> _Left:
    heard = [calls for (of, _), calls in work.calls.items() if of == stage]
    first, replies = sum(calls.first for calls in heard), sum(calls.replies for calls in heard)
    answered = max(first, work.ended[stage])
    again = max(0, first - work.ended[stage])  # answered, and not ended: the reply was refused, and is asked for anew
    asks = (replies + again + _USUAL_ASKS * _USUAL_WEIGHT) / (first + _USUAL_WEIGHT)
    calls = max(0.0, total - answered) * asks + again
    return _Left(calls, min(calls, max(0.0, (work.found[stage] - answered) * asks)))


def _usual_s(work: Workload) -> float:
    """Return how long a call is taken to last of which nothing was heard, by those that were."""
    heard = work.calls.values()
    return _LATER_IS_SLOWER * sum(calls.latency_s for calls in heard) / sum(calls.replies for calls in heard)


def _add_unheard(load: Load, calls: float, mean_s: float) -> None:
    load.calls += calls
    load.slot_s += calls * mean_s
    load.tokens += calls * _USUAL_TOKENS
    load.variance_s2 = max(load.variance_s2, (mean_s / 2) ** 2)


def _mean_s(calls: Calls, unanswered_s: float, usual_s: float | None) -> float:
    """Return the mean latency, with something for those calls that are not answered yet."""
    sum_s, count = calls.latency_s + _UNHEARD * unanswered_s, float(calls.replies)
    if usual_s is not None:
        sum_s, count = sum_s + _EARLY_WEIGHT * usual_s, count + _EARLY_WEIGHT
    return sum_s / count


def _tokens(calls: Calls, left: _Left, work: Workload, expected: Expected) -> float:
    """Return the tokens of all calls that are left, by the sizes of the articles that they are about."""
    sizes, taken = expected.sizes, work.taken
    later = None
    if sizes is not None and sizes.articles > taken.articles:
        later = (sizes.chars - taken.chars) / (sizes.articles - taken.articles)
    return left.opened * calls.tokens_at(work.open_chars) + (left.calls - left.opened) * calls.tokens_at(later)
