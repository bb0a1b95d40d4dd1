"""How many calls and tokens the articles of a run need: sums of expectations, so no whole numbers."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from math import ceil, floor
from typing import NamedTuple

from ..engine.models import Family
from ..engine.pricing import Price, cost
from ..engine.sharing import pays, shared_usage
from ..types import Stage, Usage


class Kind(NamedTuple):
    """What calls have in common that cost the same for the same tokens."""

    model: str
    stage: Stage
    tier: str | None
    """What is paid for, as in `Completion.tier`; None: the standard price."""
    long: bool = False
    """The prompts are so long that the model's price is another."""


@dataclass(slots=True)
class Load:
    """Calls of one kind, and what they are billed for."""

    calls: float = 0.0
    prompt_tokens: float = 0.0
    """All of them, those in `cached_tokens` and `cache_write_tokens` included."""
    cached_tokens: float = 0.0
    cache_write_tokens: float = 0.0
    completion_tokens: float = 0.0
    limit_tokens: float = 0.0
    """What the calls take from the tokens per minute: the prompts, and the room that they ask for in replies."""

    def add(self, other: Load) -> None:
        """Take `other` in."""
        for field in _FIELDS:
            setattr(self, field, getattr(self, field) + getattr(other, field))

    @property
    def usage(self) -> Usage:
        """The tokens, rounded."""
        tokens = (self.prompt_tokens, self.cached_tokens, self.cache_write_tokens, self.completion_tokens)
        return Usage(*map(round, tokens))

    def usd(self, kind: Kind, price: Price | None) -> Decimal | None:
        """Return what calls of this kind cost; None where the price is not known."""
        if price is None:
            return None
        rate = rate_of(price, kind.tier)
        flat = rate.long if kind.long and rate.long is not None else rate
        return cost(self.usage, replace(flat, long=None, tiers={}))


_FIELDS = tuple(field.name for field in fields(Load))


def rate_of(price: Price, tier: str | None) -> Price:
    """Return the price at a tier; where it is not known, the standard one counts."""
    return price.tiers.get(tier or "", price)


def is_long(prompt_tokens: float, price: Price | None, tier: str | None) -> bool:
    """Tell whether a call of this size is billed at the model's other price."""
    above = rate_of(price, tier).long_above_tokens if price else None
    return above is not None and prompt_tokens > above


class Cached(NamedTuple):
    """What the prompt cache does for the calls of one article, in tokens."""

    read: float
    written: float


def cached(
    prefix_tokens: int, records: float, asks: float, family: Family, price: Price | None, *, warm: bool = False
) -> Cached:
    """Return what is read and written when `records` records are made of one article, with `asks` calls for each.

    Whether sharing pays is decided as the run decides it, by the number of records; between two whole numbers lies what
    lies between them here. In a `warm` cache the beginning is already.
    """
    part = records - floor(records)
    below = _cached(prefix_tokens, floor(records), asks, family, price, warm=warm)
    if not part:
        return below
    above = _cached(prefix_tokens, ceil(records), asks, family, price, warm=warm)
    return Cached(*(low + part * (high - low) for low, high in zip(below, above, strict=True)))


def _cached(
    prefix_tokens: int, records: int, asks: float, family: Family, price: Price | None, *, warm: bool
) -> Cached:
    if not pays(prefix_tokens, records, family, price):
        return Cached(0.0, 0.0)
    first, following = shared_usage(prefix_tokens, family)
    if warm:
        return Cached(records * asks * following.cached_tokens, 0.0)
    followers = records * asks - 1
    return Cached(
        first.cached_tokens + followers * following.cached_tokens,
        first.cache_write_tokens + followers * following.cache_write_tokens,
    )
