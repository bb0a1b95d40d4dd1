"""The public stand-ins: virtual time and the scripted provider."""

from __future__ import annotations

import threading
import time

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from qloragen.testing import (
    ConnectionLost,
    ScriptedClient,
    VirtualLoop,
    refusal,
    reply,
    run_virtually,
    wait_for_threads,
)


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


async def test_an_hour_of_virtual_time_is_over_at_once():
    before = anyio.current_time()

    await anyio.sleep(3600)

    assert anyio.current_time() - before == pytest.approx(3600, abs=0.001)


async def test_timers_fire_in_order_and_time_never_runs_back():
    seen: list[float] = []

    async def sleeper(seconds: float) -> None:
        await anyio.sleep(seconds)
        seen.append(anyio.current_time())

    async with anyio.create_task_group() as tasks:
        for seconds in (3.0, 1.0, 2.0, 0.0):
            tasks.start_soon(sleeper, seconds)

    assert seen == sorted(seen)
    assert len(seen) == 4


def test_a_deadlock_is_found_at_once():
    async def wait_for_nothing() -> None:
        await anyio.Event().wait()

    with VirtualLoopRunner() as loop, pytest.raises(RuntimeError, match="deadlock"):
        loop.run_until_complete(wait_for_nothing())


async def _slept_while_a_thread_works() -> tuple[float, float]:
    started, release = anyio.Event(), threading.Event()

    def work() -> None:
        anyio.from_thread.run_sync(started.set)
        assert release.wait(10)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(anyio.to_thread.run_sync, work)
        await started.wait()
        real_s = time.monotonic()
        threading.Timer(0.1, release.set).start()
        await anyio.sleep(3600)
        real_s = time.monotonic() - real_s
    return real_s, anyio.current_time()


def test_the_clock_stands_while_threads_work_where_they_are_waited_for():
    real_s, virtual_s = run_virtually(_slept_while_a_thread_works())

    assert real_s >= 0.1
    assert virtual_s == pytest.approx(3600, abs=0.001)


def test_only_a_virtual_clock_waits_for_threads():
    with pytest.raises(TypeError, match="keeps real time"):
        anyio.run(wait_for_threads)


class VirtualLoopRunner:
    """Closes the loop that a deadlock left with a pending task."""

    def __enter__(self) -> VirtualLoop:
        self.loop = VirtualLoop()
        return self.loop

    def __exit__(self, *_: object) -> None:
        import asyncio  # noqa: PLC0415 - only this cleaning up needs it

        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()


async def test_the_scripted_client_answers_after_its_latency_and_keeps_a_log():
    client = ScriptedClient(lambda body: reply(str(body["n"])), latency_s=2.0)

    answer = await client.post(b'{"n": 7}', timeout_s=60)

    assert b'"7"' in answer.body
    assert client.calls[0].body == {"n": 7}
    assert client.calls[0].answered_s == pytest.approx(client.calls[0].started_s + 2)


async def test_the_scripted_client_raises_what_the_script_says_and_latency_may_depend_on_the_body():
    client = ScriptedClient(lambda _body: ConnectionLost("reset"), latency_s=lambda body: float(str(body["wait"])))

    before = anyio.current_time()
    with pytest.raises(ConnectionLost):
        await client.post(b'{"wait": 3}', timeout_s=60)

    assert anyio.current_time() - before == pytest.approx(3)


def test_refusals_have_the_form_of_api_errors():
    assert refusal(429, code="slow_down").body.startswith(b'{"error":{"message"')
