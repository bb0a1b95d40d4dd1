"""Token buckets, in virtual time."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.limiter import BURST_S, Bucket
from qloragen.testing import VirtualLoop


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def taken(bucket: Bucket, amounts: list[float]) -> list[float]:
    """Take one amount after the other as soon as it is free; returns the times."""
    times = []
    for amount in amounts:
        while (wait_s := bucket.wait_s(amount)) > 0:  # noqa: ASYNC110 - what is left after a wait is tested, too
            await anyio.sleep(wait_s)
        bucket.take(amount)
        times.append(anyio.current_time())
    return times


def test_a_bucket_that_one_event_loop_has_used_empties_in_the_next():
    bucket = Bucket(60)

    async def take() -> None:
        bucket.take(1)

    async def wait() -> float:
        await anyio.sleep(60)
        return bucket.wait_s(1)

    anyio.run(take, backend_options={"loop_factory": VirtualLoop})

    assert anyio.run(wait, backend_options={"loop_factory": VirtualLoop}) == 0


@settings(deadline=None, max_examples=60)
@given(
    per_minute=st.integers(1, 200_000),
    burst_s=st.floats(0.05, 60),
    amounts=st.lists(st.integers(1, 5_000), min_size=1, max_size=30),
)
async def test_no_window_gives_more_than_the_burst_and_the_rate_allow(per_minute, burst_s, amounts):
    times = await taken(Bucket(per_minute, burst_s), amounts)

    burst = max(per_minute / 60 * burst_s, *amounts, 1)
    for first, begin in enumerate(times):
        given_out = 0
        for end, amount in zip(times[first:], amounts[first:], strict=True):
            given_out += amount
            assert given_out <= burst + per_minute / 60 * (end - begin) + 1e-3


async def test_a_bucket_in_use_gives_its_whole_rate():
    times = await taken(Bucket(600), [1] * 1_000)

    assert times[-1] - times[0] == pytest.approx(1_000 / 10 - BURST_S, abs=0.11)


async def test_an_amount_above_the_capacity_waits_for_an_empty_bucket_and_leaves_a_debt():
    bucket = Bucket(60, 10)

    assert bucket.wait_s(25) == 0
    bucket.take(25)

    assert bucket.wait_s(1) == pytest.approx(16.5)  # and two parts in a hundred more, for the server's own count
    assert bucket.wait_s(1_000) == pytest.approx(25.5)


async def test_what_was_not_used_is_free_for_the_next():
    bucket = Bucket(60, 10)
    bucket.take(10)

    bucket.settle(-6)

    assert bucket.wait_s(6) == 0
    assert bucket.wait_s(7) == pytest.approx(1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=20))
async def test_the_sum_of_corrections_is_what_really_changed(differences):
    bucket = Bucket(60, 10)
    for difference in differences:
        before, sum_before = bucket.level, bucket.corrected
        bucket.correct(difference)
        assert bucket.corrected - sum_before == pytest.approx(bucket.level - before)

    assert bucket.level >= 0


async def test_a_bucket_of_another_rate_is_in_use_as_much_as_before():
    bucket = Bucket(60, 10)
    bucket.take(9)

    faster = bucket.rebuilt(600, 10)

    assert faster.level == pytest.approx(9)
    assert faster.max_rate == 100
