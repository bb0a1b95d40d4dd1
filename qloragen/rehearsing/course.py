"""The course of a run as rows of blocks: how much of its limits each model used, and when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import ceil

from ..engine.statistics import ModelStatistics
from ..words import duration
from .observed import Moment, Observed

_COLUMNS, _INDENT, _MINUTE_S = 60, 2, 60
_LEVELS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*#%"
PLAIN = str.maketrans(_LEVELS, _PLAIN)
"""For terminals that have no block characters."""
_SELDOM = 1 / 16
"""Share of a limit below which nothing would be seen of its use."""


def over_time(observed: Observed) -> str:
    """Return how much of its limits each model used in the course of the run, as rows of blocks."""
    spans = max((len(moments) for moments in observed.moments.values()), default=0)
    if spans < 2:
        return ""
    called = {model: moments for model, moments in observed.moments.items() if mean_in_flight(moments)}
    if not called:  # batches are not calls in flight
        return ""
    lines = [line for model, moments in called.items() for line in _course(model, moments, observed)]
    columns = min(spans, _COLUMNS)
    each = f"each column is {duration(observed.makespan_s / columns)}; a full block is all of the limit"
    return "\n".join([f"over time ({each})", *lines])


def mean_in_flight(moments: Sequence[Moment]) -> float:
    """Return the mean of calls without a reply."""
    whole_s = sum(moment.duration_s for moment in moments)
    return sum(moment.in_flight * moment.duration_s for moment in moments) / whole_s if whole_s else 0.0


def _course(model: str, moments: Sequence[Moment], observed: Observed) -> Iterator[str]:
    seen = observed.models[model]
    columns = _columns(moments)
    yield f"{model}"
    for name, limit, most, values in (
        ("RPM", seen.rpm, _most_a_minute(moments, _sent), [_sent(one) / one.duration_s * 60 for one in columns]),
        ("TPM", seen.tpm, _most_a_minute(moments, _tokens), [_tokens(one) / one.duration_s * 60 for one in columns]),
        ("in flight", _most_in_flight(seen, columns), _most_of(columns), [one.in_flight for one in columns]),
    ):
        if limit:
            seldom = max(values) / limit < _SELDOM
            blocks = "" if seldom else "".join(_block(value / limit) for value in values)
            yield f"{_INDENT * ' '}{name:<9} {blocks:<{_COLUMNS}}  at most {_number(most)} of {limit:,}"


def _sent(moment: Moment) -> int:
    return moment.sent


def _tokens(moment: Moment) -> int:
    return moment.limit_tokens


def _most_of(columns: Sequence[Moment]) -> float:
    return max(moment.in_flight for moment in columns)


def _most_a_minute(moments: Sequence[Moment], count: Callable[[Moment], int]) -> float:
    """Return the most that came in a minute, or in the whole of a run that is shorter; limits are by the minute."""
    most, end, found, length_s = 0.0, 0, 0, 0.0
    for start, first in enumerate(moments):
        while end < len(moments) and length_s < _MINUTE_S:
            found += count(moments[end])
            length_s += moments[end].duration_s
            end += 1
        if length_s >= _MINUTE_S or not start:
            most = max(most, _MINUTE_S * found / max(length_s, _MINUTE_S))
        found -= count(first)
        length_s -= first.duration_s
    return most


def _most_in_flight(seen: ModelStatistics, columns: Sequence[Moment]) -> int:
    return max(seen.max_in_flight, ceil(_most_of(columns)))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _block(share: float) -> str:
    """Return a block as high as a share of 1; what is more than nothing is seen."""
    if share <= 0:
        return _LEVELS[0]
    return _LEVELS[min(max(round(share * (len(_LEVELS) - 1)), 1), len(_LEVELS) - 1)]


def _columns(moments: Sequence[Moment]) -> list[Moment]:
    """Return as many spans as fit beside one another: of those given, several become one, or parts of two."""
    count = min(len(moments), _COLUMNS)
    ends = [len(moments) * at / count for at in range(count + 1)]
    return [_between(moments, *edges) for edges in pairwise(ends)]


def _between(moments: Sequence[Moment], first: float, last: float) -> Moment:
    """Return what lies between two places among spans, which may be within one."""
    parts = [
        (moments[at], min(last, at + 1) - max(first, at)) for at in range(int(first), min(ceil(last), len(moments)))
    ]
    whole_s = sum(moment.duration_s * part for moment, part in parts)
    return Moment(
        parts[0][0].start_s,
        whole_s,
        round(sum(moment.sent * part for moment, part in parts)),
        round(sum(moment.limit_tokens * part for moment, part in parts)),
        sum(moment.in_flight * moment.duration_s * part for moment, part in parts) / whole_s,
    )
