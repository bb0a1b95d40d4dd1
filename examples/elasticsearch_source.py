"""Articles from an Elasticsearch index, page by page. Run: python examples/elasticsearch_source.py SERVER INDEX OUT

The pages are those of one point in time, however long the run takes, and each is asked for when it is needed: memory
stays flat. Refusals and lost connections are tried again. The key comes from the variable ELASTIC_API_KEY.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import aiohttp

import qloragen

PAGE = 200
KEPT = "1h"  # for how long the server keeps the point in time after each page
TRIES = 9
WORTH_ANOTHER = {429, 502, 503, 504}


async def asked(http: aiohttp.ClientSession, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """Return what the server answers; after a refusal or a lost connection ask again, in 0.25, 0.5, 1... seconds."""
    for attempt in range(TRIES):
        pause_s = 0.25 * 2**attempt
        try:
            async with http.request(method, path, json=body) as response:
                if response.status not in WORTH_ANOTHER or attempt == TRIES - 1:
                    response.raise_for_status()
                    return await response.json()
                pause_s = float(response.headers.get("Retry-After", pause_s))
        except (aiohttp.ClientConnectionError, TimeoutError):
            if attempt == TRIES - 1:
                raise
        await asyncio.sleep(pause_s)
    raise AssertionError("unreachable")


async def hits(server: str, index: str) -> AsyncGenerator[Mapping[str, object], None]:
    """Yield every document of an index as the server gives it: `_id`, and its fields in `_source`."""
    key = os.environ.get("ELASTIC_API_KEY")
    headers = {"Authorization": f"ApiKey {key}"} if key else {}
    async with aiohttp.ClientSession(server, headers=headers, timeout=aiohttp.ClientTimeout(60)) as http:
        moment = (await asked(http, "POST", f"/{index}/_pit?keep_alive={KEPT}"))["id"]
        body: dict[str, object] = {"size": PAGE, "sort": [{"_shard_doc": "asc"}], "track_total_hits": False}
        try:
            while True:
                answer = await asked(http, "POST", "/_search", {**body, "pit": {"id": moment, "keep_alive": KEPT}})
                moment, found = answer.get("pit_id", moment), answer["hits"]["hits"]
                if not found:
                    return
                for hit in found:
                    yield hit
                body["search_after"] = found[-1]["sort"]
        finally:
            await asked(http, "DELETE", "/_pit", {"id": moment})


async def main(server: str, index: str, folder: str) -> None:
    async with (
        qloragen.Session(folder, field_content="_source.content", field_title="_source.title") as session,
        aclosing(hits(server, index)) as articles,
    ):
        await session.process(articles)
        print(session.summary)


asyncio.run(main(*sys.argv[1:4]))
