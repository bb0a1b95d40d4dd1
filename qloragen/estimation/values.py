"""What the work comes to in one mode, as values."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..types import Stage
from .pace import Pace


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum that is not known for certain."""

    low: Decimal
    likely: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Count:
    """A number of things that is not known for certain."""

    low: int
    likely: int
    high: int


@dataclass(frozen=True, slots=True)
class Item:
    """The calls of one model for one stage at one price: what is likely."""

    model: str
    stage: Stage
    tier: str | None
    """What is paid for: `batch`, `flex`, `decisions`...; None: the standard price."""
    calls: int
    prompt_tokens: int
    cached_tokens: int
    """Prompt tokens read from the provider's cache."""
    cache_write_tokens: int
    completion_tokens: int
    cost_usd: Decimal | None
    """None: the price is not known."""


@dataclass(frozen=True, slots=True)
class ModeEstimate:
    """What the work comes to in one mode."""

    name: str
    """What is different from what is set, as it is set on the command line."""
    items: tuple[Item, ...]
    cost_usd: Amount | None
    """None: a price is not known."""
    usd_per_1000_records: Amount | None
    """Cost of 1,000 accepted records; None: a price is not known, or no record is to be made."""
    calls: Count
    records: Count
    """Records that are accepted."""
    finished: int
    """Articles for which nothing is left to ask."""
    to_classify: int
    pace: Pace

    @property
    def cached_share(self) -> float:
        """Prompt tokens read from the cache, of all."""
        prompt = sum(item.prompt_tokens for item in self.items)
        return sum(item.cached_tokens for item in self.items) / prompt if prompt else 0.0
