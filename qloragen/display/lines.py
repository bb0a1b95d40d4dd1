"""A run in one line, where there is no terminal to draw on; and when such a line is due."""

from __future__ import annotations

from collections.abc import Iterator

from ..costs import money
from ..logs import escape
from ..view import ModelView, View
from ..watching.words import state
from ..words import duration
from .figures import eta_s, listed, number, percent, short

EVERY_S = 30.0
"""Between two lines while nothing changes."""
FIRST_S = 3.0
"""When the first one is due: soon, but not before there is anything to be seen."""
_SETTLED_S = 5.0
"""What a run waits for is told at once, but not more often than this: limits come and go."""


def line(view: View) -> str:
    """Return what there is to see as one line for people."""
    left_s = eta_s(view)
    left = [] if left_s is None else [f"ETA {duration(round(left_s))}"]
    return " | ".join([*_sums(view), *left, state(view)])


def last_line(view: View) -> str:
    """Return what a run has come to as one line, when nothing is waited for any more."""
    return " | ".join(_sums(view))


class Due:
    """Tells when a line is due, by what was told before."""

    def __init__(self) -> None:
        self._told_s: float | None = None
        """When, in seconds of the session's clock."""
        self._told: object = None
        """Of which kind of state."""

    def now(self, view: View) -> bool:
        """Say whether to tell `view`; if so, it counts as told."""
        kind, at_s = _kind(view), view.elapsed_s
        if self._told_s is None:
            due = at_s >= FIRST_S or kind != _QUIET
        else:
            passed_s = at_s - self._told_s
            due = passed_s >= EVERY_S or (kind != self._told and passed_s >= _SETTLED_S)
        if due:
            self._told_s, self._told = at_s, kind
        return due


_QUIET: object = (frozenset(), False, 0)


def _kind(view: View) -> object:
    """Return what of a state is news when it changes: not the seconds that are left, and no short wait for a limit."""
    pauses = frozenset(
        (name, model.pause.cause)
        for name, model in view.models.items()
        if model.pause and model.pause.cause != "rate_limited"
    )
    return pauses, view.stopping is not None, len(view.batches)


def _sums(view: View) -> Iterator[str]:
    of = "" if view.expected_articles is None else f" of {number(view.expected_articles)}"
    yield f"articles {number(view.finished_articles)}{of}"
    yield f"{view.makes} {number(view.made)}" + (f" ({view.made_per_minute:,.1f}/min)" if view.made else "")
    if view.rejected:
        yield f"rejected {number(view.rejected)} ({escape(listed(view.rejections))})"
    if view.failed:
        yield f"failed {number(view.failed)} ({escape(listed(view.failures))})"
    for name, model in view.models.items():
        if model.sent:
            yield _model(name, model)
    most = view.allowance.max_cost_usd
    yield f"{money(view.cost_usd, view.unpriced_calls)}" + ("" if most is None else f" of {money(most)}")
    if view.cached_share is not None:
        yield f"cached {percent(view.cached_share)}"


def _model(name: str, model: ModelView) -> str:
    requests = f"{short(model.requests_per_minute)}{_limit(model.rpm)} requests/min"
    tokens = f"{short(model.tokens_per_minute)}{_limit(model.tpm)} tokens/min"
    return f"{escape(name)}: {number(model.in_flight)} in flight, {requests}, {tokens}"


def _limit(limit: int | None) -> str:
    return "" if limit is None else f" of {short(limit)}"
