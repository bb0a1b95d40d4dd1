"""How many calls try a service tier that is not always there."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.capacity import Capacity


def starved(seconds: float = 100.0) -> Capacity:
    """Return what is known after so many seconds in which every call was refused, one at a time."""
    capacity, now_s = Capacity(), 0.0
    while now_s < seconds:
        now_s += capacity.wait_s(now_s)
        capacity.sent(now_s)
        capacity.refused(now_s, now_s + 0.1)
        now_s += 0.1
    return capacity


def test_nobody_waits_while_nothing_is_refused():
    capacity = Capacity()

    for number in range(1_000):
        assert capacity.wait_s(number / 100) == 0
        capacity.sent(number / 100)


def test_without_credit_one_call_goes_every_half_second():
    capacity = Capacity()
    for _ in range(64):
        capacity.sent(0.0)
    for _ in range(64):
        capacity.refused(0.0, 0.0)

    assert capacity.wait_s(0.0) == 0.5
    assert capacity.wait_s(0.25) == pytest.approx(0.25, abs=0.01)
    assert capacity.wait_s(0.51) == 0


def test_the_longer_nobody_is_let_in_the_fewer_try_down_to_four_a_minute():
    capacity = starved(3_600)

    capacity.sent(3_600)
    capacity.refused(3_600, 3_600.1)

    assert capacity.wait_s(3_600.1) == pytest.approx(14.9)


def test_a_call_that_is_not_refused_in_time_has_been_let_in_and_lets_others_follow():
    capacity = starved()
    capacity.sent(200.0)
    assert capacity.wait_s(200.5) > 0

    assert capacity.wait_s(201.1) == 0
    assert capacity.starved_s(201.1) == 0


def test_when_there_is_room_again_the_calls_that_are_let_in_double():
    capacity, now_s, rounds = starved(), 200.0, []
    capacity.sent(now_s)

    for _ in range(6):
        now_s += 1.1
        passed = 0
        while capacity.wait_s(now_s) == 0 and passed < 1_000:
            capacity.sent(now_s)
            passed += 1
        rounds.append(passed)

    assert rounds[0] <= 3
    assert all(later >= 1.8 * earlier for earlier, later in pairwise(rounds))


def test_a_refusal_that_comes_late_takes_the_credit_back():
    capacity = starved()
    capacity.sent(200.0)
    assert capacity.wait_s(201.1) == 0

    capacity.refused(200.0, 201.2)
    capacity.sent(201.3)

    assert capacity.wait_s(201.3) == pytest.approx(0.5, abs=0.01)


def test_time_in_which_nothing_was_sent_is_no_want_of_room():
    capacity = starved(100)
    before_s = capacity.starved_s(100)

    capacity.resumed(1_000)

    assert capacity.starved_s(1_100) == pytest.approx(before_s)
    assert before_s > 90


def test_a_reply_says_at_once_that_there_is_room():
    capacity = starved()
    capacity.sent(200.0)

    capacity.answered(200.0)

    assert capacity.starved_s(200.0) == 0
    assert capacity.wait_s(200.0) == 0


@given(
    share=st.floats(0, 1),
    slots=st.integers(1, 60),
    refusal_s=st.floats(0.01, 2),
    latency_s=st.floats(0.01, 60),
    seed=st.integers(0, 99),
)
def test_refusals_stay_below_what_is_let_in_and_two_a_second(share, slots, refusal_s, latency_s, seed):
    random, capacity = Random(seed), Capacity()  # noqa: S311 - chance
    now_s, refused, served = 0.0, 0, 0
    under_way: list[tuple[float, float, bool]] = []

    while now_s < 200 and refused + served < 5_000:
        while len(under_way) < slots and capacity.wait_s(now_s) == 0:
            capacity.sent(now_s)
            is_refused = random.random() < share
            heappush(under_way, (now_s + (refusal_s if is_refused else latency_s), now_s, is_refused))
        pause_s = capacity.wait_s(now_s)
        next_s = under_way[0][0] if under_way else now_s + pause_s
        if len(under_way) < slots and pause_s > 0:
            next_s = min(next_s, now_s + pause_s)
        now_s = next_s
        while under_way and under_way[0][0] <= now_s:
            _ends_s, sent_at_s, is_refused = heappop(under_way)
            refused, served = refused + is_refused, served + (not is_refused)
            if is_refused:
                capacity.refused(sent_at_s, now_s)
            else:
                capacity.answered(sent_at_s)

    assert refused <= 64 + slots + served + len(under_way) + 2 * now_s + 1


def test_a_call_that_fails_in_another_way_says_nothing_of_room():
    capacity = Capacity()
    for now_s in (0.0, 1.0):
        capacity.sent(now_s)
    capacity.refused(0.0, 1.5)
    capacity.left(1.0)

    capacity.wait_s(100.0)

    assert capacity.starved_s(100.0) == 98.5
