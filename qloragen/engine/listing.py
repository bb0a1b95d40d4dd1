"""Completions that a provider has stored, found by their metadata: replies that were paid for and never arrived.

    async for found in stored(client, {"job": "7"}, timeout_s=30):
        completion = decode(found.body, model=found.model, structure=found.structure, price=price)

Stored is what was asked with `Request.metadata`. The listing is that of OpenAI's API, `GET /chat/completions`
(developers.openai.com/api/reference, "List Chat Completions"); it shows the metadata, which the answer to a call need
not (github.com/openai/openai-node, issue 1818; both read in November 2026). How soon after it was generated a
completion is listed, and for how long, is not documented.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from random import Random

import anyio
import orjson

from ..types import Structure
from .client import Client, ConnectionLost, HttpReply, Listing
from .diagnosis import described, of_connection, of_reply
from .failures import Failure
from .reply import Json, UnreadableReply, json_object
from .retry import RetryPolicy

_PATH = "/chat/completions"
_PAGE = 100
"""The most that the API gives at once."""
_ATTEMPTS = 5
_PASSING = frozenset({408, 409, 429, *range(500, 600)} - {501})
_PATIENT = RetryPolicy()


class StoredUnavailable(Exception):
    """Stored completions cannot be listed; the message says why, in one sentence.

    `final` is true where another attempt would end alike: there is no such thing at this provider, or the key may not.
    """

    def __init__(self, message: str, *, final: bool) -> None:
        super().__init__(message)
        self.final = final


@dataclass(frozen=True, slots=True)
class Stored:
    """One stored completion."""

    id: str
    model: str
    """As the provider names it, which may be longer than the name that was asked for."""
    metadata: Mapping[str, str]
    created_s: int
    """Seconds since 1970, on the provider's clock."""
    structure: Structure | None
    """How a structured answer was asked for, as far as the listing says it."""
    body: bytes
    """What `decode` reads: the completion, and some of what it was asked with."""


async def stored(
    client: Client,
    metadata: Mapping[str, str],
    *,
    model: str | None = None,
    timeout_s: float = 60.0,
    random: Random | None = None,
) -> AsyncIterator[Stored]:
    """Yield the completions that have all of `metadata` (and are of `model`), the newest first.

    Pages of 100 are fetched as they are needed, each in `timeout_s` seconds at most. What fails in passing is tried
    five times in all.

    Raises:
        StoredUnavailable: no page came, or no further one.
    """
    if not isinstance(client, Listing):
        raise StoredUnavailable("This client cannot list stored completions: it has no `get`.", final=True)
    pages = _Pages(client, timeout_s, random or Random())  # noqa: S311 - jitter
    query = {f"metadata[{key}]": value for key, value in metadata.items()}
    query |= {"order": "desc", "limit": str(_PAGE)} | ({} if model is None else {"model": model})
    seen: set[str] = set()
    while True:
        page = await pages.fetch(query)
        found = [one for one in _read(page) if one.id not in seen]
        for one in found:
            if metadata.items() <= one.metadata.items():  # some servers do not know the filter
                yield one
        if not found or page.get("has_more") is not True:
            return
        seen = {one.id for one in found}
        query["after"] = found[-1].id


class _Pages:
    """Fetches pages, with patience."""

    def __init__(self, client: Listing, timeout_s: float, random: Random) -> None:
        self._client = client
        self._timeout_s = timeout_s
        self._random = random

    async def fetch(self, query: Mapping[str, str]) -> Json:
        failures = 0
        while isinstance(page := await self._get(query), Failure):
            failures += 1
            if page.kind == "http" and page.status not in _PASSING:
                raise StoredUnavailable(f"This provider lists no stored completions ({described(page)}).", final=True)
            if failures == _ATTEMPTS:
                raise StoredUnavailable(f"Stored completions could not be listed ({described(page)}).", final=False)
            await anyio.sleep(_PATIENT.delay_s(failures, self._random, at_least_s=page.retry_after_s))
        return page

    async def _get(self, query: Mapping[str, str]) -> Json | Failure:
        try:
            reply = await self._client.get(_PATH, query, timeout_s=self._timeout_s)
        except ConnectionLost as lost:
            return of_connection(lost)
        return _page(reply)


def _page(reply: HttpReply) -> Json | Failure:
    if reply.status >= 300:
        return of_reply(reply, None)
    try:
        page = json_object(reply.body)
    except UnreadableReply:
        return of_reply(reply, None)
    return page if isinstance(page.get("data"), list) else of_reply(reply, None)


def _read(page: Json) -> list[Stored]:
    data = page["data"]
    assert isinstance(data, list)
    return [
        Stored(
            id=item["id"],
            model=str(item.get("model")),
            metadata=_words(item.get("metadata")),
            created_s=_whole(item.get("created")),
            structure=_structure(item),
            body=orjson.dumps(item),
        )
        for item in data
        if isinstance(item, dict) and isinstance(item.get("id"), str)
    ]


def _structure(item: Json) -> Structure | None:
    if item.get("tools"):
        return "tools"
    asked = item.get("response_format")
    match asked.get("type") if isinstance(asked, dict) else None:
        case "json_schema":
            return "json_schema"
        case "json_object":
            return "json_object"
        case _:
            return None


def _words(value: object) -> Mapping[str, str]:
    return {str(key): str(word) for key, word in value.items()} if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
