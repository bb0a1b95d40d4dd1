"""What tokens cost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.pricing import Price, ceiling, cost, lookup
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


@settings(deadline=None)
@given(counts, counts, counts, counts, st.sampled_from([None, "flex", "priority", "default"]))
def test_no_bill_of_a_size_exceeds_its_ceiling(prompt, cached, written, completion, tier):
    price = lookup("gpt-6-luna")
    assert price is not None

    bill = cost(Usage(prompt, cached, written, completion), price, tier=tier)

    assert bill <= ceiling(prompt, completion, price, tier=tier)


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
