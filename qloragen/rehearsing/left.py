"""What a run that has begun has still to do: articles, and money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..bounds import bounds_of
from ..engine.budget import NOTHING, Bounds, Spending
from ..pipeline.job import Job
from ..settings import Settings
from ..store.state import State
from ..types import Article


def is_finished(state: State, job: Job, article: Article) -> bool:
    """Tell whether nothing is left to ask about an article."""
    key = job.classification(article).key
    numbers = state.types_of(key)
    if numbers is None:
        return state.settled(key)
    return all(state.settled(job.generation(article, kind).key) for kind in job.applicable(numbers, article))


def with_what_is_left(settings: Settings, spent: Mapping[str, Spending]) -> Settings:
    """Return the settings with what is left of each limit, where earlier sessions have `spent` so much, by model."""
    whole = NOTHING
    for spending in spent.values():
        whole = whole.plus(spending)
    of_run, own = bounds_of(settings)
    models = {
        name: settings.own(name).model_copy(update=_left(bounds, spent.get(name, NOTHING)))
        for name, bounds in own.items()
    }
    return settings.model_copy(update={**_left(of_run, whole), "models": models})


def _left(bounds: Bounds, spent: Spending) -> dict[str, object]:
    usd, tokens, calls = bounds.max_cost_usd, bounds.max_tokens, bounds.max_calls
    return {
        "max_cost_usd": None if usd is None else max(usd - spent.usd, Decimal(0)),
        "max_tokens": None if tokens is None else max(tokens - spent.tokens, 0),
        "max_calls": None if calls is None else max(calls - spent.calls, 0),
    }
