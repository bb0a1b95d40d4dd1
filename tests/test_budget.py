"""Limits of money, tokens and calls, without an engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.budget import NOTHING, Bounds, Budget, Spending
from qloragen.engine.call import Call
from qloragen.engine.models import family
from qloragen.engine.pricing import Price
from qloragen.engine.tokens import makeup
from qloragen.errors import BudgetReached
from qloragen.types import Request

DOLLAR = Spending(Decimal(1), 100, 1)


class Asker:
    """Asks for one call after the other, in order, as an admission does, and gives up only what cannot be had."""

    def __init__(self, budget: Budget, model: str, worst: list[Spending], *, later: bool = False) -> None:
        self.model = model
        self.later = later
        """It does not ask when it is told to look, but after that."""
        self.told = False
        self.waiting = deque(worst)
        self.open: list[Spending] = []
        self.refused: list[tuple[Spending, bool, Spending, Spending]] = []
        """What could not be had, whether calls to the model were open then, what was reserved, and what was spent."""
        self._budget = budget

    def look(self) -> None:
        if self.later:
            self.told = True
        else:
            self.ask()

    def ask(self) -> None:
        self.told = False
        while self.waiting:
            try:
                if not self._budget.reserve(self.model, self.waiting[0], self.look):
                    return
            except BudgetReached:
                budget = self._budget
                self.refused.append((self.waiting.popleft(), bool(self.open), budget.reserved, budget.spent))
                budget.leave(self.look)
            else:
                self.open.append(self.waiting.popleft())

    def settle(self, index: int, spent: Spending) -> None:
        self._budget.settle(self.model, self.open.pop(index), spent)


def asker(budget: Budget, *worst: Spending, model: str = "m") -> Asker:
    one = Asker(budget, model, list(worst))
    one.look()
    return one


def test_what_is_not_bounded_is_only_counted():
    budget = Budget(spent={"gone": DOLLAR})

    one = asker(budget, *[DOLLAR] * 1_000)
    one.settle(0, Spending(Decimal("0.5"), 50, 1))

    assert not budget.binds("m")
    assert not one.waiting
    assert budget.spent == Spending(Decimal("1.5"), 150, 2)


@pytest.mark.parametrize("bounds", [Bounds(max_cost_usd=Decimal(3)), Bounds(max_tokens=300), Bounds(max_calls=3)])
def test_each_bound_lets_in_as_much_as_fits_and_keeps_the_rest_waiting(bounds):
    one = asker(Budget(bounds), *[DOLLAR] * 5)

    assert (len(one.open), len(one.waiting), one.refused) == (3, 2, [])


def test_who_waits_goes_on_when_a_call_has_come_to_less_than_its_worst():
    one = asker(Budget(Bounds(max_cost_usd=Decimal(3))), *[DOLLAR] * 5)

    one.settle(0, Spending(Decimal("0.1"), 10, 1))
    assert len(one.open) == 2
    one.settle(0, NOTHING)

    assert (len(one.open), len(one.waiting)) == (2, 1)


def test_all_bounds_are_taken_from_in_one_step_or_none():
    budget = Budget(Bounds(Decimal(10), 1_000, 10), own={"m": Bounds(max_calls=2)})

    one = asker(budget, *[DOLLAR] * 3)

    assert budget.reserved == Spending(Decimal(2), 200, 2)
    assert len(one.waiting) == 1


def test_a_model_at_its_own_bound_keeps_no_other_from_the_rest():
    budget = Budget(Bounds(max_calls=5), own={"m": Bounds(max_calls=1)})

    one, other = asker(budget, *[DOLLAR] * 2), asker(budget, *[DOLLAR] * 4, model="other")

    assert (len(one.waiting), len(other.waiting)) == (1, 0)


def test_who_asked_first_is_not_overtaken_by_smaller_calls():
    budget = Budget(Bounds(max_cost_usd=Decimal(10)))
    large = Spending(Decimal(6), 1, 1)
    first = asker(budget, *[Spending(Decimal(4), 1, 1)] * 2, model="first")

    big, small = asker(budget, large, model="big"), asker(budget, DOLLAR, model="small")
    assert (len(big.open), len(small.open)) == (0, 0)
    first.settle(0, DOLLAR)
    first.settle(0, DOLLAR)

    assert (len(big.open), len(small.open)) == (1, 1)


def test_what_can_never_fit_any_more_lets_smaller_calls_use_up_the_rest():
    budget = Budget(Bounds(max_cost_usd=Decimal(10)))
    large = Spending(Decimal(6), 1, 1)
    first = asker(budget, DOLLAR, model="first")
    budget.book("first", Spending(Decimal(5), 1, 1))

    big, small = asker(budget, large, model="big"), asker(budget, *[DOLLAR] * 4, model="small")
    first.settle(0, DOLLAR)

    assert (len(big.waiting), len(small.open), big.refused) == (1, 4, [])
    for _ in range(4):
        small.settle(0, DOLLAR)
    assert [worst for worst, *_ in big.refused] == [large]


def test_what_does_not_fit_is_refused_only_when_nobody_else_who_waits_fits():
    budget = Budget(Bounds(max_cost_usd=Decimal(10)))
    first = asker(budget, Spending(Decimal(9), 1, 1), model="first")
    big, small = asker(budget, Spending(Decimal(8), 1, 1), model="big"), asker(budget, DOLLAR, DOLLAR, model="small")
    assert (len(big.waiting), len(small.waiting)) == (1, 2)

    first.settle(0, Spending(Decimal(5), 1, 1))

    assert (len(big.waiting), len(small.open)) == (1, 2)


def test_no_limit_is_reached_while_somebody_who_has_to_wait_for_something_else_may_still_go():
    budget = Budget(Bounds(max_cost_usd=Decimal(5)))
    first = asker(budget, DOLLAR, model="first")
    budget.postpone("paused", print)
    big = asker(budget, Spending(Decimal(6), 1, 1), model="big")

    first.settle(0, DOLLAR)
    assert not big.refused
    assert budget.reserve("paused", DOLLAR, print)
    budget.settle("paused", DOLLAR, DOLLAR)

    assert len(big.refused) == 1


def test_who_asks_only_later_and_then_steps_aside_lets_those_behind_go():
    budget = Budget(Bounds(max_cost_usd=Decimal(10)))
    first = asker(budget, Spending(Decimal(9), 1, 1), model="first")
    large, told = Spending(Decimal(8), 1, 1), list[int]()

    def note() -> None:
        told.append(1)

    assert not budget.reserve("later", large, note)
    small = asker(budget, DOLLAR, DOLLAR, model="small")

    first.settle(0, Spending(Decimal(5), 1, 1))
    assert (told, len(small.open)) == ([1], 0)
    assert not budget.reserve("later", large, note)
    assert len(small.open) == 2
    small.settle(0, DOLLAR)
    small.settle(0, DOLLAR)

    assert told == [1, 1]
    with pytest.raises(BudgetReached, match=r"\$3 is left, and the next call to later could cost \$8"):
        budget.reserve("later", large, note)


@pytest.mark.parametrize(
    ("bounds", "own", "sentence"),
    [
        (
            Bounds(max_cost_usd=Decimal("0.50")),
            Bounds(),
            "Of max_cost_usd = $0.5, $0.5 is left, and the next call to m could cost $1",
        ),
        (
            Bounds(max_tokens=12_345),
            Bounds(max_tokens=99),
            "Of max_tokens = 99 for m, 99 are left, and the next call to m could take 100 tokens",
        ),
        (
            Bounds(),
            Bounds(max_calls=0),
            "Of max_calls = 0 for m, 0 are left, and the next call to m is one more",
        ),
    ],
)
def test_the_limit_that_is_reached_is_named_with_what_is_left_of_it_and_what_to_do(bounds, own, sentence):
    with pytest.raises(BudgetReached) as reached:
        Budget(bounds, own={"m": own}).reserve("m", DOLLAR, lambda: None)

    assert str(reached.value) == f"{sentence}: raise the limit to go on."


def test_many_calls_can_be_reserved_together():
    budget = Budget(Bounds(max_calls=60))
    worst = Spending(Decimal(5), 500, 50)

    assert budget.reserve("m", worst, print)
    assert not budget.reserve("m", worst, print)
    budget.leave(print)
    budget.settle("m", worst, Spending(Decimal(1), 100, 20))

    assert budget.spent.calls == 20
    with pytest.raises(BudgetReached, match="40 are left, and the next 50 calls to m are 50 more"):
        budget.reserve("m", worst, print)


def test_what_is_under_way_already_is_set_aside_although_it_does_not_fit():
    budget = Budget(Bounds(max_calls=1))
    budget.hold("m", Spending(calls=3))

    assert not budget.reserve("m", DOLLAR, print)
    assert budget.reserved.calls == 3


def test_what_was_paid_elsewhere_counts():
    budget = Budget(Bounds(max_calls=2), own={"m": Bounds(max_calls=1)})
    budget.book("m", DOLLAR)

    with pytest.raises(BudgetReached, match="Of max_calls = 1 for m, 0 are left"):
        budget.reserve("m", DOLLAR, print)
    assert budget.reserve("other", DOLLAR, print)


def test_only_a_bound_in_dollars_needs_a_price():
    budget = Budget(Bounds(max_tokens=1), own={"a": Bounds(max_cost_usd=Decimal(1))})

    assert (budget.needs_price("a"), budget.needs_price("b")) == (True, False)


# ------------------------------------------------------------------------------------------ what a call can come to


def a_call(body: bytes, *, cap: int = 100, **parameters: str | float) -> Call:
    kind = replace(family("gpt-6-luna"), parameters=parameters)
    return Call(Request("m", (), cap), body, makeup(body), kind, None, 1, 1.0, cap)


@given(st.text(), st.integers(1, 10_000))
def test_a_prompt_has_no_more_tokens_than_bytes_and_a_reply_no_more_than_its_cap(text, cap):
    body = text.encode("utf-8", "replace")

    bound = a_call(body, cap=cap).bound(None)

    assert bound.tokens >= len(body) + cap
    assert (bound.usd, bound.calls) == (Decimal(0), 1)


@pytest.mark.parametrize(
    ("parameters", "tokens"),
    [
        ({}, 100),
        ({"n": 3}, 300),
        ({"max_tokens": 500}, 500),
        ({"max_completion_tokens": 500, "n": 2}, 1_000),
        ({"max_tokens": 500.0, "n": "2"}, 1_000),
        ({"max_tokens": "as many as you like", "n": True}, 100),
    ],
)
def test_what_the_users_own_parameters_make_of_the_cap_is_set_aside(parameters, tokens):
    price = Price(Decimal(0), Decimal(1_000_000))

    assert a_call(b"{}", **parameters).bound(price).usd == tokens


def test_a_call_that_leaves_its_tier_to_the_account_may_be_served_at_the_dearest():
    price = Price(Decimal(0), Decimal(1_000_000), tiers={"priority": Price(Decimal(0), Decimal(2_000_000))})
    call = a_call(b"{}")

    assert call.bound(price).usd == 200
    assert replace(call, account_tier="default").bound(price).usd == 100
    assert replace(call, served_as="batch").bound(price).usd == 100


# ----------------------------------------------------------------------------------------- whatever happens when


MODELS = ("a", "b", "c")
spendings = st.builds(Spending, st.decimals(0, 5, places=2), st.integers(0, 500), st.integers(1, 3))
some_bounds = st.builds(
    Bounds,
    st.none() | st.decimals(0, 20, places=2),
    st.none() | st.integers(0, 2_000),
    st.none() | st.integers(0, 12),
)
shares = st.floats(0, 1)


def _part(worst: Spending, share: float) -> Spending:
    return Spending(
        (worst.usd * Decimal(share)).quantize(Decimal("0.01")).min(worst.usd),
        int(worst.tokens * share),
        int(worst.calls * share),
    )


def _within(bounds: Bounds, spending: Spending) -> bool:
    return bounds.passed_by(spending) is None


@given(
    bounds=some_bounds,
    own=st.dictionaries(st.sampled_from(MODELS), some_bounds),
    calls=st.lists(st.tuples(st.sampled_from(MODELS), spendings), max_size=40),
    later=st.sets(st.sampled_from(MODELS)),
    order=st.randoms(use_true_random=False),
    share=shares,
)
def test_no_bound_is_ever_passed_and_nobody_waits_for_ever(bounds, own, calls, later, order, share):
    budget = Budget(bounds, own=own)
    queues = {model: [worst for name, worst in calls if name == model] for model in MODELS}
    askers = {model: Asker(budget, model, queue, later=model in later) for model, queue in queues.items()}
    spent = dict.fromkeys(MODELS, NOTHING)

    def check(_asker: Callable[[], None] | None = None) -> None:
        open_ = {model: _sum(one.open) for model, one in askers.items()}
        assert _within(bounds, _sum(open_.values()).plus(_sum(spent.values())))
        assert all(_within(own[model], open_[model].plus(spent[model])) for model in own)
        assert budget.reserved == _sum(open_.values())
        assert budget.spent == _sum(spent.values())

    for one in askers.values():
        one.look()
        check()
    while busy := [one for one in askers.values() if one.open or one.told]:
        one = order.choice(busy)
        if one.told and (not one.open or order.random() < 0.5):
            one.ask()
            check()
            continue
        index = order.randrange(len(one.open))
        cost = _part(one.open[index], share * order.random())
        spent[one.model] = spent[one.model].plus(cost)
        one.settle(index, cost)
        check()

    assert all(not one.waiting for one in askers.values())
    for model, one in askers.items():
        for worst, open_, reserved, before in one.refused:
            too_much = not _within(bounds, before.plus(worst))
            assert (too_much and not reserved.calls) or (bool(own.get(model)) and not open_)


def _sum(parts) -> Spending:
    whole = NOTHING
    for part in parts:
        whole = whole.plus(part)
    return whole
