"""When a session will be done: what is left for each model, by the pace that its limits and the last minutes allow.

1. What is left is counted in calls, tokens and seconds of calls, not in articles: many of these are open together, and
   those that are left may be longer than those that are done (see `remaining`).
2. Each model needs as long as under its tightest limit: requests, tokens, calls in flight. Of that limit it uses as
   much as it has lately (see `track`), which takes in all that nobody can foresee. The slower model decides.
3. Where calls in flight are found out, they double until a server shows its knee, and nobody can tell where that is:
   until then an end is only foretold if it is about the same with as many as now and with as many as there may be.
4. The end is the slowest of the last calls, and no article ends before its calls have been made one after the other.
5. Nothing is foretold while most calls that were sent are still in flight: of the slow ones nothing was heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..engine.engine import Engine
from ..engine.statistics import ModelStatistics
from ..pipeline.workload import Workload
from ..types import Stage
from .chance import latency_of
from .remaining import Expected, Load, Unanswered, loads, totals
from .track import Track

_ALIKE = 0.3
"""Two ends are about the same that are not further apart than this share of the whole time."""
_AGAIN, _UNSEEN_AGAIN, _LEAST_AGAIN = 10, 0.05, 0.03
"""Replies from which on the share of calls that are made again is believed; before that, and at least."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a forecast has to know of a session's settings."""

    routes: Mapping[Stage, str]
    """The models that stages are asked of, as far as that is set."""
    ramps: Mapping[str, int]
    """Models whose calls in flight are found out by themselves, and how many there may be at most."""


class Forecast:
    """Looks at a session's counts about every second, and says from them when all will be done."""

    def __init__(self, terms: Terms, now_s: float) -> None:
        self._terms = terms
        self._started_s = self._now_s = now_s
        self._tracks: dict[str, Track] = {}

    def note(self, now_s: float, models: Mapping[str, ModelStatistics]) -> None:
        """Take in the counts of a moment."""
        self._now_s = now_s
        for name, counts in models.items():
            if name not in self._tracks:
                self._tracks[name] = Track(self._started_s)
            self._tracks[name].note(now_s, counts)

    def left_s(self, work: Workload, expected: Expected, models: Mapping[str, ModelStatistics]) -> float | None:
        """Return in how many seconds all is done, as of the moment that was noted last; None while that cannot be
        told."""
        left = loads(work, expected, self._terms.routes, self._unanswered(work))
        if left is None or not self._tracks or _untold(work, left, models):
            return None
        chain_s = _chain_s(work, expected, left)
        last_s, first_s = (self._models_s(left, models, slots) for slots in (self._slots_now, self._slots_later))
        last_s, first_s = max(chain_s, last_s), max(chain_s, first_s)
        whole_s = self._now_s - self._started_s + last_s
        return (last_s + first_s) / 2 if last_s - first_s <= _ALIKE * whole_s else None

    def _models_s(
        self, left: Mapping[str, Load], models: Mapping[str, ModelStatistics], slots: Callable[[str], float]
    ) -> float:
        """Return how long the slower model takes; `slots` says how many calls of one may be in flight."""
        asked = [(name, load) for name, load in left.items() if load.calls > 0 and name in models]
        return max((self._of_model(name, load, models[name], slots(name)) for name, load in asked), default=0.0)

    def _slots_now(self, name: str) -> float:
        """Return how many calls may be in flight, if that stays as it is."""
        track = self._tracks[name]
        return track.limit if track.climbs else track.mean_limit()

    def _slots_later(self, name: str) -> float:
        """Return how many there may come to be."""
        return max(self._slots_now(name), self._terms.ramps.get(name, 0) if self._tracks[name].climbs else 0)

    def _unanswered(self, work: Workload) -> dict[str, Unanswered]:
        answered = dict.fromkeys(self._tracks, 0.0)
        for (_, model), calls in work.calls.items():
            answered[model] = answered.get(model, 0.0) + calls.latency_s
        return {name: track.unanswered(answered[name]) for name, track in self._tracks.items()}

    def _of_model(self, name: str, load: Load, counts: ModelStatistics, slots: float) -> float:
        track, latency = self._tracks[name], latency_of(load.latency_s, load.variance_s2)
        unsent = max(0.0, load.calls - counts.in_flight)
        if unsent < 1:
            return latency.slowest_s(load.calls, track.unsent_for_s)
        slot_s = load.slot_s if name not in self._terms.ramps else load.calls * track.latency_s(load.latency_s)
        slots_s = slot_s / slots
        limited_s = max(
            60 * unsent / counts.rpm if counts.rpm else 0.0,
            60 * load.tokens * unsent / load.calls / counts.tpm if counts.tpm else 0.0,
        )
        longest_s, last = max(slots_s, limited_s), min(load.calls, counts.max_in_flight)
        if limited_s > slots_s:
            last = min(last, load.latency_s * unsent / longest_s)
        end_s = latency.slowest_s(max(last, 1.0)) - (0.0 if limited_s > slots_s else load.latency_s / 2)
        sending_s = longest_s / track.use(counts)
        if (each_s := track.refused_pace_s(load.latency_s)) is not None:
            sending_s = max(sending_s, load.calls * each_s)
        return sending_s + end_s


def _untold(work: Workload, left: Mapping[str, Load], models: Mapping[str, ModelStatistics]) -> bool:
    """Say whether too few calls have been answered yet, of those that were sent, to tell what the others are like."""
    answered = dict.fromkeys(models, 0)
    for (_, name), calls in work.calls.items():
        answered[name] = answered.get(name, 0) + calls.replies
    return any(
        load.calls > 0 and answered[name] < models[name].in_flight for name, load in left.items() if name in models
    )


def _chain_s(work: Workload, expected: Expected, left: Mapping[str, Load]) -> float:
    """Return how long the last article takes whose calls are made one after the other, if nothing else held it up."""
    cells = totals(work, expected)
    assert cells is not None
    last: Stage = "judge" if "judge" in cells else "generate"
    heard = [calls for (stage, _), calls in work.calls.items() if stage == last]
    first, replies = sum(calls.first for calls in heard), sum(calls.replies for calls in heard)
    fresh = max(0.0, cells[last] - max(first, work.ended[last]))
    load = max(left.values(), key=lambda load: load.slot_s)
    if not fresh or not load.calls:
        return 0.0
    before = min(1.0, 2 * fresh / cells[last])  # the first of an article goes ahead of the others
    mean_s, variance_s2 = (1 + before) * load.latency_s, (1 + before) * load.variance_s2
    if cells.get("classify", 0.0) > work.typed.sizes.articles:
        classified = [calls for (stage, _), calls in work.calls.items() if stage == "classify"]
        mean_s += sum(calls.latency_s / calls.replies for calls in classified)
        variance_s2 += sum(calls.variance_s2 for calls in classified)
    again = fresh * (max(_LEAST_AGAIN, replies / first - 1) if first > _AGAIN else _UNSEEN_AGAIN)
    twice_s = latency_of(mean_s + load.latency_s, variance_s2 + load.variance_s2).slowest_s(again)
    return max(latency_of(mean_s, variance_s2).slowest_s(fresh), twice_s if again >= 1 / 2 else 0.0)


def terms_of(engine: Engine, routes: Mapping[Stage, str]) -> Terms:
    """Return the terms of a session whose calls `engine` makes."""
    specs = [engine.lane(name).spec for name in engine.statistics]
    return Terms(routes, {spec.name: spec.auto_maximum for spec in specs if spec.max_concurrency == "auto"})
