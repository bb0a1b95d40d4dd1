"""Completion caps that adapt to what a group of requests needs."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from math import exp
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.caps import Caps

ASKED = 1_500


def lognormal(count: int, seed: int, *, median: float = 90, sigma: float = 0.5) -> list[int]:
    random = Random(seed)  # noqa: S311 - a fixed seed
    return [max(1, round(median * exp(sigma * random.gauss(0, 1)))) for _ in range(count)]


def taught(lengths: Iterable[int]) -> Caps:
    """Return caps that have seen replies of these lengths, one after the other."""
    caps = Caps()
    for tokens in lengths:
        cap = caps.cap("generate", ASKED)
        caps.learn("generate", cap, min(tokens, cap), cut_off=tokens > cap)
    return caps


def run(lengths: Iterable[int], in_flight: int, asked: int = ASKED) -> tuple[float, float]:
    """Return the share of the cap saved, and the share of replies cut off by a lowered one; short ones are faster."""
    caps, waiting, calls = Caps(), iter(lengths), list[tuple[float, int, int]]()
    saved = cut = done = 0

    def send(now: float) -> None:
        nonlocal saved
        for tokens in waiting:
            cap = caps.cap("generate", asked)
            saved += asked - cap
            heapq.heappush(calls, (now + min(tokens, cap), cap, tokens))
            return

    for _ in range(in_flight):
        send(0)
    while calls:
        now, cap, tokens = heapq.heappop(calls)
        done += 1
        cut += cap < min(tokens, asked)
        caps.learn("generate", cap, min(tokens, cap), cut_off=tokens > cap)
        send(now)
    return saved / done / asked, cut / done


def test_the_first_replies_leave_the_cap_whole():
    assert taught(lognormal(19, 1)).cap("generate", ASKED) == ASKED
    assert taught(lognormal(20, 1)).cap("generate", ASKED) < ASKED


def test_the_short_replies_that_come_back_first_do_not_speak_for_all():
    caps = Caps()
    for _ in range(500):
        assert caps.cap("generate", ASKED) == ASKED

    for _ in range(100):
        caps.learn("generate", ASKED, 10, cut_off=False)

    assert caps.cap("generate", ASKED) == ASKED


@pytest.mark.parametrize("in_flight", [1, 16, 256])
def test_most_of_a_generous_cap_is_saved_and_hardly_a_reply_is_cut_off(in_flight):
    runs = [run(lognormal(10_000, seed), in_flight) for seed in range(4)]

    assert all(saved > 0.55 for saved, _ in runs)
    assert sum(cut for _, cut in runs) / len(runs) < 0.001


def test_replies_that_grow_longer_are_hardly_cut_off():
    random = Random(3)  # noqa: S311 - a fixed seed
    lengths = [round(60 * 4 ** (n / 20_000) * exp(0.5 * random.gauss(0, 1))) for n in range(20_000)]

    saved, cut = run(lengths, 64)

    assert saved > 0.4
    assert cut < 0.001


def test_a_sudden_change_costs_a_few_replies_and_no_more():
    _, cut = run(lognormal(5_000, 1) + lognormal(5_000, 2, median=300), 64)

    assert cut < 0.005


def test_a_reply_that_a_lowered_cap_cut_off_gives_back_the_whole_cap_and_raises_the_level():
    caps = taught(lognormal(500, 1))
    cap = caps.cap("generate", ASKED)

    caps.learn("generate", cap, cap, cut_off=True)

    assert caps.cap("generate", ASKED) == ASKED
    for tokens in lognormal(100, 2):
        caps.learn("generate", ASKED, tokens, cut_off=False)
    assert 1.5 * cap <= caps.cap("generate", ASKED) < ASKED


def test_a_reply_that_the_whole_cap_cut_off_changes_nothing():
    caps = taught(lognormal(500, 1))
    cap = caps.cap("generate", ASKED)

    caps.learn("generate", ASKED, ASKED, cut_off=True)

    assert caps.cap("generate", ASKED) == cap


def test_replies_that_were_all_alike_still_leave_room():
    assert taught([100] * 1_000).cap("generate", ASKED) >= 128


def test_groups_know_nothing_of_each_other():
    caps = taught(lognormal(500, 1))

    assert caps.cap("classify", ASKED) == ASKED


def test_requests_without_a_group_never_adapt():
    caps = Caps()
    for _ in range(100):
        assert caps.cap(None, ASKED) == ASKED
        caps.learn(None, ASKED, 10, cut_off=False)

    assert caps.cap(None, ASKED) == ASKED


def test_a_reply_without_usage_teaches_nothing():
    assert taught([0] * 100).cap("generate", ASKED) == ASKED


def test_of_many_groups_those_used_last_are_remembered():
    caps = taught([50] * 100)
    lowered = caps.cap("generate", ASKED)
    for number in range(999):
        caps.cap(f"other:{number}", ASKED)
    assert caps.cap("generate", ASKED) == lowered

    for number in range(1_000):
        caps.cap(f"another:{number}", ASKED)

    assert caps.cap("generate", ASKED) == ASKED


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.integers(1, 4_000), st.integers(0, 6_000), st.booleans()),
        max_size=200,
    )
)
def test_a_cap_is_never_above_what_was_asked_nor_below_what_a_reply_lately_had(replies):
    caps = Caps()
    longest = {"a": 0, "b": 0}
    for group, asked, tokens, cut_off in replies:
        cap = caps.cap(group, asked)
        assert min(asked, longest[group]) <= cap <= asked
        caps.learn(group, cap, min(tokens, cap), cut_off=cut_off)
        if not cut_off:
            longest[group] = max(longest[group], min(tokens, cap))
