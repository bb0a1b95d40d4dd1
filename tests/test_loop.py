"""The loop that blocking calls run on."""

from __future__ import annotations

import asyncio
import os
import signal
from importlib.util import find_spec

import anyio
import pytest

from qloragen.loop import block_on
from qloragen.signals import stop_on_signals


def test_uvloop_is_used_exactly_where_it_is_installed():
    async def main(word: str) -> tuple[str, str]:
        return word, type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert block_on(main, "word") == ("word", "uvloop" if find_spec("uvloop") else "asyncio")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_a_second_one_leaves(number):
    asked: list[str] = []

    async def main() -> str:
        stopping = anyio.Event()

        def stop(reason: Exception) -> None:
            asked.append(str(reason))
            stopping.set()

        async with stop_on_signals(stop):
            await anyio.lowlevel.checkpoint()
            os.kill(os.getpid(), number)
            await stopping.wait()
            os.kill(os.getpid(), number)
            await anyio.sleep_forever()
        return "left"

    assert block_on(main) == "left"
    assert len(asked) == 1
    assert signal.Signals(number).name in asked[0]
