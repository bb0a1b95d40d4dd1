"""The simulated provider's rate limits: what is let in, what is charged, what the headers say."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qloragen.simulator import Limits
from qloragen.simulator.limits import ServerLimits
from qloragen.simulator.waits import duration

ARRIVALS = st.lists(st.tuples(st.floats(0, 2), st.integers(1, 3_000)), min_size=1, max_size=60)
"""Pause before each call, and its tokens."""


def run(limits: Limits, arrivals: list[tuple[float, int]]) -> tuple[list[tuple[float, int]], ServerLimits]:
    """Return (time, tokens) of each call that was let in; the whole charge of a call is its cap."""
    server, now_s, admitted = ServerLimits(limits), 0.0, []
    for pause_s, tokens in arrivals:
        now_s += pause_s
        if server.admit(0, tokens, now_s) is None:
            admitted.append((now_s, tokens))
    return admitted, server


def within(admitted: list[tuple[float, int]]):
    """Yield (seconds, calls, tokens, greatest call) of every run of calls that follow one another."""
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            window = admitted[first : last + 1]
            sizes = [tokens for _, tokens in window]
            yield window[-1][0] - window[0][0], len(window), sum(sizes), max(sizes)


@given(ARRIVALS, st.floats(60, 6_000), st.floats(600, 100_000), st.sampled_from([0.5, 1.0, 10.0, 60.0]))
def test_no_window_lets_in_more_than_the_burst_and_the_rate(arrivals, rpm, tpm, burst_s):
    admitted, _ = run(Limits(rpm=rpm, tpm=tpm, burst_s=burst_s), arrivals)

    for seconds, calls, tokens, greatest in within(admitted):
        assert calls <= max(1, rpm / 60 * burst_s) + rpm / 60 * seconds + 1e-3
        assert tokens <= max(greatest, tpm / 60 * burst_s) + tpm / 60 * seconds + 1e-3


@given(ARRIVALS, st.floats(60, 600))
def test_a_call_is_let_in_after_the_wait_that_its_rejection_names_and_not_before(arrivals, tpm):
    limits = Limits(tpm=tpm * 60)
    _, server = run(limits, arrivals)
    now_s = sum(pause_s for pause_s, _ in arrivals)

    rejection = server.admit(0, 50, now_s)
    if rejection is None:
        return

    assert server.admit(0, 50, now_s + rejection.wait_s * 0.99) is not None
    assert server.admit(0, 50, now_s + rejection.wait_s * 1.000001) is None


def test_a_call_larger_than_the_window_passes_only_through_an_empty_bucket_and_leaves_a_debt():
    server = ServerLimits(Limits(tpm=6_000, burst_s=1))

    assert server.admit(0, 1, 0.0) is None
    rejected = server.admit(0, 1_000, 0.0)
    assert rejected is not None
    assert rejected.wait_s == pytest.approx(0.01)
    assert server.admit(0, 1_000, 0.02) is None
    after = server.admit(0, 1, 0.02)
    assert after is not None
    assert after.wait_s == pytest.approx(9.01)


def test_a_call_larger_than_the_limit_is_never_let_in():
    server = ServerLimits(Limits(tpm=6_000))

    rejection = server.admit(0, 6_001, 0.0)

    assert rejection is not None
    assert (rejection.by, rejection.limit, rejection.requested) == ("tokens", 6_000, 6_001)
    assert math.isinf(rejection.wait_s)
    assert server.retry_after(rejection) == {}


def test_rejected_calls_count_as_requests_up_to_a_full_bucket():
    counted = ServerLimits(Limits(rpm=600, tpm=60, burst_s=1))
    free = ServerLimits(Limits(rpm=600, tpm=60, burst_s=1, rejected_requests=0))
    for server in (counted, free):
        for _ in range(30):
            assert server.admit(0, 61, 0.0) is not None

    assert counted.headers(0.0)["x-ratelimit-remaining-requests"] == "590"
    assert free.headers(0.0)["x-ratelimit-remaining-requests"] == "600"


def test_a_wait_covers_both_limits_and_what_the_rejection_itself_cost():
    server = ServerLimits(Limits(rpm=60, tpm=6_000))
    assert server.admit(0, 105, 0.0) is None

    rejection = server.admit(0, 99, 1.0)

    assert rejection is not None
    assert rejection.by == "tokens"
    assert rejection.wait_s == pytest.approx(1.0)
    assert server.admit(0, 99, 1.0 + rejection.wait_s) is None


def test_a_rejection_for_the_requests_names_the_wait_for_the_tokens_when_that_is_longer():
    server = ServerLimits(Limits(rpm=60, tpm=6_000))
    assert server.admit(0, 500, 0.0) is None

    rejection = server.admit(0, 50, 0.0)

    assert rejection is not None
    assert rejection.by == "requests"
    assert rejection.wait_s == pytest.approx(4.5)


def test_a_rejected_call_waits_for_its_own_punishment_too():
    server = ServerLimits(Limits(rpm=60))
    assert server.admit(0, 1, 0.0) is None

    rejection = server.admit(0, 1, 0.5)

    assert rejection is not None
    assert rejection.wait_s == pytest.approx(1.0)


def test_a_call_without_a_cap_is_charged_a_set_one():
    server = ServerLimits(Limits(tpm=60_000, uncapped_tokens=500))

    server.admit(400, None, 0.0)

    assert server.headers(0.0)["x-ratelimit-remaining-tokens"] == "59400"


def test_hammering_keeps_everybody_out():
    server = ServerLimits(Limits(rpm=60, burst_s=1))
    assert server.admit(0, 1, 0.0) is None

    assert all(server.admit(0, 1, at * 0.5) is not None for at in range(100))
    assert server.admit(0, 1, 51.0) is None


@pytest.mark.parametrize(("charge", "tokens"), [("sum", 350), ("max", 250)])
def test_tokens_are_charged_by_size_and_cap(charge, tokens):
    server = ServerLimits(Limits(tpm=60_000, charge=charge))

    server.admit(1_000, 100, 0.0)

    assert server.headers(0.0)["x-ratelimit-remaining-tokens"] == str(60_000 - tokens)


def test_headers_announce_the_minute_and_the_time_until_the_bucket_is_empty():
    server = ServerLimits(Limits(rpm=600, tpm=60_000, burst_s=60))
    for _ in range(5):
        assert server.admit(0, 300, 0.0) is None

    assert server.headers(0.0) == {
        "x-ratelimit-limit-requests": "600",
        "x-ratelimit-remaining-requests": "595",
        "x-ratelimit-reset-requests": "500ms",
        "x-ratelimit-limit-tokens": "60000",
        "x-ratelimit-remaining-tokens": "58500",
        "x-ratelimit-reset-tokens": "1.5s",
    }


def test_a_provider_may_announce_nothing():
    server = ServerLimits(Limits(rpm=60, announced=False, retry_after=False))
    server.admit(0, 1, 0.0)

    rejection = server.admit(0, 1, 0.0)

    assert server.headers(0.0) == {}
    assert rejection is not None
    assert server.retry_after(rejection) == {}


def test_the_wait_is_given_in_milliseconds_and_in_whole_seconds_rounded_up():
    server = ServerLimits(Limits(rpm=40))
    server.admit(0, 1, 0.0)

    rejection = server.admit(0, 1, 0.0)

    assert rejection is not None
    assert server.retry_after(rejection) == {"retry-after-ms": "1500", "retry-after": "2"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.012, "12ms"), (1, "1s"), (1.5, "1.5s"), (59.9996, "1m0s"), (360, "6m0s"), (3602.25, "1h0m2.25s")],
)
def test_waits_are_written_as_the_api_writes_them(seconds, text):
    assert duration(seconds) == text


@given(st.floats(0, 100_000))
def test_a_written_wait_is_the_wait_to_the_next_millisecond(seconds):
    found = re.fullmatch(r"(?:(\d+)ms|(?:(?:(\d+)h)?(\d+)m)?(\d+(?:\.\d+)?)s)", duration(seconds))

    assert found
    milliseconds, hours, minutes, rest = found.groups()
    read = int(milliseconds or 0) / 1000 + int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(rest or 0)
    assert seconds - 1e-6 <= read <= seconds + 0.001001
