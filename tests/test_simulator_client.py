"""The simulated provider in process, in virtual time."""

from __future__ import annotations

import anyio
import orjson
import pytest

from qloragen.engine.client import ConnectionLost
from qloragen.simulator import (
    KINDS,
    Capacity,
    Fault,
    Latency,
    Limits,
    Model,
    Outage,
    Provider,
    SimulatedClient,
    Simulation,
    Statistics,
    Wire,
)
from qloragen.testing import VirtualLoop


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]})
SLOW = Model(latency=Latency(median_s=2.0))


def struck_by(kind: str) -> Provider:
    return Provider(Simulation(models={"*": SLOW}, faults=(Fault(kind),)))


async def test_a_reply_takes_its_time():
    provider = Provider(Simulation(models={"*": SLOW}))
    began_s = anyio.current_time()

    reply = await SimulatedClient(provider).post(BODY, timeout_s=60)

    assert reply.status == 200
    assert reply.headers["openai-processing-ms"] == "2000"
    assert anyio.current_time() - began_s == pytest.approx(2.0, abs=1e-6)
    assert provider.statistics.total.outcomes == {"answered": 1}


async def test_the_key_of_the_client_is_shown():
    provider = Provider(Simulation(api_key="k"))

    assert (await SimulatedClient(provider).post(BODY, timeout_s=1)).status == 401
    assert (await SimulatedClient(provider, api_key="k").post(BODY, timeout_s=1)).status == 200


@pytest.mark.parametrize(
    ("kind", "seconds", "timed_out"),
    [
        ("reset_before_headers", 2, False),
        ("reset_after_headers", 2, False),
        ("truncated_body", 2, False),
        ("never_ends", 10, True),
        ("hang", 10, True),
    ],
)
async def test_a_reply_that_breaks_is_a_lost_connection_that_may_have_been_paid(kind, seconds, timed_out):
    provider, began_s = struck_by(kind), anyio.current_time()

    with pytest.raises(ConnectionLost) as caught:
        await SimulatedClient(provider).post(BODY, timeout_s=10)

    assert (caught.value.maybe_paid, caught.value.timed_out) == (True, timed_out)
    assert anyio.current_time() - began_s == pytest.approx(seconds, abs=1e-6)
    assert provider.statistics.total.outcomes == {kind: 1}


@pytest.mark.parametrize("kind", ["reset_after_headers", "truncated_body"])
async def test_a_break_is_no_silence_however_short_the_timeout(kind):
    with pytest.raises(ConnectionLost) as caught:
        await SimulatedClient(Provider(Simulation(faults=(Fault(kind),)))).post(BODY, timeout_s=0.1)

    assert not caught.value.timed_out


async def test_a_trickle_arrives_in_the_end_if_one_waits():
    provider, began_s = struck_by("slow_trickle"), anyio.current_time()

    reply = await SimulatedClient(provider).post(BODY, timeout_s=100)

    assert orjson.loads(reply.body)["choices"]
    assert 50 < anyio.current_time() - began_s < 62


async def test_a_trickle_slower_than_the_timeout_is_silence():
    with pytest.raises(ConnectionLost) as caught:
        await SimulatedClient(Provider(Simulation(faults=(Fault("slow_trickle"),)))).post(BODY, timeout_s=0.5)

    assert caught.value.timed_out


async def test_a_reply_slower_than_the_timeout_is_silence():
    provider = Provider(Simulation(models={"*": SLOW}))

    with pytest.raises(ConnectionLost) as caught:
        await SimulatedClient(provider).post(BODY, timeout_s=1)

    assert caught.value.timed_out
    assert provider.statistics.total.outcomes == {"abandoned": 1}


async def test_a_refused_connection_was_never_paid_for():
    provider = Provider(Simulation(outages=(Outage(0, 60, "refuse"),)))

    with pytest.raises(ConnectionLost) as caught:
        await SimulatedClient(provider).post(BODY, timeout_s=1)

    assert not caught.value.maybe_paid
    assert provider.statistics.total.billed.prompt_tokens == 0


async def test_a_cancelled_call_is_abandoned():
    provider = Provider(Simulation(models={"*": SLOW}))

    with anyio.move_on_after(1):
        await SimulatedClient(provider).post(BODY, timeout_s=60)

    assert provider.statistics.total.outcomes == {"abandoned": 1}
    assert provider.statistics.total.in_flight == 0


@pytest.mark.parametrize(
    "kind", [kind for kind, effect in KINDS.items() if effect.wire is Wire.WHOLE and not effect.structured]
)
async def test_every_other_fault_is_a_reply(kind):
    reply = await SimulatedClient(struck_by(kind)).post(BODY, timeout_s=60)

    assert reply.status == KINDS[kind].status


async def run_of(provider: Provider, *, calls: int, concurrency: int) -> Statistics:
    client, numbers = SimulatedClient(provider), iter(range(calls))

    async def work() -> None:
        for number in numbers:
            await client.post(BODY.replace(b"hello", str(number).encode()), timeout_s=600)

    async with anyio.create_task_group() as tasks:
        for _ in range(concurrency):
            tasks.start_soon(work)
    return provider.statistics


async def test_an_hour_of_calls_passes_in_no_time():
    limits, latency = Limits(rpm=6_000), Latency(1.0, 10.0)
    provider = Provider(Simulation(models={"*": Model(limits=limits, latency=latency)}))
    began_s = anyio.current_time()

    seen = await run_of(provider, calls=3_000, concurrency=20)

    assert seen.total.calls == 3_000
    assert seen.total.peak == 20
    assert seen.duplicates == 0
    assert anyio.current_time() - began_s > 100


async def test_no_more_calls_are_served_together_than_there_are_slots():
    behaviour = Model(latency=Latency(median_s=1.0), capacity=Capacity(slots=4))
    provider, began_s = Provider(Simulation(models={"*": behaviour})), anyio.current_time()

    await run_of(provider, calls=40, concurrency=40)

    assert anyio.current_time() - began_s == pytest.approx(10, abs=0.01)
