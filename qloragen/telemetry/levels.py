"""What there is to see of a session at one moment, as names and values: rates, limits, budgets, pauses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.metrics import Meter

from ..view import Allowance, ModelView, View
from .names import MODEL, Attributes, Value

_GAUGES = {
    "article.expected": ("{article}", "Articles that the source holds."),
    "call.in_flight": ("{call}", "Calls without a reply."),
    "call.most_in_flight": ("{call}", "Calls that may be in flight."),
    "call.waiting": ("{call}", "Requests that wait for admission."),
    "request.rate": ("{call}/min", "Calls sent within the last minute."),
    "request.rate_limit": ("{call}/min", "Calls that may be sent in a minute."),
    "token.rate": ("{token}/min", "Tokens billed within the last minute."),
    "token.rate_limit": ("{token}/min", "Tokens that may be used in a minute."),
    "pause": ("1", "1 while a model is not called, with the cause; else 0."),
    "cost.spent": ("{USD}", "What the run has cost, earlier sessions and the worst of lost bills included."),
    "cost.reserved": ("{USD}", "The most that calls in flight can cost."),
    "cost.budget": ("{USD}", "What the run may cost."),
    "token.spent": ("{token}", "Tokens billed to the run, counted like its cost."),
    "token.budget": ("{token}", "Tokens that may be billed to the run."),
    "call.spent": ("{call}", "Calls billed to the run, counted like its cost."),
    "call.budget": ("{call}", "Calls that may be billed to the run."),
    "cached_share": ("1", "Part of the run's prompt tokens that was read from the prompt cache."),
    "eta": ("s", "Time until all is done."),
    "sink.missing": ("{record}", "Records that a sink does not have yet."),
    "batch.requests": ("{request}", "Requests in batches that are not collected."),
    "batch.done": ("{request}", "Those of them that have been executed."),
}
"""Names without `qloragen.`, with units and descriptions."""
_PASSING = frozenset({"pause", "sink.missing", "batch.requests", "batch.done"})
"""Those of what may be over: then they are 0, which has to be said."""


class Level(NamedTuple):
    """One value at one moment."""

    name: str
    value: float
    about: Attributes


_Series = tuple[str, frozenset[tuple[str, Value]]]
"""A name, and what it is about."""


class Levels:
    """Gauges, which hold what was last seen until they are told otherwise, also of a session that has ended."""

    def __init__(self, meter: Meter) -> None:
        self._gauges = {
            name: meter.create_gauge(f"qloragen.{name}", unit, told) for name, (unit, told) in _GAUGES.items()
        }
        self._passing: dict[str, set[_Series]] = {}
        """By run: what was there at the last look and may be over at the next."""

    def show(self, view: View) -> None:
        """Put in what there is to see, and 0 for what was there and is over."""
        there: set[_Series] = set()
        for name, value, about in levels(view):
            self._gauges[name].set(value, {"qloragen.run": view.run, **about})
            if name in _PASSING:
                there.add((name, frozenset(about.items())))
        for name, items in self._passing.pop(view.run, set()) - there:
            self._gauges[name].set(0, {"qloragen.run": view.run, **dict(items)})
        if not view.ended:
            self._passing[view.run] = there


def levels(view: View) -> Iterator[Level]:
    """Yield all values of a moment; what is not known, or not bounded, is left out."""
    yield from _known("article.expected", view.expected_articles, {})
    yield from _known("cached_share", view.cached_share, {})
    yield from _known("eta", view.eta_s, {})
    yield from _budget(view.allowance, {})
    for name, model in view.models.items():
        yield from _model(model, {MODEL: name})
    for name, missing in view.sinks.items():
        yield Level("sink.missing", missing, {"qloragen.sink": name})
    yield from _batches(view)


def _known(name: str, value: float | None, about: Attributes) -> Iterator[Level]:
    if value is not None:
        yield Level(name, value, about)


def _model(model: ModelView, about: Attributes) -> Iterator[Level]:
    yield Level("call.in_flight", model.in_flight, about)
    yield Level("call.most_in_flight", model.max_in_flight, about)
    yield Level("call.waiting", model.waiting, about)
    yield Level("request.rate", model.requests_per_minute, about)
    yield from _known("request.rate_limit", model.rpm, about)
    yield Level("token.rate", model.tokens_per_minute, about)
    yield from _known("token.rate_limit", model.tpm, about)
    paused = model.pause
    yield Level("pause", 0, about) if paused is None else Level("pause", 1, {**about, "qloragen.cause": paused.cause})
    if model.allowance is not None:
        yield from _budget(model.allowance, about)


def _budget(allowance: Allowance, about: Attributes) -> Iterator[Level]:
    spent = allowance.spent
    yield Level("cost.spent", float(spent.cost_usd), about)
    yield Level("cost.reserved", float(allowance.reserved.cost_usd), about)
    yield Level("token.spent", spent.tokens, about)
    yield Level("call.spent", spent.calls, about)
    yield from _known("cost.budget", None if allowance.max_cost_usd is None else float(allowance.max_cost_usd), about)
    yield from _known("token.budget", allowance.max_tokens, about)
    yield from _known("call.budget", allowance.max_calls, about)


def _batches(view: View) -> Iterator[Level]:
    """Yield sums: batches are many, and each of them is seen for a day only."""
    total: Counter[tuple[str, str]] = Counter()
    done: Counter[tuple[str, str]] = Counter()
    for batch in view.batches:
        total[batch.model, batch.status] += batch.total
        done[batch.model, batch.status] += batch.done
    for (model, status), requests in total.items():
        about: Attributes = {MODEL: model, "qloragen.status": status}
        yield Level("batch.requests", requests, about)
        yield Level("batch.done", done[model, status], about)
