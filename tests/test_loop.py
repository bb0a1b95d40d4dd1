"""The loop that blocking calls run on."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

from qloragen.loop import block_on


def test_uvloop_is_used_exactly_where_it_is_installed():
    async def main(word: str) -> tuple[str, str]:
        return word, type(asyncio.get_running_loop()).__module__.partition(".")[0]

    assert block_on(main, "word") == ("word", "uvloop" if find_spec("uvloop") else "asyncio")
