"""What a first and a second signal do, in virtual time, and what they leave as they found it."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

import qloragen
from qloragen.background import background
from qloragen.errors import Interrupted, RunStopped
from qloragen.signals import SIGNALS, Stopping, interrupted_by_signals, stop_on_signals
from qloragen.simulator import Call
from qloragen.testing import VirtualLoop

INT, TERM = SIGNALS
HANG_UP = signal.SIGHUP
ME = os.getpid()


@pytest.fixture
def anyio_backend():
    return "asyncio", {"loop_factory": VirtualLoop}


@dataclass
class Calls:
    """Work whose calls in flight are all answered at `answered_s`, on the loop's clock."""

    calls_in_flight: int = 3
    left_behind: str = ""
    answered_s: float = float("inf")
    reasons: list[RunStopped] = field(default_factory=list)
    asked: anyio.Event = field(default_factory=anyio.Event)

    def stop(self, reason: RunStopped) -> None:
        self.reasons.append(reason)
        self.asked.set()

    async def finish(self) -> None:
        """Work until asked to stop, then until all calls are answered."""
        await self.asked.wait()
        await anyio.sleep_until(self.answered_s)
        self.calls_in_flight = 0


async def arriving(*moments: tuple[float, signal.Signals]) -> AsyncIterator[signal.Signals]:
    for at_s, number in moments:
        await anyio.sleep_until(at_s)
        yield number
    await anyio.sleep_forever()


async def stopped(work: Calls, *moments: tuple[float, signal.Signals], grace_s: float = 60) -> tuple[str, float]:
    """Return what is said of the end of `work` under signals at those moments, and when that is."""
    block = anyio.CancelScope()
    stopping = Stopping(grace_s, block.cancel)
    stopping.finish_first(work)
    async with background(stopping.obey, arriving(*moments)):
        with block:
            await work.finish()
    return str(stopping.ended), anyio.current_time()


async def test_calls_that_finish_within_the_grace_period_are_waited_for():
    said, at_s = await stopped(Calls(answered_s=40), (10, INT))

    assert at_s == pytest.approx(40)
    assert said == (
        "Stopped by SIGINT: 3 calls in flight were finished, and everything is kept. "
        "Run the same command again to go on."
    )


async def test_what_goes_on_at_the_provider_is_said():
    left = "1 batch with 6 requests goes on at the provider."
    said, _ = await stopped(Calls(0, left, answered_s=0), (10, TERM))

    assert said == (
        "Stopped by SIGTERM: no call was in flight, and everything is kept. 1 batch with 6 requests goes on at the "
        "provider. Run the same command again to go on."
    )


@pytest.mark.parametrize("answered_s", [40, 100])
async def test_what_is_missing_elsewhere_is_said_as_it_is_at_the_end(answered_s):
    owed = ["500 records are not in x yet."]
    work, block = Calls(answered_s=answered_s), anyio.CancelScope()
    stopping = Stopping(60, block.cancel)
    stopping.finish_first(work, lambda: owed[-1])

    async with background(stopping.obey, arriving((10, INT))):
        with block:
            await work.finish()
    left = str(stopping.end)
    owed.append("")
    nothing_left = str(stopping.end)

    assert left.endswith("is kept. 500 records are not in x yet. Run the same command again to go on.")
    assert nothing_left == str(stopping.ended)
    assert stopping.end is not None
    assert stopping.end.signal is INT


async def test_calls_that_take_longer_than_the_grace_period_are_cancelled_and_counted():
    said, at_s = await stopped(Calls(), (10, TERM), grace_s=60)

    assert at_s == pytest.approx(70)
    assert said == (
        "Left 60 s after SIGTERM, as grace_s says: 3 calls in flight were cancelled and may be paid for again; "
        "everything that has arrived is kept. Run the same command again to go on."
    )


async def test_a_second_signal_cancels_the_calls_at_once():
    said, at_s = await stopped(Calls(1), (10, INT), (12, INT))

    assert at_s == pytest.approx(12)
    assert said == (
        "Left at once by a second signal, SIGINT: 1 call in flight was cancelled and may be paid for again; "
        "everything that has arrived is kept. Run the same command again to go on."
    )


async def test_a_terminal_that_is_closed_says_so_twice_and_does_not_insist():
    said, at_s = await stopped(Calls(1, answered_s=30), (10, HANG_UP), (10.1, HANG_UP), (11, HANG_UP))

    assert said.startswith("Stopped by SIGHUP: 1 call in flight was finished, and everything is kept.")
    assert at_s == pytest.approx(30)


async def test_whoever_insists_after_that_is_obeyed():
    said, at_s = await stopped(Calls(1), (10, HANG_UP), (10.1, HANG_UP), (12, TERM))

    assert said.startswith("Left at once by a second signal, SIGTERM: 1 call in flight was cancelled")
    assert at_s == pytest.approx(12)


async def test_nothing_is_said_to_be_lost_where_no_call_was_in_flight():
    drained, _ = await stopped(Calls(0, answered_s=11), (10, INT))
    left, _ = await stopped(Calls(0), (10, INT), (12, INT))

    assert drained.startswith("Stopped by SIGINT: no call was in flight, and everything is kept.")
    assert left.startswith("Left at once by a second signal, SIGINT: no call was in flight;")


async def test_the_reason_that_work_is_stopped_with_holds_whatever_comes_and_says_until_when():
    work = Calls()

    await stopped(work, (10, INT), (12, TERM))

    (reason,) = work.reasons
    assert isinstance(reason, Interrupted)
    assert reason.signal is INT
    assert reason.finish_by_s == pytest.approx(70)
    assert str(reason).startswith("Stopped by SIGINT; everything that has arrived is kept.")


async def test_the_signal_that_ends_the_block_is_told():
    for moments, number in ([(1, INT)], INT), ([(1, TERM)], TERM), ([(1, INT), (2, TERM)], TERM):
        block = anyio.CancelScope()
        stopping = Stopping(60, block.cancel)
        stopping.finish_first(Calls())

        with block:
            await stopping.obey(arriving(*moments))

        assert stopping.ended is not None
        assert stopping.ended.signal is number


async def test_before_there_is_work_the_first_signal_ends_the_block():
    block = anyio.CancelScope()
    stopping = Stopping(60, block.cancel)

    async with background(stopping.obey, arriving((10, INT))):
        with block:
            await anyio.sleep_forever()

    assert anyio.current_time() == pytest.approx(10)
    assert str(stopping.ended).startswith("Stopped by SIGINT before any call was sent.")


@pytest.mark.parametrize(
    ("moments", "number", "after_s", "said"),
    [
        ([(10, INT), (11, TERM)], TERM, 11, "Left at once by a second signal, SIGTERM"),
        ([(10, HANG_UP), (10.1, HANG_UP)], HANG_UP, 70, "Left 60 s after SIGHUP, as grace_s says"),
    ],
)
async def test_a_block_that_does_not_end_then_is_left_behind_when_somebody_insists_or_nobody_can(
    moments, number, after_s, said
):
    block = anyio.CancelScope()
    left: list[tuple[float, Interrupted]] = []
    stopping = Stopping(60, block.cancel, lambda how: left.append((anyio.current_time(), how)))

    async with background(stopping.obey, arriving(*moments)):
        with block, anyio.CancelScope(shield=True):
            await anyio.sleep_until(100)

    ((at_s, how),) = left
    assert at_s == pytest.approx(after_s)
    assert how.signal is number
    assert str(how).startswith(f"{said}, before any call was sent.")


# ------------------------------------------------------------------------------------------------ signals of the system


@pytest.fixture
def handlers():
    """Handlers of somebody else, which a signal must not reach while it is ours."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    got: list[int] = []

    def take(number: int, _: object) -> None:
        got.append(number)

    for number in SIGNALS:
        signal.signal(number, take)
    yield got
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_block_with_work_ends_with_the_word_of_how_and_the_handlers_are_as_before(number, handlers):
    work = Calls(2, answered_s=0)

    async def main() -> None:
        async with stop_on_signals(60) as stopping:
            stopping.finish_first(work)
            os.kill(ME, number)
            await work.finish()
            raise work.reasons[0]

    with pytest.raises(Interrupted, match=f"Stopped by {number.name}: 2 calls in flight were finished") as caught:
        anyio.run(main)

    assert caught.value.signal == number
    assert handlers == []
    os.kill(ME, number)
    assert handlers == [number]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_leaves_a_block_with_work(number, handlers):
    work = Calls()

    async def main() -> None:
        async with stop_on_signals(60) as stopping:
            stopping.finish_first(work)
            os.kill(ME, number)
            await work.asked.wait()
            os.kill(ME, number)
            await anyio.sleep_forever()

    with pytest.raises(Interrupted, match="3 calls in flight were cancelled"):
        anyio.run(main)


@contextmanager
def hang_up_does(handler: object) -> Iterator[None]:
    before = signal.signal(HANG_UP, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        signal.signal(HANG_UP, before)


def test_a_hang_up_stops_work_where_it_would_end_the_process(handlers):
    work = Calls(2, answered_s=0)

    async def main() -> None:
        async with stop_on_signals(60) as stopping:
            stopping.finish_first(work)
            os.kill(ME, HANG_UP)
            await work.finish()
            raise work.reasons[0]

    with hang_up_does(signal.SIG_DFL):
        with pytest.raises(Interrupted, match=r"Stopped by SIGHUP: 2 calls in flight were finished") as caught:
            anyio.run(main)
        after = signal.getsignal(HANG_UP)

    assert caught.value.signal == HANG_UP
    assert after == signal.SIG_DFL


class Deaf:
    """A handler of somebody else's, which cannot be hashed."""

    __hash__ = None  # type: ignore[assignment]

    def __init__(self) -> None:
        self.got: list[int] = []

    def __call__(self, number: int, _: object) -> None:
        self.got.append(number)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, Deaf()])
def test_a_hang_up_that_is_ignored_or_means_something_else_disturbs_nothing(handler, handlers):
    async def main() -> None:
        async with stop_on_signals(60):
            os.kill(ME, HANG_UP)
            await anyio.lowlevel.checkpoint()

    with hang_up_does(handler):
        anyio.run(main)
        with interrupted_by_signals():
            os.kill(ME, HANG_UP)

    assert handler == signal.SIG_IGN or handler.got == [HANG_UP, HANG_UP]


def test_outside_an_event_loop_a_hang_up_ends_the_block_and_the_second_one_does_not_disturb_it(handlers):
    ended: list[str] = []

    with hang_up_does(signal.SIG_DFL):
        with pytest.raises(Interrupted, match=r"Stopped by SIGHUP"), interrupted_by_signals():
            try:
                os.kill(ME, HANG_UP)
            finally:
                os.kill(ME, HANG_UP)
                ended.append("all of it")
        after = signal.getsignal(HANG_UP)

    assert ended == ["all of it"]
    assert after == signal.SIG_DFL


def test_signals_after_the_second_do_not_disturb_what_is_still_written(handlers):
    work = Calls()
    written: list[str] = []

    async def main() -> None:
        async with stop_on_signals(60) as stopping:
            stopping.finish_first(work)
            os.kill(ME, INT)
            await work.asked.wait()
            os.kill(ME, INT)
            try:
                await anyio.sleep_forever()
            finally:
                os.kill(ME, INT)
                with anyio.CancelScope(shield=True):
                    await anyio.lowlevel.checkpoint()
                    written.append("all")

    with pytest.raises(Interrupted, match="Left at once"):
        anyio.run(main)

    assert written == ["all"]
    assert handlers == []


def test_a_block_that_has_done_its_work_when_the_signal_comes_has_simply_done_it(handlers):
    async def main() -> str:
        async with stop_on_signals(60) as stopping:
            work = Calls()
            stopping.finish_first(work)
            os.kill(ME, INT)
            await work.asked.wait()
            return "done"
        raise AssertionError("unreachable")

    assert anyio.run(main) == "done"


def test_other_errors_of_the_block_pass_as_they_are(handlers):
    async def main() -> None:
        async with stop_on_signals(60):
            raise Interrupted("enough")

    with pytest.raises(Interrupted, match="enough"):
        anyio.run(main)


@pytest.mark.parametrize("number", SIGNALS)
def test_blocking_code_is_ended_wherever_it_is(number, handlers):
    with pytest.raises(Interrupted, match=f"^Stopped by {number.name}\\.") as caught, interrupted_by_signals():
        os.kill(ME, number)
        threading.Event().wait()

    assert caught.value.signal == number
    assert handlers == []
    os.kill(ME, number)
    assert handlers == [number]


@pytest.mark.parametrize("number", SIGNALS)
def test_the_blocking_call_is_interrupted_and_the_same_call_goes_on(number, handlers, tmp_path, serve, source):
    def signal_at_the_tenth(call: Call) -> None:
        if call.index == 10:
            os.kill(ME, number)

    server = serve(faults=signal_at_the_tenth, delay_s=0.02)
    knobs = {"base_url": server.base_url, "open_articles": 3}

    with pytest.raises(Interrupted, match="finished, and everything is kept") as caught:
        qloragen.generate(source, tmp_path / "run", **knobs)

    assert caught.value.signal == number
    assert handlers == []
    assert len(server.calls) < 8 * 4
    assert qloragen.generate(source, tmp_path / "run", **knobs).summary.records == 24
    assert len(server.calls) == 8 * 4


def test_the_call_for_event_loops_leaves_signals_to_their_owner(handlers, tmp_path, serve, source):
    def signal_at_the_tenth(call: Call) -> None:
        if call.index == 10:
            os.kill(ME, INT)

    server = serve(faults=signal_at_the_tenth)

    async def main() -> int:
        return (await qloragen.agenerate(source, tmp_path / "run", base_url=server.base_url)).summary.records

    assert anyio.run(main) == 24
    assert handlers == [INT]


def test_other_threads_leave_signals_alone(handlers):
    ran: list[str] = []

    async def main() -> None:
        async with stop_on_signals(60):
            ran.append("loop")

    def thread() -> None:
        with interrupted_by_signals():
            ran.append("block")
        anyio.run(main)

    other = threading.Thread(target=thread)
    other.start()
    other.join()

    assert ran == ["block", "loop"]
    os.kill(ME, INT)
    assert handlers == [INT]
