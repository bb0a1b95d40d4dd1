"""A crew: as many tasks as are wanted, and none to whom nothing is left to do."""

from __future__ import annotations

import anyio

from qloragen.pipeline.crew import Crew


async def test_nobody_is_hired_once_there_is_nothing_left_to_do():
    left = [3]
    hired = 0

    async def work() -> None:
        nonlocal hired
        hired += 1
        while left[0]:
            left[0] -= 1
            await anyio.sleep(1)
            crew.is_needed()
        crew.dismiss()

    async with anyio.create_task_group() as tasks:
        crew = Crew(tasks, lambda: 10)
        crew.hire(work)

    assert hired == 10


async def test_others_are_hired_when_more_are_wanted():
    wanted, at_work, most = 1, 0, 0

    async def work() -> None:
        nonlocal wanted, at_work, most
        at_work += 1
        most = max(most, at_work)
        await anyio.sleep(1)
        wanted = 4
        needed = crew.is_needed()
        await anyio.sleep(1)
        assert needed
        at_work -= 1
        crew.dismiss()

    async with anyio.create_task_group() as tasks:
        crew = Crew(tasks, lambda: wanted)
        crew.hire(work)

    assert most == 4
