"""Records inside another asyncio pipeline, as they are made. Run: python examples/stream.py RUN_DIRECTORY"""

import asyncio
import sys
from collections.abc import AsyncIterator

import qloragen


async def articles() -> AsyncIterator[dict[str, str]]:
    """Stand for a database cursor, a queue, a crawler: anything that yields articles one by one."""
    for name in ("hinted handoff", "read repair"):
        yield {
            "id": name,
            "content": f"# How {name} works\n\nCassandra uses {name} to bring replicas that have missed a write up to "
            "date. It works in the background, needs no downtime, and leaves its traces in the log of each node.\n",
        }


async def main() -> None:
    async with qloragen.Session(out=sys.argv[1]) as session:
        async for record in session.stream(articles()):
            print(record.type_slug, "-", record.instruction)
        print(session.summary)


asyncio.run(main())
