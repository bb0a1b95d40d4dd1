"""A stand-in for the search API of Elasticsearch: one index, points in time, `search_after`, and troubles to script."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

Trouble = int | Literal["cut off", "cut short", "a shard is down"]
"""A status; a connection that is lost before the answer, or in the middle of it; documents that cannot be read."""


class Elastic:
    """Serves `documents` by id in pages; each of `troubles` befalls one search."""

    def __init__(self, index: str, documents: Mapping[str, Mapping[str, object]], troubles: Iterable[Trouble]) -> None:
        self._index = index
        self._hits: list[dict[str, Any]] = [
            {"_index": index, "_id": name, "_source": source, "sort": [number]}
            for number, (name, source) in enumerate(documents.items())
        ]
        self._troubles = iter(troubles)
        self.open: list[str] = []
        """Points in time that nobody has closed."""
        self.pages: list[int] = []
        """Documents that each answered search gave."""
        self.base_url = ""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.post("/{index}/_pit", self._open),
                web.delete("/_pit", self._close),
                web.post("/_search", self._search),
            ]
        )
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _open(self, request: web.Request) -> web.Response:
        if request.match_info["index"] != self._index or "keep_alive" not in request.query:
            return _error(404, "index_not_found_exception")
        self.open.append("moment-0")
        return web.json_response({"id": "moment-0"})

    async def _close(self, request: web.Request) -> web.Response:
        self.open.remove((await request.json())["id"])
        return web.json_response({"succeeded": True, "num_freed": 1})

    async def _search(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        match next(self._troubles, 200):
            case "cut off":
                assert request.transport is not None
                request.transport.abort()
                return _error(503, "nobody hears it")
            case "cut short":
                return await _half_an_answer(request)
            case "a shard is down":
                if request.query.get("allow_partial_search_results") == "false":
                    return _error(503, "search_phase_execution_exception")
                return self._page(body, every=2)
            case 200:
                return self._page(body)
            case status:
                return _error(status, "es_rejected_execution_exception")

    def _page(self, body: Mapping[str, Any], every: int = 1) -> web.Response:
        if body["pit"]["id"] != self.open[-1]:
            return _error(404, "search_context_missing_exception")
        if body["sort"] != [{"_shard_doc": "asc"}] or body["size"] > 10_000:
            return _error(400, "illegal_argument_exception")
        [after] = body.get("search_after", [-1])
        found = self._hits[after + 1 : after + 1 + body["size"]][::every]
        wanted = body.get("_source", True)
        if wanted is not True:
            found = [{**hit, "_source": {name: hit["_source"].get(name) for name in wanted}} for hit in found]
        self.pages.append(len(found))
        self.open[-1] = f"moment-{len(self.pages)}"  # the id may change with every answer
        return web.json_response({"pit_id": self.open[-1], "hits": {"hits": found}})


async def _half_an_answer(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"hits": {')
    assert request.transport is not None
    request.transport.close()
    return response


def _error(status: int, kind: str) -> web.Response:
    return web.json_response({"error": {"type": kind}, "status": status}, status=status)
