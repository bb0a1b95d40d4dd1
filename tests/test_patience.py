"""Timeouts that adapt to what calls have lately taken."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from math import exp, inf, log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.patience import FLOOR_S, Patience

CEILING_S = 600.0


def lognormal(count: int, seed: int, *, median_s: float = 2.0, p99_s: float = 20.0) -> list[float]:
    random = Random(seed)  # noqa: S311 - a fixed seed
    return [median_s * exp(log(p99_s / median_s) / 2.3263 * random.gauss(0, 1)) for _ in range(count)]


def taught(latencies_s: Iterable[float], ceiling_s: float = CEILING_S) -> Patience:
    """Return a patience that has seen calls of these latencies, one after the other, all answered."""
    patience = Patience(ceiling_s)
    for latency_s in latencies_s:
        patience.timeout_s(1)
        patience.learn(latency_s)
    return patience


def run(latencies_s: list[float], in_flight: int) -> tuple[int, int]:
    """Return how many first attempts a learned timeout cut off, and how many attempts had a learned timeout."""
    patience, waiting, calls = Patience(CEILING_S), iter(latencies_s), list[tuple[float, float, float]]()
    cut = learned = 0

    def send(now_s: float) -> None:
        for latency_s in waiting:
            timeout_s = patience.timeout_s(1)
            heapq.heappush(calls, (now_s + min(latency_s, timeout_s), latency_s, timeout_s))
            return

    for _ in range(in_flight):
        send(0)
    while calls:
        now_s, latency_s, timeout_s = heapq.heappop(calls)
        learned += timeout_s < CEILING_S
        if latency_s > timeout_s:
            cut += timeout_s < CEILING_S
            patience.timed_out()
        else:
            patience.learn(latency_s)
        send(now_s)
    return cut, learned


def test_until_enough_replies_are_there_the_ceiling_holds():
    assert taught([1.0] * 190).timeout_s(1) == CEILING_S
    assert taught([1.0] * 210).timeout_s(1) == FLOOR_S


def test_the_fast_replies_that_come_back_first_do_not_speak_for_all():
    patience = Patience(CEILING_S)
    for _ in range(512):
        patience.timeout_s(1)

    for _ in range(300):
        patience.learn(0.5)

    assert patience.timeout_s(1) == CEILING_S


@pytest.mark.parametrize("in_flight", [1, 64, 512])
def test_hardly_a_good_call_is_cut_off(in_flight):
    runs = [run(lognormal(20_000, seed), in_flight) for seed in range(4)]

    assert sum(cut for cut, _ in runs) < 1e-4 * sum(learned for _, learned in runs)
    assert all(learned > 10_000 for _, learned in runs)


def test_fast_endpoints_get_short_timeouts():
    assert 13 < taught(lognormal(5_000, 1, median_s=0.5, p99_s=3)).timeout_s(1) < 20


def test_a_server_that_slows_down_loses_a_few_attempts_and_no_more():
    slow = [20 * latency_s for latency_s in lognormal(5_000, 2)]

    cut, _ = run(lognormal(5_000, 1) + [min(latency_s, CEILING_S) for latency_s in slow], 64)

    assert cut < 50


def test_old_replies_fade():
    assert taught(lognormal(5_000, 1) + [1.0] * 30_000).timeout_s(1) == FLOOR_S


def test_later_attempts_get_the_ceiling():
    patience = taught([1.0] * 500)

    assert patience.timeout_s(1) == FLOOR_S
    assert patience.timeout_s(2) == CEILING_S


def test_after_a_timeout_the_ceiling_holds_for_a_while():
    patience = taught([1.0] * 500)

    patience.timed_out()

    assert patience.timeout_s(1) == CEILING_S
    for _ in range(50):
        patience.learn(1.0)
    assert patience.timeout_s(1) == FLOOR_S


def test_hanging_calls_do_not_bring_the_timeout_down():
    usual_s = taught(lognormal(8_000, 1)).timeout_s(1)
    patience = Patience(CEILING_S)
    random = Random(2)  # noqa: S311 - a fixed seed
    for latency_s in lognormal(8_000, 1):
        timeout_s = patience.timeout_s(1)
        if latency_s > timeout_s or random.random() < 0.05:
            patience.timed_out()
            patience.timeout_s(2)
        patience.learn(latency_s)
    for _ in range(50):
        patience.learn(2.0)

    assert patience.timeout_s(1) >= usual_s


def test_a_low_ceiling_holds_whatever_is_learned():
    assert taught([100.0] * 500, ceiling_s=5.0).timeout_s(1) == 5.0


@given(
    ceiling_s=st.floats(0.1, 10_000),
    events=st.lists(st.one_of(st.none(), st.floats(0, 1e6)), max_size=300),
    attempt=st.integers(1, 5),
)
def test_a_timeout_is_always_between_the_floor_and_the_ceiling(ceiling_s, events, attempt):
    patience = Patience(ceiling_s)
    for latency_s in events:
        if latency_s is None:
            patience.timed_out()
        else:
            patience.learn(latency_s)

        assert min(FLOOR_S, ceiling_s) <= patience.timeout_s(attempt) <= ceiling_s


@given(st.lists(st.floats(0, 600), min_size=250, max_size=400))
def test_a_timeout_is_never_below_what_nearly_all_recent_calls_took(latencies_s):
    patience = Patience(inf)
    for latency_s in latencies_s:
        patience.learn(latency_s)

    known = sorted(latencies_s[: len(latencies_s) // 16 * 16])
    assert patience.timeout_s(1) >= known[int(0.98 * len(known))]
