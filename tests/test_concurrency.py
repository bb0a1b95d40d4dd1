"""Limits of calls in flight that find a server's knee, against model servers in virtual time."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from itertools import pairwise
from math import exp, inf, log
from random import Random
from statistics import mean
from typing import NamedTuple, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.engine.concurrency import AutoConcurrency, Concurrency, FixedConcurrency

LATENCY_S = 2.0
"""Median latency without load."""


class Work(NamedTuple):
    """What one call takes."""

    seconds: float
    """Without load."""
    tokens: int


def steady(random: Random) -> Work:
    return Work(LATENCY_S * exp(0.3 * random.gauss(0, 1)), 0)


def heavy_tailed(random: Random) -> Work:
    """Median 2 s, 99th percentile 20 s."""
    return Work(LATENCY_S * exp(log(10) / 2.3263 * random.gauss(0, 1)), 0)


def by_length(random: Random) -> Work:
    """Latency goes with the completion's length, and that varies."""
    tokens = max(1, round(90 * exp(0.7 * random.gauss(0, 1))))
    return Work(LATENCY_S * tokens / 90 * exp(0.1 * random.gauss(0, 1)), tokens)


NOISES = [steady, heavy_tailed, by_length]


class Server(Protocol):
    """A model server: calls go in with their work, and come out when they are done."""

    capacity: float

    def begin(self, now_s: float, call: int, seconds: float) -> None: ...

    def next_s(self) -> float: ...

    def end(self) -> int: ...


class Slots:
    """So many calls at a time, the rest waits in line (llama.cpp)."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self._running: list[tuple[float, int]] = []
        self._waiting: deque[tuple[int, float]] = deque()

    def begin(self, now_s: float, call: int, seconds: float) -> None:
        self._waiting.append((call, seconds))
        self._fill(now_s)

    def next_s(self) -> float:
        return self._running[0][0] if self._running else inf

    def end(self) -> int:
        now_s, call = heapq.heappop(self._running)
        self._fill(now_s)
        return call

    def _fill(self, now_s: float) -> None:
        while self._waiting and len(self._running) < self.capacity:
            call, seconds = self._waiting.popleft()
            heapq.heappush(self._running, (now_s + seconds, call))


class Shared:
    """All calls at once, each the slower the more there are beyond the capacity (vLLM); `inf` is a hosted API."""

    def __init__(self, capacity: float) -> None:
        self.capacity = capacity
        self._running: list[tuple[float, int]] = []
        self._served_s = self._now_s = 0.0

    def begin(self, now_s: float, call: int, seconds: float) -> None:
        self._advance(now_s)
        heapq.heappush(self._running, (self._served_s + seconds, call))

    def next_s(self) -> float:
        if not self._running:
            return inf
        return self._now_s + max(0.0, self._running[0][0] - self._served_s) / self._speed()

    def end(self) -> int:
        self._advance(self.next_s())
        return heapq.heappop(self._running)[1]

    def _advance(self, now_s: float) -> None:
        if self._running:
            self._served_s += (now_s - self._now_s) * self._speed()
        self._now_s = now_s

    def _speed(self) -> float:
        return min(1.0, self.capacity / len(self._running))


SERVERS: list[Callable[[float], Server]] = [Slots, Shared]


class End(NamedTuple):
    """The end of a call."""

    now_s: float
    limit: int
    in_flight: int


def calls(
    control: Concurrency,
    server: Server,
    noise: Callable[[Random], Work],
    seed: int,
    *,
    demand: float = inf,
    fails: Callable[[float, Random], bool] = lambda now_s, random: False,
) -> Iterator[End]:
    """Keep as many calls in flight as the limit and the demand allow; yield the end of each."""
    random = Random(seed)  # noqa: S311 - a fixed seed
    flying: dict[int, tuple[float, int]] = {}
    now_s, number = 0.0, 0
    while True:
        while len(flying) < min(control.limit, demand):
            work = noise(random)
            flying[number] = (now_s, work.tokens)
            server.begin(now_s, number, work.seconds)
            number += 1
        now_s = server.next_s()
        call = server.end()
        begun_s, tokens = flying[call]
        if fails(now_s, random):
            control.failed(now_s)
        else:
            control.answered(now_s, now_s - begun_s, tokens, len(flying))
        yield End(now_s, control.limit, len(flying))
        del flying[call]


def between(ends: Iterator[End], begin_s: float, end_s: float) -> list[End]:
    """Return what ends from one time to another, and read no further."""
    found = []
    for end in ends:
        if end.now_s >= end_s:
            break
        if end.now_s >= begin_s:
            found.append(end)
    return found


def in_flight(ends: list[End]) -> float:
    """Return how many were in flight on average over time."""
    area = sum(before.in_flight * (after.now_s - before.now_s) for before, after in pairwise(ends))
    return area / (ends[-1].now_s - ends[0].now_s)


def compared(make: Callable[[float], Server], knee: int, noise: Callable[[Random], Work], seed: int) -> float:
    """Return the rate after warm-up relative to that of a limit well beyond the knee; check what is in flight."""
    begin_s, end_s = (400, 1_200) if knee >= 16 else (2_000, 6_000)
    found = between(calls(AutoConcurrency(), make(knee), noise, seed), begin_s, end_s)
    best = between(calls(FixedConcurrency(2 * knee), make(knee), noise, seed), begin_s, end_s)
    assert in_flight(found) <= 2 * knee + (30 if noise is heavy_tailed else 10)
    return len(found) / len(best)


def test_a_fixed_limit_stays():
    fixed = FixedConcurrency(7)

    fixed.answered(1.0, 1.0, 10, 7)
    fixed.failed(2.0)

    assert fixed.limit == 7


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("knee", [1, 4, 32, 150])
@pytest.mark.parametrize("make", SERVERS)
def test_a_server_with_a_knee_is_used_to_the_full_with_a_short_queue(make, knee, noise):
    rates = [compared(make, knee, noise, seed) for seed in range(2)]

    assert mean(rates) >= 0.95
    assert min(rates) >= 0.92


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("seed", range(2))
def test_without_a_knee_the_maximum_is_reached_in_steps_of_two_and_kept(noise, seed):
    ends = calls(AutoConcurrency(maximum=512), Shared(inf), noise, seed)
    reached = next(end for end in ends if end.limit == 512)
    assert reached.now_s < 60

    later = between(ends, 100, 700)

    assert in_flight(later) >= 0.95 * 512
    assert mean(end.limit == 512 for end in later) > 0.85


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("make", SERVERS)
def test_when_the_server_loses_half_its_capacity_the_limit_comes_down_and_later_up_again(make, noise):
    server = make(64)
    ends = calls(AutoConcurrency(), server, noise, 1)
    before = between(ends, 300, 600)

    server.capacity = 32
    during = between(ends, 1_000, 1_500)
    server.capacity = 64
    after = between(ends, 1_900, 2_400)

    assert in_flight(during) <= 80 < in_flight(before)
    assert len(after) / 500 > 0.9 * len(before) / 300


@pytest.mark.parametrize("noise", NOISES)
def test_a_server_that_becomes_slower_but_not_smaller_keeps_its_limit(noise):
    slow_from_s = 500.0
    ends = calls(AutoConcurrency(), server := Slots(48), noise, 1)
    between(ends, 0, slow_from_s)

    begin = server.begin
    server.begin = lambda now_s, call, seconds: begin(now_s, call, 2 * seconds)  # type: ignore[method-assign]
    later = between(ends, 1_000, 2_000)

    assert 48 <= in_flight(later) <= 2 * 48 + 16


@pytest.mark.parametrize("noise", NOISES)
def test_an_outage_brings_the_limit_down_and_it_recovers(noise):
    ends = calls(AutoConcurrency(), Shared(inf), noise, 1, fails=lambda now_s, random: 300 < now_s < 330)
    before = between(ends, 200, 300)
    at_worst = min(end.limit for end in between(ends, 300, 345))
    after = between(ends, 500, 600)

    assert at_worst <= 128
    assert len(after) > 0.9 * len(before)


@pytest.mark.parametrize("noise", NOISES)
def test_failures_that_just_happen_do_not_bring_the_limit_down(noise):
    ends = calls(AutoConcurrency(), Shared(inf), noise, 1, fails=lambda now_s, random: random.random() < 0.02)

    assert in_flight(between(ends, 200, 700)) > 0.93 * 512


def grown(limit: int) -> AutoConcurrency:
    """Return a control that has come to a limit."""
    control = AutoConcurrency(maximum=limit)
    next(end for end in calls(control, Shared(inf), steady, 1) if end.limit == limit)
    return control


def test_failures_of_calls_in_flight_together_cut_once():
    control = grown(100)

    for _ in range(60):
        control.failed(1_000.0)

    assert control.limit == 70


def test_failures_that_go_on_cut_on():
    control = grown(100)

    for _ in range(2_000):
        control.failed(1_000.0)

    assert control.limit < 10


def test_a_server_that_refuses_calls_above_a_number_is_used_up_to_about_that():
    control = AutoConcurrency()
    ends = calls(
        control, Shared(inf), steady, 1, fails=lambda now_s, random: control.limit > 100 and random.random() < 0.5
    )

    later = between(ends, 300, 1_000)

    assert 75 < in_flight(later) < 110


@pytest.mark.parametrize(("demand", "most"), [(1, 8), (5, 16), (40, 128)])
def test_while_few_of_the_allowed_calls_are_wanted_the_limit_does_not_grow(demand, most):
    ends = between(calls(AutoConcurrency(), Shared(inf), steady, 1, demand=demand), 500, 600)

    assert max(end.limit for end in ends) <= most


times = st.floats(0, 100)


@given(
    maximum=st.integers(1, 600),
    start=st.integers(1, 64),
    events=st.lists(st.none() | st.tuples(times, times, st.integers(0, 5_000), st.integers(0, 600)), max_size=400),
)
def test_the_limit_is_always_between_one_and_the_maximum(maximum, start, events):
    control, now_s = AutoConcurrency(maximum, start), 0.0
    for event in events:
        if event is None:
            control.failed(now_s)
        else:
            passed_s, latency_s, tokens, flying = event
            now_s += passed_s
            control.answered(now_s, latency_s, tokens, flying)

        assert 1 <= control.limit <= maximum
