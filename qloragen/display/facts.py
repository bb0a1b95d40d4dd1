"""What a panel says of a run, fact by fact, before anything is laid out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from ..costs import money
from ..view import Allowance, ModelView, View
from .figures import listed, number, percent, short

_NARROW_LABELS = {"requests/min": "RPM", "tokens/min": "TPM"}
_NEARLY = 0.9
"""So much of a budget is a reason to look."""


class Weight(IntEnum):
    """What is left out first where there is no room: the greatest."""

    PROGRESS = 0
    STATE = 1
    MONEY = 2
    MADE = 3
    TITLE = 4
    """With the ETA."""
    GAUGES = 5
    LOSSES = 6
    CACHE = 7
    BOUNDS = 8
    ASIDE = 9


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of a panel: a label, figures, and how much of the whole that is or a remark."""

    weight: Weight
    label: str
    figures: str = ""
    brief: str = ""
    """The figures where there is little room."""
    share: float | None = None
    """Of what may be or is expected, for a bar; above 1 where it is passed."""
    note: str = ""
    tone: str = "green"
    """Colour of the bar, or else of the remark."""
    model: bool = False
    """Whether it is about the model whose name stands above."""

    @property
    def short_label(self) -> str:
        """The label where there is little room."""
        return _NARROW_LABELS.get(self.label, self.label)


@dataclass(frozen=True, slots=True)
class Gauges:
    """All of one model in one row."""

    model: str
    calls: str
    """How many are in flight."""
    facts: tuple[Fact, ...]
    """Those that have bars of their own where there is room."""


def run_facts(view: View) -> Iterator[Fact]:
    """Yield what is to be said of the run as a whole, in the order of a panel."""
    yield _articles(view)
    rate = f"{view.made_per_minute:,.1f}/min" if view.made else ""
    adopted = f"{number(view.adopted)} replies adopted" if view.adopted else ""
    made = number(view.made)
    yield Fact(Weight.MADE, view.makes, made, made, note=_joined(rate, adopted), tone="")
    yield from _losses(view)
    yield _spent(view)
    yield from _bounds(view.allowance, model=False)
    cached = view.cached_share
    if cached is not None:
        tokens = f"{short(view.cached_tokens)} of {short(view.prompt_tokens)}"
        yield Fact(Weight.CACHE, "cached", tokens, percent(cached), cached, "of the prompt tokens", "cyan")
    if view.batches:
        yield _batches(view)
    for sink, count in view.sinks.items():
        yield Fact(Weight.ASIDE, "sink", note=f"{sink} lacks {number(count)}", tone="yellow")


def calls_fact(view: View) -> Fact:
    """Return how many calls of all models are in flight, where their models' rows have no room to say so."""
    waiting = sum(model.waiting for model in view.models.values())
    note = f"{number(waiting)} wait" if waiting else ""
    return Fact(Weight.CACHE, "in flight", number(view.in_flight), short(view.in_flight), note=note, tone="")


def model_line(name: str, model: ModelView) -> str:
    """Return a sentence about the calls to a model."""
    waiting = f"{number(model.waiting)} wait" if model.waiting else ""
    refused = f"{number(model.rate_limited)} refused (429)" if model.rate_limited else ""
    full = f"{number(model.no_capacity)} without room at the flex tier" if model.no_capacity else ""
    retried = f"{number(model.retried)} sent again" if model.retried else ""
    calls = f"{name}: {_in_flight(model)} calls in flight"
    return _joined(calls, waiting, refused, full, retried)


def model_facts(model: ModelView) -> Iterator[Fact]:
    """Yield how fast calls to a model go, against its limits, and what it may spend."""
    yield _rate("requests/min", model.requests_per_minute, model.rpm, binds=model.bound == "RPM")
    yield _rate("tokens/min", model.tokens_per_minute, model.tpm, binds=model.bound == "TPM")
    if model.allowance:
        yield from _money_bound(model.allowance, model=True)
        yield from _bounds(model.allowance, model=True)


def gauges(name: str, model: ModelView) -> Gauges:
    """Return the same in one row."""
    return Gauges(name, _in_flight(model), tuple(model_facts(model))[:2])


def _articles(view: View) -> Fact:
    done, expected = view.finished_articles, view.expected_articles
    if expected is None:
        return Fact(Weight.PROGRESS, "articles", number(done), number(done))
    share = done / expected if expected else 1.0
    figures = f"{number(done)} of {number(expected)}"
    return Fact(Weight.PROGRESS, "articles", figures, f"{short(done)}/{short(expected)}", share)


def _losses(view: View) -> Iterator[Fact]:
    before = f"{number(view.rejected_before)} by earlier sessions" if view.rejected_before else ""
    rejected = (view.rejected + view.rejected_before, _joined(listed(view.rejections), before))
    failed = (view.failed, listed(view.failures))
    skipped = (sum(view.skips.values()), listed(view.skips))
    for label, (count, note) in {"rejected": rejected, "failed": failed, "skipped": skipped}.items():
        if count:
            yield Fact(Weight.LOSSES, label, number(count), short(count), note=note, tone="yellow")


def _spent(view: View) -> Fact:
    bounded = [*_money_bound(view.allowance, model=False)]
    if bounded:
        return bounded[0]
    cost = money(view.cost_usd, view.unpriced_calls)
    return Fact(Weight.MONEY, "spent", cost, cost)


def _money_bound(allowance: Allowance, *, model: bool) -> Iterator[Fact]:
    most_usd, spent_usd, reserved_usd = allowance.max_cost_usd, allowance.spent.cost_usd, allowance.reserved.cost_usd
    if most_usd is None:
        return
    share = float(spent_usd / most_usd) if most_usd else 1.0
    reserved = f"{money(reserved_usd)} reserved" if reserved_usd else ""
    figures, brief = f"{money(spent_usd)} of {money(most_usd)}", f"{money(spent_usd)}/{money(most_usd)}"
    yield Fact(Weight.MONEY, "spent", figures, brief, share, reserved, _alarm(share), model)


def _bounds(allowance: Allowance, *, model: bool) -> Iterator[Fact]:
    spent, reserved = allowance.spent, allowance.reserved
    bounds = {
        "tokens": (allowance.max_tokens, spent.tokens, reserved.tokens),
        "calls": (allowance.max_calls, spent.calls, reserved.calls),
    }
    for label, (most, gone, kept) in bounds.items():
        if most is not None:
            share = gone / most if most else 1.0
            note = f"{short(kept)} reserved" if kept else ""
            brief = f"{short(gone)}/{short(most)}"
            yield Fact(
                Weight.BOUNDS, label, f"{short(gone)} of {short(most)}", brief, share, note, _alarm(share), model
            )


def _rate(label: str, rate: float, limit: int | None, *, binds: bool) -> Fact:
    if limit is None:
        return Fact(Weight.GAUGES, label, short(rate), short(rate), note="no limit known", tone="", model=True)
    note, tone = ("binds", "yellow") if binds else ("", "green")
    figures, brief = f"{short(rate)} of {short(limit)}", f"{short(rate)}/{short(limit)}"
    return Fact(Weight.GAUGES, label, figures, brief, rate / limit if limit else 1.0, note, tone, model=True)


def _batches(view: View) -> Fact:
    stations = listed(Counter(batch.status.replace("_", " ") for batch in view.batches))
    done, total = sum(batch.done for batch in view.batches), sum(batch.total for batch in view.batches)
    figures = f"{number(done)} of {number(total)}"
    return Fact(
        Weight.MONEY, "batches", figures, f"{short(done)}/{short(total)}", done / total if total else 0.0, stations
    )


def _in_flight(model: ModelView) -> str:
    return f"{number(model.in_flight)} of {number(model.max_in_flight)}"


def _alarm(share: float) -> str:
    return "red" if share >= _NEARLY else "green"


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
