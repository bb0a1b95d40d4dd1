"""What tokens cost: exact decimals, one price per model, by the service tier that was really served."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache, partial
from importlib.metadata import version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ..types import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, TieredPrices

_TIERS = {
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast"},
    "batch": {"processing": "batch"},
}
"""Tiers of the price list, and how it is asked for them."""
_COLUMNS = ("prompt", "cached", "cache_write", "completion")
_NOT_BY_TOKEN = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")
"""What some models of the price list charge besides."""
_OWN_LIST = "qloragen's list"
_LISTED = "genai-prices"


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
    """Replies with more prompt tokens than this are billed by `long` altogether, which may have a limit of its own."""
    long: Price | None = None
    tiers: Mapping[str, Price] = field(default_factory=dict)
    """Prices of what is not paid for at the standard price: `flex`, `priority`, `fast` (service tiers, by their name in
    the reply), `batch` and `decisions`. A tier that is not here costs the standard price."""
    source: str = "your settings"
    """Who says so: `genai-prices 0.2.3`, `qloragen's list`, `your settings`."""
    as_of: date | None = None
    """When it was last checked, at the earliest; None where that is not known."""


def cost(usage: Usage, price: Price, *, tier: str | None = None) -> Decimal:
    """Return US dollars, exactly; `tier` is what is to be paid for, as in `Completion.tier`."""
    rate = price.tiers.get(tier or "", price)
    while rate.long is not None and rate.long_above_tokens is not None and usage.prompt_tokens > rate.long_above_tokens:
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
    """Return the most that a call of this size, or of a smaller one, can cost, however the cache serves it.

    `tier` is what is asked for. Where there is no room in a service tier, the standard one serves; batches and
    decisions are never served as anything else.
    """
    asked = price.tiers.get(tier or "", price)
    served = (asked,) if tier in _NEVER_SERVED_OTHERWISE else (asked, price)
    rates = [rate for one in served for rate in _rates_up_to(one, prompt_tokens)]
    return max(_most(prompt_tokens, completion_tokens, rate) for rate in rates).scaleb(-6)


_NEVER_SERVED_OTHERWISE = frozenset({"batch", "decisions"})


def _rates_up_to(price: Price, prompt_tokens: int) -> tuple[Price, ...]:
    cliff = price.long_above_tokens
    if price.long is None or cliff is None or prompt_tokens <= cliff:
        return (price,)
    return (price, *_rates_up_to(price.long, prompt_tokens))


def _most(prompt_tokens: int, completion_tokens: int, rate: Price) -> Decimal:
    prompt = max(one for one in (rate.prompt, rate.cached, rate.cache_write) if one is not None)
    return prompt_tokens * prompt + completion_tokens * rate.completion


def origin(price: Price | None) -> str:
    """Return where a price comes from, and of when it is, for people: `unknown` where there is none."""
    if price is None:
        return "unknown"
    found: dict[str, list[str]] = {}
    for tier, one in price.tiers.items():
        if _said(one) != _said(price):
            found.setdefault(_said(one), []).append(tier)
    return "; ".join([_said(price), *(f"{', '.join(tiers)}: {said}" for said, tiers in found.items())])


def _said(price: Price) -> str:
    return price.source if price.as_of is None else f"{price.source}, as of {price.as_of}"


@cache
def lookup(model: str, *, base_url: str | None = None) -> Price | None:
    """Return the dated list price of a model, or None when it is not known; remembered for the process.

    The provider is told by `base_url` where the price list knows it; else names are looked up among OpenAI's, which
    other servers only use for the same models; open weights have no price of OpenAI's. The first call imports the
    price list (a second, 100 MB).
    """
    name = model.removeprefix("openai/")
    if base_url is not None and (found := _all_tiers(name, partial(_at_url, name, base_url))) is not None:
        return found
    return None if name.startswith("gpt-oss") else _all_tiers(name, partial(_of_openai, name))


def _all_tiers(model: str, listed: Callable[[Mapping[str, str]], Price | None]) -> Price | None:
    standard = listed({})
    if standard is None:
        return None
    special = {tier: listed(context) for tier, context in _TIERS.items()}
    tiers = {tier: price for tier, price in special.items() if price is not None and price != standard}
    decisions = _decisions(model)
    if decisions is not None:
        tiers["decisions"] = decisions
    return replace(standard, tiers=tiers)


@cache
def _own_rows() -> tuple[tuple[re.Pattern[str], Price], ...]:
    rows = tomllib.loads(files(__package__).joinpath("prices.toml").read_text("utf-8"))["decisions"]
    return tuple((re.compile(row["match"]), _own_price(row)) for row in rows)


def _own_price(row: Mapping[str, Any]) -> Price:
    prompt, cached, written, completion = (Decimal(row[name]) for name in _COLUMNS)
    return Price(prompt, completion, cached, written, source=_OWN_LIST, as_of=row["as_of"])


def _decisions(model: str) -> Price | None:
    return next((price for pattern, price in _own_rows() if pattern.search(model.lower())), None)


@cache
def _listed_at() -> date | None:
    """Return the newest date from which on the price list knows a price by now: it was checked then or later.

    It carries no date of its own.
    """
    from genai_prices.data import providers  # noqa: PLC0415 - only those who ask for a listed price pay for the import

    today = datetime.now(UTC).date()
    constraints = [
        part.constraint
        for provider in providers
        for model in provider.models
        for part in (*(model.prices if isinstance(model.prices, list) else ()), *(model.price_variants or ()))
    ]
    starts = [constraint.start_date for constraint in constraints if hasattr(constraint, "start_date")]
    return max((start for start in starts if start <= today), default=None)


def _at_url(model: str, base_url: str, context: Mapping[str, str]) -> Price | None:
    import genai_prices  # noqa: PLC0415 - as above

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
    if any(getattr(listed, name, None) is not None for name in _NOT_BY_TOKEN):
        return None  # better unknown than too low
    columns = (listed.input_mtok, listed.output_mtok, listed.cache_read_mtok, listed.cache_write_mtok)
    return _with_cliff(columns)


def _with_cliff(columns: tuple[Decimal | TieredPrices | None, ...]) -> Price:
    starts = sorted({tier.start for column in columns for tier in getattr(column, "tiers", ())})
    floors = [0, *(start + 1 for start in starts)]
    price = _at(columns, floors.pop())
    while starts:
        price = replace(_at(columns, floors.pop()), long_above_tokens=starts.pop(), long=price)
    return price


def _at(columns: tuple[Decimal | TieredPrices | None, ...], tokens: int) -> Price:
    prompt, completion, cached, written = (_rate(column, tokens) for column in columns)
    assert prompt is not None
    assert completion is not None
    source = f"{_LISTED} {version(_LISTED)}"
    return Price(prompt, completion, cached, written, source=source, as_of=_listed_at())


def _rate(column: Decimal | TieredPrices | None, tokens: int) -> Decimal | None:
    if column is None or isinstance(column, Decimal):
        return column
    passed = [tier.price for tier in column.tiers if tokens > tier.start]
    return passed[-1] if passed else column.base
