"""Whether it pays that calls which begin alike share their beginning in the provider's prompt cache.

What a call has written to the cache is read only by calls that start after it was answered. So one goes ahead and the
others follow; calls that race one another all pay for the whole, and write it each for itself.

Explicit caches (gpt-5.6 and newer) charge for writing, 1.25 times the price of the prompt, and a tenth or less of it
for reading: two calls already gain. Automatic ones charge nothing for writing, so that whatever they take off for
reading is a gain. Without a price they are taken to be like all that are known, which gain from two calls on.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from ..types import Message, Request, Structure, Usage
from .body import BREAKPOINT, encode
from .models import Family
from .pricing import Price, cost

if TYPE_CHECKING:
    from collections.abc import Iterable

LEAST_PREFIX_TOKENS = 1_024
"""Shorter beginnings are in no cache (OpenAI's guide on prompt caching, November 2026)."""
_STEP_TOKENS = 128
"""Automatic caches read in steps of so many tokens."""


def shared_usage(prefix_tokens: int, family: Family) -> tuple[Usage, Usage]:
    """Return what is billed for a shared beginning: to the call that goes ahead, and to each that follows it."""
    alone = Usage(prefix_tokens)
    if not caches(family) or prefix_tokens < LEAST_PREFIX_TOKENS:
        return alone, alone
    if family.cache == "explicit":
        return alone._replace(cache_write_tokens=prefix_tokens), alone._replace(cached_tokens=prefix_tokens)
    return alone, alone._replace(cached_tokens=prefix_tokens // _STEP_TOKENS * _STEP_TOKENS)


def saved_usd(prefix_tokens: int, calls: int, family: Family, price: Price) -> Decimal:
    """Return what `calls` calls cost less for sharing their beginning, at the service tier they ask for; it may be
    negative."""
    tier = family.service_tier
    first, following = (cost(usage, price, tier=tier) for usage in shared_usage(prefix_tokens, family))
    return calls * cost(Usage(prefix_tokens), price, tier=tier) - first - (calls - 1) * following


def pays(prefix_tokens: int, calls: int, family: Family, price: Price | None) -> bool:
    """Tell whether sharing makes `calls` calls cheaper; `price` None is one that is not known."""
    if calls < 2 or prefix_tokens < LEAST_PREFIX_TOKENS or not caches(family):
        return False
    return price is None or saved_usd(prefix_tokens, calls, family, price) > 0


def caches(family: Family) -> bool:
    """Tell whether a beginning can be shared with such a model at all, after what it has turned out to refuse."""
    return family.cache == "automatic" or (family.cache == "explicit" and BREAKPOINT not in family.refused)


def prefix_bytes(request: Request, family: Family, structure: Structure | None) -> bytes:
    """Return the body that a request would have if it ended where its last `Message.shared` does; empty without one.

    Raises:
        TypeError: a text is not valid Unicode (a lone surrogate).
    """
    messages = _up_to_shared(request.messages)
    if not messages:
        return b""
    # As a JSON object is asked for in words, at the end of the prompt, the schema is no part of its beginning.
    function = None if structure == "json_object" else request.function
    return encode(replace(request, messages=messages, function=function), family, structure)


def _up_to_shared(messages: Iterable[Message]) -> tuple[Message, ...]:
    kept = list(messages)
    while kept and not kept[-1].shared:
        kept.pop()
    if kept:
        last = kept[-1]
        kept[-1] = replace(last, text=last.whole[: last.shared], head="")
    return tuple(kept)
