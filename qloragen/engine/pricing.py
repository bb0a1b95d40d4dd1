"""What tokens cost: exact decimals, one price per model, by the service tier that was really served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache, partial
from typing import TYPE_CHECKING

from ..types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

_TIERS = ("flex", "priority")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens."""

    prompt: Decimal
    """Input tokens that the prompt cache does not serve."""
    completion: Decimal
    """Output tokens, reasoning included."""
    cached: Decimal | None = None
    """Input tokens read from the prompt cache; None: as `prompt`."""
    cache_write: Decimal | None = None
    """Input tokens written to the prompt cache; None: as `prompt`."""
    long_above_tokens: int | None = None
    """Replies with more prompt tokens than this are billed by `long` altogether."""
    long: Price | None = None
    tiers: Mapping[str, Price] = field(default_factory=dict)
    """Prices of other service tiers, by the name in the reply; a tier that is not here costs the standard price."""


def cost(usage: Usage, price: Price, *, tier: str | None = None) -> Decimal:
    """Return US dollars, exactly; `tier` is the service tier that the reply names."""
    rate = price.tiers.get(tier or "", price)
    if rate.long is not None and rate.long_above_tokens is not None and usage.prompt_tokens > rate.long_above_tokens:
        rate = rate.long
    cached = min(usage.cached_tokens, usage.prompt_tokens)
    written = min(usage.cache_write_tokens, usage.prompt_tokens - cached)
    micro_usd = (usage.prompt_tokens - cached - written) * rate.prompt + usage.completion_tokens * rate.completion
    if cached:
        micro_usd += cached * (rate.prompt if rate.cached is None else rate.cached)
    if written:
        micro_usd += written * (rate.prompt if rate.cache_write is None else rate.cache_write)
    return micro_usd.scaleb(-6)


def ceiling(prompt_tokens: int, completion_tokens: int, price: Price, *, tier: str | None = None) -> Decimal:
    """Return the most that a call of this size can cost: nothing read from the cache, and perhaps all written to it.

    `tier` is the service tier asked for; where there is no room in it, the standard one serves.
    """
    bills = (Usage(prompt_tokens, 0, written, completion_tokens) for written in (0, prompt_tokens))
    return max(cost(bill, price, tier=served) for bill in bills for served in (tier, None))


@cache
def lookup(model: str, *, base_url: str | None = None) -> Price | None:
    """Return the dated list price of a model, or None when it is not known; remembered for the process.

    The provider is told by `base_url` where the price list knows it; else names are looked up among OpenAI's, which
    other servers only use for the same models; open weights have no price of OpenAI's. The first call imports the
    price list (a second, 100 MB).
    """
    name = model.removeprefix("openai/")
    if base_url is not None and (found := _all_tiers(partial(_at_url, name, base_url))) is not None:
        return found
    return None if name.startswith("gpt-oss") else _all_tiers(partial(_of_openai, name))


def _all_tiers(listed: Callable[[Mapping[str, str]], Price | None]) -> Price | None:
    standard = listed({})
    if standard is None:
        return None
    special = {tier: listed({"service_tier": tier}) for tier in _TIERS}
    return replace(standard, tiers={tier: price for tier, price in special.items() if price not in (None, standard)})


def _at_url(model: str, base_url: str, context: Mapping[str, str]) -> Price | None:
    import genai_prices  # noqa: PLC0415 - only those who ask for a listed price pay for the import

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1), model, provider_api_url=base_url, price_context=context
        )
    except LookupError:
        return None
    return _price(found.model_price)


def _of_openai(model: str, context: Mapping[str, str]) -> Price | None:
    import genai_prices  # noqa: PLC0415 - as above

    try:
        found = genai_prices.calc_price(
            genai_prices.Usage(input_tokens=1), model, provider_id="openai", price_context=context
        )
    except LookupError:
        return None
    return _price(found.model_price)


def _price(listed: ModelPrice) -> Price | None:
    if listed.input_mtok is None or listed.output_mtok is None:
        return None
    columns = (listed.input_mtok, listed.output_mtok, listed.cache_read_mtok, listed.cache_write_mtok)
    return _with_cliff(columns)


def _with_cliff(columns: tuple[Decimal | TieredPrices | None, ...]) -> Price:
    starts = [tier.start for column in columns for tier in getattr(column, "tiers", ())]
    base = _at(columns, 0)
    if not starts:
        return base
    return replace(base, long_above_tokens=min(starts), long=_at(columns, min(starts) + 1))


def _at(columns: tuple[Decimal | TieredPrices | None, ...], tokens: int) -> Price:
    prompt, completion, cached, written = (_rate(column, tokens) for column in columns)
    assert prompt is not None
    assert completion is not None
    return Price(prompt, completion, cached, written)


def _rate(column: Decimal | TieredPrices | None, tokens: int) -> Decimal | None:
    if column is None or isinstance(column, Decimal):
        return column
    passed = [tier.price for tier in column.tiers if tokens > tier.start]
    return passed[-1] if passed else column.base
