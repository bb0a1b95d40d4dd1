"""The gate of one model, in virtual time."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qloragen.engine.limiter import Gate
from qloragen.testing import VirtualLoop


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def admissions(gate: Gate, sizes: list[int]) -> list[tuple[float, int]]:
    """Return (time, index) of each request's admission, all of them having arrived at once."""
    admitted: list[tuple[float, int]] = []

    async def one(index: int, tokens: int) -> None:
        await gate.admit(tokens)
        admitted.append((anyio.current_time() - start, index))

    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for index, tokens in enumerate(sizes):
            tasks.start_soon(one, index, tokens)
    return admitted


@settings(deadline=None, max_examples=60)
@given(
    tpm=st.integers(600, 200_000),
    rpm=st.integers(1, 6_000),
    sizes=st.lists(st.integers(1, 5_000), min_size=1, max_size=30),
)
async def test_no_window_admits_more_than_the_burst_and_the_rate_allow(tpm, rpm, sizes):
    admitted = await admissions(Gate(rpm, tpm), sizes)

    burst_tokens = max(tpm / 60, *sizes, 1)
    burst_requests = max(rpm / 60, 1)
    for first, (begin, _) in enumerate(admitted):
        tokens = 0
        for last, (end, index) in enumerate(admitted[first:]):
            tokens += sizes[index]
            assert tokens <= burst_tokens + tpm / 60 * (end - begin) + 1e-3
            assert last + 1 <= burst_requests + rpm / 60 * (end - begin) + 1e-3


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=30))
async def test_requests_are_admitted_in_order_of_arrival_whatever_their_size(sizes):
    admitted = await admissions(Gate(600, 60_000), sizes)

    assert [index for _, index in admitted] == list(range(len(sizes)))


async def test_a_saturated_gate_uses_the_whole_rate():
    admitted = await admissions(Gate(None, 60_000), [500] * 200)

    ideal_s = (200 * 500 - 1_000) / 1_000
    assert admitted[-1][0] == pytest.approx(ideal_s, rel=0.01)


async def test_a_gate_without_limits_admits_at_once():
    admitted = await admissions(Gate(None, None), [10**9] * 100)

    assert admitted[-1][0] < 0.001


async def test_settling_gives_unused_tokens_to_the_next():
    gate = Gate(None, 60_000)
    await gate.admit(10_000)

    gate.settle(admitted=10_000, used=100)
    admitted = await admissions(gate, [500])

    assert admitted[0][0] < 0.001


async def test_settling_to_more_than_was_admitted_makes_a_debt_that_the_next_waits_for():
    gate = Gate(None, 60_000)
    await gate.admit(100)

    gate.settle(admitted=100, used=5_000)
    admitted = await admissions(gate, [1_000])

    assert admitted[0][0] == pytest.approx(5.0, abs=0.01)


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 4_000), min_size=2, max_size=10),
    when_s=st.floats(0.001, 20),
    data=st.data(),
)
async def test_a_cancelled_waiter_leaves_the_gate_as_if_it_had_never_come(sizes, when_s, data):
    victim = data.draw(st.integers(1, len(sizes) - 1))
    gate, reference = Gate(60, 60_000), Gate(60, 60_000)
    admitted: list[int] = []

    async def one(index: int) -> None:
        with scopes[index]:
            await gate.admit(sizes[index])
            admitted.append(index)

    scopes = [anyio.CancelScope() for _ in sizes]
    start = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        for index in range(len(sizes)):
            tasks.start_soon(one, index)
        await anyio.sleep(when_s)
        scopes[victim].cancel()
    took_s = anyio.current_time() - start
    ideal = await admissions(reference, [sizes[index] for index in admitted])

    # The rest is through no later than if the victim had left when it was cancelled, or had never been there.
    assert took_s <= max(ideal[-1][0] + when_s, when_s) + 0.01
    assert victim in admitted or took_s <= when_s + ideal[-1][0] + 0.01


async def test_a_waiter_cancelled_between_the_buckets_returns_its_request():
    gate = Gate(1, 60_000)
    await gate.admit(1)
    gate.settle(admitted=1, used=300_000)

    with anyio.move_on_after(70):  # gets its request after 60 s, and would get its tokens after 300 s
        await gate.admit(1_000)
    gate.settle(admitted=300_000, used=0)
    admitted = await admissions(gate, [1_000])

    assert admitted[0][0] < 0.001


async def test_a_waiter_cancelled_in_a_pause_returns_request_and_tokens():
    gate = Gate(60, 60_000)
    await gate.admit(1_000)

    with anyio.move_on_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(gate.admit, 1_000)  # waits for the buckets, then in the pause
            await anyio.sleep(0.5)
            gate.pause(5)
    admitted = await admissions(gate, [1_000])

    assert admitted[0][0] == pytest.approx(0.5, abs=0.01)  # the rest of the pause


async def test_a_pause_holds_everyone_and_a_shorter_one_does_not_end_it():
    gate = Gate(None, None)

    gate.pause(30)
    gate.pause(1)
    admitted = await admissions(gate, [1, 1, 1])

    assert [round(time_s, 3) for time_s, _ in admitted] == [30, 30, 30]


async def test_a_pause_that_comes_while_the_first_waits_holds_it_too():
    gate = Gate(None, 60_000)
    await gate.admit(3_000)

    async with anyio.create_task_group() as tasks:
        start = anyio.current_time()
        tasks.start_soon(gate.admit, 1_000)
        await anyio.sleep(1)
        gate.pause(20)
    took_s = anyio.current_time() - start

    assert took_s == pytest.approx(21.0, abs=0.01)


async def test_ten_thousand_waiters_are_admitted_in_order_and_on_time():
    admitted = await admissions(Gate(600_000, None), [1] * 10_000)

    assert [index for _, index in admitted] == list(range(10_000))
    assert admitted[-1][0] == pytest.approx(0.0, abs=1.0)
