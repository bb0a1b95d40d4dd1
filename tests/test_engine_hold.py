"""An engine that is told to pause: nothing is sent, nothing is lost, and nobody is the worse for it."""

from __future__ import annotations

import anyio
import pytest

from qloragen.engine import Cause, Pause, RetryPolicy
from qloragen.errors import Interrupted, RequestFailed
from qloragen.testing import Answer, Body, ScriptedClient, VirtualLoop, refusal, reply
from qloragen.types import Completion

from .engines import engine_for, in_turn, outcomes, request_for, spec


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


def sent_between(client: ScriptedClient, begin_s: float, end_s: float) -> int:
    return sum(begin_s < call.started_s < end_s for call in client.calls)


async def test_while_paused_no_model_is_called_and_then_all_go_on():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client, spec("a", max_concurrency=2), spec("b", max_concurrency=2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for("a"), request_for("b")] * 10)
        await anyio.sleep(2.5)
        engine.pause("disk full")
        await anyio.sleep(1_000)
        counts = engine.statistics
        engine.resume()

    assert {name: (model.in_flight, model.waiting) for name, model in counts.items()} == {"a": (0, 4), "b": (0, 4)}
    assert sent_between(client, 2.5, 1_002.4) == 0
    assert len(client.calls) == 20
    assert anyio.current_time() == pytest.approx(1_002.5 + 2, abs=0.1)


async def test_calls_in_flight_are_finished_while_new_ones_wait():
    client = ScriptedClient(lambda _body: reply(), latency_s=10)
    engine = engine_for(client)
    done: list[float] = []

    async def ask() -> None:
        await engine.complete(request_for())
        done.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(1)
        engine.pause("disk full")
        tasks.start_soon(ask)
        await anyio.sleep(99)
        engine.resume()

    assert done == [pytest.approx(10), pytest.approx(110)]


@pytest.mark.parametrize("failure", [refusal(503), refusal(429, headers={"retry-after": "5"})])
async def test_neither_retries_nor_probes_are_made_while_paused(failure):
    client = ScriptedClient(in_turn(failure, failure, failure, failure, reply()), latency_s=0.1)
    engine = engine_for(client)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 4)
        await anyio.sleep(0.05)
        engine.pause("disk full")
        await anyio.sleep(500)
        engine.resume()

    assert sent_between(client, 0.05, 500) == 0
    assert engine.statistics["m"].completed == 4


async def test_a_stop_ends_the_waiting_of_a_pause():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client)
    engine.pause("disk full")
    results: list[Completion | Exception] = []

    async def ask() -> None:
        results.extend(await outcomes(engine, [request_for()] * 3))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(5)
        engine.stop(Interrupted("asked to stop"))

    assert [str(result) for result in results] == ["asked to stop"] * 3
    assert anyio.current_time() == pytest.approx(5)
    assert client.calls == []


async def test_a_pause_and_its_reason_show_in_the_statistics_until_it_is_over():
    engine = engine_for(ScriptedClient(lambda _body: reply()))

    engine.pause("disk full")
    engine.pause("still full")
    held = engine.statistics["m"].pause
    engine.resume()
    engine.resume()

    assert held == Pause(Cause.HELD, "still full", None)
    assert engine.statistics["m"].pause is None


async def test_a_caller_may_leave_during_a_pause():
    client = ScriptedClient(lambda _body: reply())
    engine = engine_for(client)
    engine.pause("disk full")

    with anyio.move_on_after(10):
        await engine.complete(request_for())
    engine.resume()

    assert engine.statistics["m"].waiting == 0
    assert isinstance(await engine.complete(request_for()), Completion)


async def test_the_time_of_a_pause_is_not_held_against_the_provider():
    """An outage of 40 s with a pause of an hour in it stays below a patience of 60 s."""

    def ill(_body: Body) -> Answer:
        return refusal(503) if anyio.current_time() < 3_630 else reply()

    engine = engine_for(ScriptedClient(ill), retry=RetryPolicy(patience_s=60, first_patience_s=60))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 5)
        await anyio.sleep(20)
        engine.pause("disk full")
        await anyio.sleep(3_600)
        engine.resume()

    assert engine.stopped is None
    assert engine.statistics["m"].completed == 5


async def test_the_time_of_a_pause_is_not_held_against_a_request_that_is_alone():
    """A request that fails five times is given up after a minute without others; a pause is no such minute."""
    client = ScriptedClient(in_turn(*[refusal(500)] * 5, reply()), latency_s=0.1)
    engine = engine_for(client, retry=RetryPolicy(first_patience_s=10_000))
    results: list[Completion | Exception] = []

    async def ask() -> None:
        results.extend(await outcomes(engine, [request_for()]))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(2)
        engine.pause("disk full")
        await anyio.sleep(3_600)
        engine.resume()

    assert not isinstance(results[0], RequestFailed)


async def test_a_pause_does_not_change_how_many_calls_may_be_in_flight():
    client = ScriptedClient(lambda _body: reply(usage=(100, 10)))
    engine = engine_for(client, spec(max_concurrency="auto", auto_maximum=64))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outcomes, engine, [request_for()] * 6_000)
        await anyio.sleep(60)
        before = engine.most_in_flight
        engine.pause("disk full")
        await anyio.sleep(3_600)
        engine.resume()
        await anyio.sleep(4)
        after = engine.most_in_flight
        tasks.cancel_scope.cancel()

    assert before == after == 64
