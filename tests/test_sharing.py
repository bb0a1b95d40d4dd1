"""Whether it pays that calls share their beginning in the prompt cache: computed from prices, sizes and families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.engine import Engine
from qloragen.engine.models import Family, family
from qloragen.engine.pricing import Price, cost, lookup
from qloragen.engine.sharing import pays, prefix_bytes, saved_usd, shared_usage
from qloragen.testing import Answer, Body, ScriptedClient, reply
from qloragen.types import Message, Request, Usage

from .engines import FUNCTION, engine_for, spec

EXPLICIT, AUTOMATIC, NONE = Family("e", cache="explicit"), Family("a", cache="automatic"), Family("n", cache="none")
LUNA = Price(Decimal("0.1"), Decimal("0.5"), cached=Decimal("0.01"), cache_write=Decimal("0.125"))


def test_two_calls_pay_already_where_a_tenth_is_charged_for_reading_and_a_quarter_more_for_writing():
    assert not pays(4_600, 1, EXPLICIT, LUNA)
    assert pays(4_600, 2, EXPLICIT, LUNA)
    assert saved_usd(4_600, 4, EXPLICIT, LUNA) == Decimal(4_600) / 1_000_000 * (4 - Decimal("1.55")) * LUNA.prompt


def test_the_more_the_writing_costs_the_more_calls_it_takes():
    dear = replace(LUNA, cache_write=Decimal("0.35"))  # 0.25 more than the prompt, won back at 0.09 a call

    assert [calls for calls in range(1, 6) if pays(2_000, calls, EXPLICIT, dear)] == [4, 5]


def test_a_cache_that_charges_nothing_for_writing_pays_from_two_calls_on():
    price = Price(Decimal(1), Decimal(2), cached=Decimal("0.9"))

    assert [calls for calls in range(4) if pays(2_000, calls, AUTOMATIC, price)] == [2, 3]


@pytest.mark.parametrize("price", [Price(Decimal(1), Decimal(2)), Price(Decimal(1), Decimal(2), cached=Decimal(1))])
@pytest.mark.parametrize("kind", [EXPLICIT, AUTOMATIC])
def test_what_is_not_cheaper_to_read_is_not_shared(kind, price):
    assert not pays(10_000, 14, kind, price)


def test_a_beginning_too_short_for_the_cache_is_not_shared():
    assert not pays(1_023, 14, EXPLICIT, LUNA)
    assert pays(1_024, 14, EXPLICIT, LUNA)


def test_a_model_without_a_cache_shares_nothing_and_one_without_a_price_is_like_the_others():
    assert not pays(10_000, 14, NONE, LUNA)
    assert not pays(10_000, 14, NONE, None)
    assert pays(10_000, 2, EXPLICIT, None)
    assert pays(10_000, 2, AUTOMATIC, None)


def test_a_model_that_refuses_breakpoints_shares_nothing():
    assert not pays(10_000, 14, replace(EXPLICIT, refused=frozenset({"prompt_cache_breakpoint"})), LUNA)


def test_the_tier_asked_for_has_prices_of_its_own():
    flex = Price(Decimal("0.05"), Decimal("0.25"), cached=Decimal("0.05"))
    price = replace(LUNA, tiers={"flex": flex})

    assert pays(2_000, 4, replace(EXPLICIT, service_tier=None), price)
    assert not pays(2_000, 4, replace(EXPLICIT, service_tier="flex"), price)


@pytest.mark.parametrize("model", ["gpt-6-sol", "gpt-6-luna", "gpt-6.1-sol", "gpt-5.4-mini", "gpt-4o-mini"])
def test_it_pays_from_two_calls_on_at_the_listed_prices(model):
    price = lookup(model)

    assert price is not None
    assert not pays(4_000, 1, family(model), price)
    assert pays(4_000, 2, family(model), price)


dollars = st.decimals(0, 100, places=3)


@given(st.integers(0, 300_000), st.integers(1, 20), dollars, dollars, dollars, st.sampled_from([EXPLICIT, AUTOMATIC]))
def test_it_pays_exactly_when_the_bills_of_the_calls_add_up_to_less(tokens, calls, prompt, cached, written, kind):
    price = Price(prompt, Decimal(1), cached=cached, cache_write=written)
    first, following = shared_usage(tokens, kind)

    shared = cost(first, price) + (calls - 1) * cost(following, price)
    assert pays(tokens, calls, kind, price) == (calls > 1 and shared < calls * cost(Usage(tokens), price))


@pytest.mark.parametrize("structure", ["tools", "json_schema", "json_object"])
def test_the_beginning_holds_all_that_siblings_repeat_and_nothing_else(structure):
    shared, own = "what all have. " * 10, "its own"
    request = Request("m", (Message("system", "rules"), Message("user", shared + own, len(shared))), 50, FUNCTION)

    prefix = prefix_bytes(request, EXPLICIT, structure).decode()
    assert "rules" in prefix
    assert shared in prefix
    assert own not in prefix
    assert ("additionalProperties" in prefix) == (structure != "json_object")


def test_a_request_that_says_nothing_is_shared_has_no_beginning():
    assert prefix_bytes(Request("m", (Message("user", "text"),), 50), EXPLICIT, None) == b""


def _sharing(words: int, model: str = "gpt-6-luna", about: str = "an article") -> Request:
    text = f"{about} " + "word " * words
    return Request(model, (Message("user", text + "task", len(text)),), 50, about=about)


def _engine(answer: Callable[[Body], Answer] = lambda _: reply()) -> Engine:
    return engine_for(ScriptedClient(answer, latency_s=0), spec("gpt-6-luna", price=LUNA), spec("other", price=LUNA))


async def test_the_engine_tells_by_what_it_knows_of_the_model_and_of_the_text():
    engine = _engine()

    assert engine.worth_sharing(_sharing(2_000), 2)
    assert not engine.worth_sharing(_sharing(2_000), 1)
    assert not engine.worth_sharing(_sharing(500), 2)
    assert not engine.worth_sharing(_sharing(2_000, "other"), 2)


async def test_what_one_model_was_billed_for_a_text_tells_whether_it_is_long_enough_for_another():
    engine = _engine(lambda body: reply(usage=(2_000 if "usual" in str(body) else 500, 10)))
    for number in range(20):
        await engine.complete(_sharing(2_000, "other", f"usual {number}"))
    before = engine.worth_sharing(_sharing(2_000), 2)

    await engine.complete(_sharing(2_000, "other"))

    assert before
    assert not engine.worth_sharing(_sharing(2_000), 2)
    assert engine.worth_sharing(_sharing(2_000, about="something else"), 2)


async def test_a_text_that_cannot_be_sent_is_not_worth_sharing():
    text = "\ud800" * 5_000

    assert not _engine().worth_sharing(Request("gpt-6-luna", (Message("user", text, len(text)),), 50), 2)
