"""What tokens cost."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.pricing import Price, ceiling, cost, lookup, origin
from qloragen.types import Usage

LUNA = Price(Decimal("0.1"), Decimal("0.5"), Decimal("0.01"), Decimal("0.125"))


def test_each_kind_of_token_has_its_own_price():
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=200_000, cache_write_tokens=100_000, completion_tokens=500_000)

    assert cost(usage, LUNA) == Decimal("0.07") + Decimal("0.002") + Decimal("0.0125") + Decimal("0.25")


def test_a_single_token_is_priced_exactly():
    assert cost(Usage(prompt_tokens=1), LUNA) == Decimal("0.0000001")


def test_without_a_cache_price_cached_and_written_tokens_cost_what_others_do():
    price = Price(Decimal(1), Decimal(2))

    assert cost(Usage(1_000_000, 400_000, 100_000), price) == 1


def test_a_long_prompt_is_billed_by_the_long_price_altogether():
    price = Price(Decimal(1), Decimal(2), long_above_tokens=272_000, long=Price(Decimal(2), Decimal(3)))

    assert cost(Usage(272_000, completion_tokens=1_000_000), price) == Decimal("2.272")
    assert cost(Usage(272_001, completion_tokens=1_000_000), price) == Decimal("3.544002")


def test_the_tier_that_served_the_reply_sets_the_price():
    price = Price(Decimal(1), Decimal(2), tiers={"flex": Price(Decimal("0.5"), Decimal(1))})

    assert cost(Usage(1_000_000), price, tier="flex") == Decimal("0.5")
    assert cost(Usage(1_000_000), price, tier="default") == 1


def test_reported_counts_that_contradict_each_other_never_make_a_negative_cost():
    assert cost(Usage(prompt_tokens=10, cached_tokens=50, cache_write_tokens=50), LUNA) >= 0


counts = st.integers(0, 2_000_000)
tiers = st.sampled_from([None, "flex", "priority", "fast", "batch", "decisions", "default"])
amounts = st.decimals(0, 100, places=3)
plain_prices = st.builds(Price, amounts, amounts, st.none() | amounts, st.none() | amounts)
prices = st.builds(
    Price,
    amounts,
    amounts,
    st.none() | amounts,
    st.none() | amounts,
    st.none() | counts,
    st.none() | plain_prices,
    st.dictionaries(st.sampled_from(["flex", "priority", "batch", "decisions"]), plain_prices),
)


@settings(deadline=None)
@given(st.builds(Usage, counts, counts, counts, counts), counts, counts, tiers, st.just(lookup("gpt-6-luna")) | prices)
def test_no_bill_of_a_size_or_a_smaller_one_exceeds_its_ceiling(usage, more, longer, tier, price):
    most = ceiling(usage.prompt_tokens + more, usage.completion_tokens + longer, price, tier=tier)

    assert cost(usage, price, tier=tier) <= most


@given(counts, counts, st.sampled_from(["flex", "priority"]), prices)
def test_what_a_tier_has_no_room_for_is_served_at_the_standard_price_within_the_ceiling(
    prompt, completion, tier, price
):
    assert cost(Usage(prompt, completion_tokens=completion), price) <= ceiling(prompt, completion, price, tier=tier)


def test_batches_and_decisions_are_served_as_nothing_else_so_half_the_price_is_all_that_is_reserved():
    price = Price(Decimal(2), Decimal(4), tiers={"batch": Price(Decimal(1), Decimal(2))})

    assert ceiling(1_000_000, 0, price, tier="batch") == 1
    assert ceiling(1_000_000, 0, price, tier="flex") == 2


@settings(deadline=None)
@given(st.lists(st.tuples(counts, counts), max_size=50))
def test_the_sum_of_costs_is_the_cost_of_the_sum(pairs):
    usages = [Usage(prompt, completion_tokens=completion) for prompt, completion in pairs]
    total = Usage(sum(u.prompt_tokens for u in usages), completion_tokens=sum(u.completion_tokens for u in usages))

    assert sum((cost(usage, LUNA) for usage in usages), Decimal(0)) == cost(total, LUNA)


def test_the_price_list_knows_the_default_models_with_cliff_and_tiers():
    price = lookup("gpt-6-luna")

    assert price is not None
    assert (price.prompt, price.cached, price.cache_write, price.completion) == (
        Decimal("0.1"),
        Decimal("0.01"),
        Decimal("0.125"),
        Decimal("0.5"),
    )
    assert price.long_above_tokens == 272_000
    assert price.long is not None
    assert price.long.prompt == Decimal("0.2")
    assert price.tiers["flex"].prompt == price.prompt / 2
    assert price.tiers["priority"].prompt == price.prompt * 2
    assert price.tiers["batch"].completion == price.completion / 2
    for tier in ("flex", "priority", "batch"):
        long = price.tiers[tier].long
        assert price.tiers[tier].long_above_tokens == 272_000
        assert long is not None
        assert long.prompt == 2 * price.tiers[tier].prompt


def test_a_long_prompt_costs_what_long_ones_cost_at_its_own_tier():
    price = lookup("gpt-6-luna")
    assert price is not None

    assert cost(Usage(1_000_000), price, tier="batch") == Decimal("0.1")
    assert cost(Usage(272_000), price, tier="flex") == Decimal("0.0136")


def test_decisions_bill_fresh_input_alone():
    price = lookup("gpt-6-luna")
    assert price is not None

    usage = Usage(prompt_tokens=1_000_000, cached_tokens=250_000, cache_write_tokens=250_000)

    assert cost(usage, price, tier="decisions") == Decimal("0.05")
    assert "decisions" not in _tiers_of("gpt-6-sol")
    assert "decisions" in _tiers_of("openai/gpt-6-luna-2026-09-01")


def test_a_model_without_a_flex_tier_has_no_price_for_it():
    assert set(_tiers_of("gpt-4o")) == {"priority", "fast", "batch"}


def _tiers_of(model: str) -> list[str]:
    price = lookup(model)
    assert price is not None
    return [*price.tiers]


def test_a_price_says_where_it_comes_from_and_of_when_it_is():
    listed = lookup("gpt-6-luna")
    assert listed is not None
    assert listed.as_of is not None

    assert date(2026, 11, 1) <= listed.as_of <= date.today()  # noqa: DTZ011 - any day will do
    assert origin(listed) == (
        f"{listed.source}, as of {listed.as_of}; decisions: qloragen's list, as of {listed.tiers['decisions'].as_of}"
    )
    assert listed.source.startswith("genai-prices 0.")
    assert origin(LUNA) == "your settings"
    assert origin(None) == "unknown"


@pytest.mark.parametrize("tier", ["scale", "ultrafast", "", None])
def test_a_tier_that_is_not_known_costs_the_standard_price(tier):
    price = lookup("gpt-6-luna")
    assert price is not None

    assert cost(Usage(1_000), price, tier=tier) == cost(Usage(1_000), price)


def test_dated_and_prefixed_names_have_the_price_of_their_model():
    assert lookup("gpt-6-sol-2026-09-01") == lookup("gpt-6-sol") == lookup("openai/gpt-6-sol")


def test_an_unknown_model_has_no_price_and_neither_have_open_weights():
    assert lookup("my-own-model") is None
    assert lookup("gpt-oss-20b") is None
    assert lookup("my-own-model", base_url="http://127.0.0.1:8000/v1") is None


def test_a_known_provider_is_priced_by_its_url_and_other_servers_by_openai_names():
    deepseek = lookup("deepseek-chat", base_url="https://api.deepseek.com/v1")

    assert deepseek is not None
    assert lookup("deepseek-chat") is None
    assert lookup("gpt-6-luna", base_url="http://127.0.0.1:8000/v1") == lookup("gpt-6-luna")


def test_a_price_may_rise_more_than_once_with_the_length_of_the_prompt():
    price = lookup("qwen/qwen3-coder-flash", base_url="https://openrouter.ai/api/v1")
    assert price is not None
    assert price.long is not None
    assert price.long.long is not None

    lengths = (32_000, 32_001, 128_001)
    assert [cost(Usage(tokens), price) for tokens in lengths] == [
        tokens * rate / 1_000_000
        for tokens, rate in zip(lengths, (price.prompt, Decimal("0.325"), Decimal("0.52")), strict=True)
    ]
    assert ceiling(200_000, 1, price) >= cost(Usage(200_000, cache_write_tokens=200_000, completion_tokens=1), price)


def test_a_model_that_charges_for_more_than_tokens_has_no_known_price():
    assert lookup("sonar", base_url="https://api.perplexity.ai") is None
