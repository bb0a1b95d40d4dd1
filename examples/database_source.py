"""Articles from a database, a batch at a time. Run: python examples/database_source.py DATABASE RUN_DIRECTORY

The database is SQLite with a table `pages(id integer primary key, title, url, body)`. Any other with a DB-API driver is
asked alike: change CONNECT, QUERY and its mark for a parameter (`%s` with psycopg). Each batch is a query of its own
that begins where the last one ended, so that no transaction stays open while models answer, and memory stays flat.
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from functools import partial

import qloragen

CONNECT = partial(sqlite3.connect, check_same_thread=False)
QUERY = "select id, title, url, body from pages where id > ? and body is not null order by id limit 200"


def batch(connection: sqlite3.Connection, after: int) -> list[tuple[int, str, str, str]]:
    """Return the rows that follow the id `after`; blocks, so it runs in a thread."""
    with closing(connection.cursor()) as cursor:
        return cursor.execute(QUERY, (after,)).fetchall()


async def articles(database: str) -> AsyncGenerator[dict[str, object], None]:
    """Yield each row as an article; the next batch is asked for when the run needs it."""
    connection = await asyncio.to_thread(CONNECT, database)
    try:
        after = 0
        while rows := await asyncio.to_thread(batch, connection, after):
            for number, title, url, body in rows:
                yield {"id": f"pages/{number}", "title": title, "url": url, "content": body}
            after = rows[-1][0]
    finally:
        await asyncio.to_thread(connection.close)


async def main(database: str, folder: str) -> None:
    async with qloragen.Session(folder) as session, aclosing(articles(database)) as pages:
        await session.process(pages)
        print(session.summary)


asyncio.run(main(*sys.argv[1:3]))
