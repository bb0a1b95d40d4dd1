"""When a session will be done: what is left for each model, by the pace that its limits and the last minutes allow.

1. What is left is counted in calls, tokens and seconds of calls, not in articles: many of these are open together, and
   those that are left may be longer than those that are done (see `remaining`).
2. Each model needs as long as under its tightest limit: requests, tokens, calls in flight. Of that limit it uses as
   much as it has lately (see `track`), which takes in all that nobody can foresee. The slower model decides.
3. Where calls in flight are found out, they are taken to double, as they do until a server shows its knee; until then
   nobody can tell where that is.
4. The end is the slowest of the last calls, and no article ends before its calls have been made one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..engine.engine import Engine
from ..engine.statistics import ModelStatistics
from ..pipeline.workload import Workload
from ..types import Stage
from .chance import latency_of
from .remaining import Expected, Load, Unanswered, loads, totals
from .track import Track

_WINDOW, _SLACK = 32, 1.2
"""A level of calls in flight is judged by so many replies at least, after one for each call; and that takes longer."""
_STUCK = 2.0
"""A level that lasts so many times as long is no step on the way up."""
_LEFT = 0.25
"""Part of its time that a level still lasts which is overdue."""
_LATE = 0.9
"""The slowest of several calls need not be the last that was sent."""
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
        self._started_s = now_s
        self._tracks: dict[str, Track] = {}

    def note(self, now_s: float, models: Mapping[str, ModelStatistics]) -> None:
        """Take in the counts of a moment."""
        for name, counts in models.items():
            if name not in self._tracks:
                self._tracks[name] = Track(self._started_s)
            self._tracks[name].note(now_s, counts)

    def left_s(self, work: Workload, expected: Expected, models: Mapping[str, ModelStatistics]) -> float | None:
        """Return in how many seconds all is done, as of the moment that was noted last; None while that cannot be
        told."""
        left = loads(work, expected, self._terms.routes, self._unanswered(work))
        if left is None or not self._tracks:
            return None
        times = [
            self._of_model(name, load, models[name]) for name, load in left.items() if load.calls > 0 and name in models
        ]
        return max([_chain_s(work, expected, left), *times])

    def _unanswered(self, work: Workload) -> dict[str, Unanswered]:
        answered = dict.fromkeys(self._tracks, 0.0)
        for (_, model), calls in work.calls.items():
            answered[model] = answered.get(model, 0.0) + calls.latency_s
        return {name: track.unanswered(answered[name]) for name, track in self._tracks.items()}

    def _of_model(self, name: str, load: Load, counts: ModelStatistics) -> float:
        track, latency = self._tracks[name], latency_of(load.latency_s, load.variance_s2)
        unsent = max(0.0, load.calls - counts.in_flight)
        if unsent < 1:
            return latency.slowest_s(load.calls, track.unsent_for_s)
        slots_s = self._slots_s(name, load, counts)
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

    def _slots_s(self, name: str, load: Load, counts: ModelStatistics) -> float:
        """Return how long calls take that are only bounded by how many may be in flight."""
        track, most, level = self._tracks[name], self._terms.ramps.get(name, 0), counts.max_in_flight
        spent_s = track.busy_at_level_s()
        lasts_s = _lasts_s(level, load.latency_s)
        if level >= most or spent_s is None or spent_s > _STUCK * lasts_s:
            return load.slot_s / track.mean_limit()
        rest_s, time_s, lasts_s = load.slot_s, 0.0, max(_LEFT * lasts_s, lasts_s - spent_s)
        while rest_s > level * lasts_s and level < most:
            rest_s -= level * lasts_s
            time_s += lasts_s
            level = min(2 * level, most)
            lasts_s = _lasts_s(level, load.latency_s)
        return time_s + rest_s / level


def _lasts_s(level: int, latency_s: float) -> float:
    """Return how long so many calls are in flight before they are doubled; see `engine.concurrency`."""
    return _SLACK * latency_s * (1 + max(_WINDOW, level) / level)


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
    latency = latency_of(load.latency_s, load.variance_s2)
    chain_s = load.latency_s * min(1.0, 2 * fresh / cells[last])
    if cells.get("classify", 0.0) > work.typed.sizes.articles:
        classified = [calls for (stage, _), calls in work.calls.items() if stage == "classify"]
        chain_s += sum(calls.latency_s for calls in classified) / max(1, sum(calls.replies for calls in classified))
    again = fresh * (max(_LEAST_AGAIN, replies / first - 1) if first > _AGAIN else _UNSEEN_AGAIN)
    twice_s = load.latency_s + latency.slowest_s(again) if again >= 1 / 2 else 0.0
    return chain_s + _LATE * max(latency.slowest_s(fresh), twice_s)


def terms_of(engine: Engine, routes: Mapping[Stage, str]) -> Terms:
    """Return the terms of a session whose calls `engine` makes."""
    specs = [engine.lane(name).spec for name in engine.statistics]
    return Terms(routes, {spec.name: spec.auto_maximum for spec in specs if spec.max_concurrency == "auto"})
