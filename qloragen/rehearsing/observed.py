"""What was seen of a rehearsed run, whichever way it was played."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ..engine.statistics import ModelStatistics
from ..simulator import Statistics
from ..types import Usage


@dataclass(frozen=True, slots=True)
class Moment:
    """One span of a rehearsed run, of one model."""

    start_s: float
    """Virtual seconds since the first article was taken."""
    duration_s: float
    sent: int
    """HTTP calls sent within it."""
    limit_tokens: int
    """Tokens that its answered calls were billed for, prompt and completion: what a TPM counts."""
    in_flight: float
    """Calls without a reply, the mean over the span."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A rehearsed run that has ended."""

    articles: int
    """Articles that were finished."""
    records: int
    rejections: int
    failures: int
    makespan_s: float
    """Virtual seconds from the first article to the last result."""
    stopped: str | None
    """Why the run ended early, as the run would say it; None when all was done."""
    models: Mapping[str, ModelStatistics]
    """What the engine has counted, by model."""
    moments: Mapping[str, tuple[Moment, ...]]
    """Model to its spans, in order and without gaps; at most some hundred."""
    usage: Mapping[str, Usage]
    """What was billed, by model."""
    cost_usd: Decimal | None
    """None when the price of a model is unknown."""
    provider: Statistics
    """What the provider has seen: outcomes by name, rejected calls among them."""
    cpu_s: float
    """CPU seconds that qloragen's own work took in this process, without the provider's part."""
    peak_bytes: int
    """The most memory that this process has held until then (resident)."""
    costs_usd: Mapping[str, Decimal | None] = field(default_factory=dict)
    """Model to its part of `cost_usd`; None where its price is unknown."""
