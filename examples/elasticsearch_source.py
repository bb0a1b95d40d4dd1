"""Articles from an Elasticsearch index, page by page. Run: python examples/elasticsearch_source.py SERVER INDEX OUT

The pages are those of one point in time, however long the run takes, and each is asked for when it is needed: memory
stays flat. A page that is refused, cut off, or has not all shards' documents is asked for again, so that no article is
left out or given twice. The key comes from the variable ELASTIC_API_KEY.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import aiohttp

import qloragen

PAGE = 200
KEPT = "8h"  # the point in time, from one page to the next: longer than a run waits for a provider (max_outage_s)
TRIES = 9
WORTH_ANOTHER = {429, 502, 503, 504}


async def asked(http: aiohttp.ClientSession, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
    """Return what the server answers; after a refusal or a lost connection ask again, in 0.25, 0.5, 1... seconds."""
    for attempt in range(1, TRIES + 1):
        try:
            async with http.request(method, path, json=body) as response:
                if response.status not in WORTH_ANOTHER or attempt == TRIES:
                    response.raise_for_status()
                    return await response.json()
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
            if attempt == TRIES:
                raise
        await asyncio.sleep(0.125 * 2**attempt)
    raise AssertionError("unreachable")


async def hits(server: str, index: str) -> AsyncIterator[Mapping[str, object]]:
    """Yield every document of an index as the server gives it: `_id`, and its fields in `_source`."""
    key = os.environ.get("ELASTIC_API_KEY")
    headers = {"Authorization": f"ApiKey {key}"} if key else {}
    async with aiohttp.ClientSession(server, headers=headers, timeout=aiohttp.ClientTimeout(60)) as http:
        moment = (await asked(http, "POST", f"/{index}/_pit?keep_alive={KEPT}"))["id"]
        body: dict[str, object] = {
            "size": PAGE,
            "sort": [{"_shard_doc": "asc"}],  # a place for each document: none is on two pages
            "_source": ["content", "title", "url"],
            "track_total_hits": False,
        }
        try:
            while True:
                body["pit"] = {"id": moment, "keep_alive": KEPT}
                # By default, documents of shards that are down or slow would be missing without an error.
                answer = await asked(http, "POST", "/_search?allow_partial_search_results=false", body)
                moment, found = answer.get("pit_id", moment), answer["hits"]["hits"]
                if not found:
                    return
                for hit in found:
                    yield hit
                body["search_after"] = found[-1]["sort"]
        finally:
            with suppress(aiohttp.ClientError):  # if it has run out by itself, or the server is down
                await asked(http, "DELETE", "/_pit", {"id": moment})


def main(server: str, index: str, folder: str) -> None:
    run = qloragen.generate(
        hits(server, index),
        folder,
        field_content="_source.content",
        field_title="_source.title",
        field_url="_source.url",
    )
    print(run.summary)


main(*sys.argv[1:4])
