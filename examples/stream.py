"""Records inside another asyncio pipeline, as they are made. Run: python examples/stream.py RUN_DIRECTORY"""

import asyncio
import sys
from collections.abc import AsyncIterator

import qloragen

TEXTS = {
    "hinted handoff": """# How hinted handoff works

When a replica is down, the coordinator of a write keeps a hint for it: the write itself, and the node that has missed
it. Hints are collected for three hours at most, which `max_hint_window` sets, and lie on the disk of the coordinator.

As soon as the replica is back, the hints are replayed to it in the order in which they came. A node that was away for
longer has a gap that no hint fills. Run a repair in that case, because hints are no substitute for it.
""",
    "read repair": """# How read repair works

A read at the level `QUORUM` asks several replicas and compares their answers. If they differ, the newest value goes to
the client, and the replicas that had an older one are overwritten with it before the read ends.

So what is read often stays the same everywhere, at the price of slower reads while there are differences. Rows that
nobody reads are never mended in this way, and need a scheduled repair.
""",
}


async def articles() -> AsyncIterator[dict[str, str]]:
    """Stand for a database cursor, a queue, a crawler: anything that yields articles one by one."""
    for name, text in TEXTS.items():
        yield {"id": name, "content": text}


async def main() -> None:
    async with qloragen.Session(out=sys.argv[1]) as session:
        async for record in session.stream(articles()):
            print(record.type_slug, "-", record.instruction)
        print(session.summary)


asyncio.run(main())
