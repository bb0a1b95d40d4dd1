"""A request in the form in which it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..types import Request, Structure
from .models import Family
from .pricing import Price, ceiling
from .tokens import Makeup


@dataclass(frozen=True, slots=True)
class Call:
    """One request as bytes, with what it may come to."""

    request: Request
    body: bytes
    makeup: Makeup
    family: Family
    structure: Structure | None
    prompt_tokens: int
    """Estimated."""
    margin: float
    """Factor by which the estimate may be wrong, upwards."""
    cap_tokens: int
    """Most completion tokens, reasoning included, that this call can be billed for."""

    @property
    def tokens(self) -> int:
        """What the rate limiter is charged before the reply is there."""
        return self.prompt_tokens + self.cap_tokens

    @property
    def about(self) -> str | None:
        """Names the text that tells how many tokens the prompt has."""
        return self.request.about or self.request.cache_key

    @property
    def tier(self) -> str | None:
        """As what it asks to be served and paid for; see `Completion.tier`."""
        return "decisions" if self.request.predicates else self.family.service_tier

    def worst_usd(self, price: Price | None) -> Decimal:
        """Return the most that it can cost; 0 without a price."""
        if price is None:
            return Decimal(0)
        return ceiling(int(self.prompt_tokens * self.margin) + 1, self.cap_tokens, price, tier=self.family.service_tier)
