"""A request in the form in which it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

from ..types import Request, Structure, Usage, Worst
from .budget import Spending
from .models import Family
from .pricing import Price, ceiling
from .tokens import Makeup

_OVERHEAD_TOKENS = 1_024
"""What a chat template may add to the tokens of a body: roles and a preamble for tools have some hundreds at most."""


_ZERO = Decimal(0)


def _count(value: str | float | None) -> int:
    """Return the number that a server makes of a parameter: some also take 3.0 and "3"; 0 where it is none."""
    try:
        return ceil(float(value or 0))
    except (ValueError, OverflowError):
        return 0


@dataclass(slots=True)
class Call:
    """One request as bytes, with what it may come to; not frozen, which would take six times as long to make."""

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
    account_tier: str | None = "priority"
    """The tier that calls which leave it to the account may be served at: the dearest, until a reply has said."""
    served_as: str | None = None
    """As what it is paid for, whatever it asks for; see `Completion.tier`."""

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
        return self.served_as or ("decisions" if self.request.predicates else self.family.service_tier)

    def bound(self, price: Price | None) -> Spending:
        """Return what it can never come to more than, whatever the estimate says; 0 US dollars without a price.

        A token stands for one byte at least, so a prompt has no more tokens than its body has bytes; and no reply has
        more than the cap that is sent.
        """
        prompt_tokens, completion_tokens = len(self.body) + _OVERHEAD_TOKENS, self._most_completion_tokens()
        if price is None:
            return Spending(_ZERO, prompt_tokens + completion_tokens, 1)
        tier = self.account_tier if self.leaves_tier_to_account else self.tier
        usd = ceiling(prompt_tokens, completion_tokens, price, tier=tier)
        return Spending(usd, prompt_tokens + completion_tokens, 1)

    @property
    def leaves_tier_to_account(self) -> bool:
        """Whether the account's settings decide at which tier it is served."""
        return self.tier in {None, "auto"}

    def _most_completion_tokens(self) -> int:
        """Return what the user's own parameters make of the cap: they may raise it, and ask for several choices."""
        own = self.family.parameters
        if not own:
            return self.cap_tokens
        caps = (_count(own.get(name)) for name in ("max_completion_tokens", "max_tokens"))
        return max(self.cap_tokens, *caps) * max(_count(own.get("n")), 1)

    def worst(self, price: Price | None) -> Worst:
        """Return the same, with None in the place of US dollars without a price."""
        bound = self.bound(price)
        return Worst(bound.usd if price else None, bound.tokens)

    def spent(self, usage: Usage, cost_usd: Decimal | None, price: Price | None) -> Spending:
        """Return what it has come to: as billed, or what it may have come to where nothing is said of that."""
        if not any(usage):
            return self.bound(price)
        if cost_usd is None:
            cost_usd = _ZERO if price is None else self.bound(price).usd
        return Spending(cost_usd, usage.prompt_tokens + usage.completion_tokens, 1)

    def worst_usd(self, price: Price | None) -> Decimal:
        """Return what it will not cost more than in all likelihood, by the estimate and its margin; 0 without a price.

        What it cannot cost more than (`bound`) is several times as much.
        """
        if price is None:
            return _ZERO
        return ceiling(int(self.prompt_tokens * self.margin) + 1, self.cap_tokens, price, tier=self.tier)
