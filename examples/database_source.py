"""Articles from a database, a batch at a time. Run: python examples/database_source.py DATABASE RUN_DIRECTORY

The database is SQLite with a table `pages(id integer primary key, title, url, body)`, whose ids are 1 or more. Any
other with a DB-API driver is asked alike: change CONNECT, QUERY and its mark for a parameter (`%s` with psycopg).

Each batch is a query and a connection of its own that begins where the last one ended. So no transaction stays open
while models answer, no connection is idle until somebody cuts it, and memory stays flat.
"""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing

import qloragen

CONNECT = sqlite3.connect
QUERY = "select id, title, url, body from pages where id > ? and body is not null order by id limit 200"


def batch(database: str, after: int) -> list[tuple[int, str, str, str]]:
    """Return the rows that follow the id `after`; blocks, so it runs in a thread."""
    with closing(CONNECT(database)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(QUERY, (after,))
        return cursor.fetchall()


async def articles(database: str) -> AsyncIterator[dict[str, object]]:
    """Yield each row as an article; the next batch is asked for when the run needs it."""
    after = 0
    while rows := await asyncio.to_thread(batch, database, after):
        for number, title, url, body in rows:
            yield {"id": f"pages/{number}", "title": title, "url": url, "content": body}
        after = rows[-1][0]


def main(database: str, folder: str) -> None:
    print(qloragen.generate(articles(database), folder).summary)


main(*sys.argv[1:3])
