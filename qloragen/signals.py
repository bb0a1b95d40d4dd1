"""Ctrl-C and SIGTERM: once to finish what is in flight, twice to leave."""

from __future__ import annotations

import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

from .background import background
from .errors import Interrupted

LEFT_AT_ONCE = "Left at once: calls in flight may be paid for and are lost. Run the same command again to go on."


@asynccontextmanager
async def stop_on_signals(stop: Callable[[Interrupted], None]) -> AsyncIterator[None]:
    """Within the block, call `stop` at the first SIGINT or SIGTERM, and leave the block quietly at the second.

    Outside the main thread signals cannot be received, and the block just runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    block = anyio.CancelScope()
    async with background(_listen, stop, block):
        with block:
            yield


async def _listen(stop: Callable[[Interrupted], None], block: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        asked = False
        async for number in signals:
            if asked:
                block.cancel()
                return
            asked = True
            stop(
                Interrupted(
                    f"Stopped by {signal.Signals(number).name}; calls in flight were finished and everything is kept. "
                    "Run the same command again to go on."
                )
            )
