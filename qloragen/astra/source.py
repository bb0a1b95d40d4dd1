"""Articles from a collection of Astra DB or Cassandra, page by page, each once, through any outage that passes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from functools import partial
from random import Random
from types import MappingProxyType

import anyio

from ..engine.retry import RetryPolicy
from ..errors import ProviderUnavailable
from ..sources import Fields
from .connection import Document, Page, Query, connect
from .place import AstraCollection

FIELDS = Fields(id="_id")
"""Where documents keep what an article needs, unless another place is named."""
RETRY = RetryPolicy(base_s=1.0, patience_s=3600.0)
"""Pauses of up to 1, 2, 4... 60 seconds, for an hour."""
_EVERYTHING: Mapping[str, object] = MappingProxyType({})


async def astra_articles(
    place: AstraCollection | str,
    *,
    fields: Fields = FIELDS,
    filter: Mapping[str, object] = _EVERYTHING,
    retry: RetryPolicy = RETRY,
) -> AsyncGenerator[dict[str, object], None]:
    """Yield the documents of a collection as what a session reads articles from, in the order of the server's pages.

        async for record in session.stream(astra_articles("ks.articles", fields=Fields(content="body.text"))):
            ...

    The dicts have the keys `id`, `content`, `title`, `url` and `format`, as far as a document has such a thing; the
    session's own `field_...` settings stay as they are. Nothing else of the documents is fetched. One page is in memory
    at a time, and the next one is asked for when all of it has been taken. A page that fails is asked for again, after
    a pause, so that no document is left out or given twice.

    Args:
        place: A collection, or its name `KEYSPACE.COLLECTION`; see `AstraCollection.named`.
        fields: Names, or dotted paths such as `metadata.source`; `$vectorize` is the text of collections that make
            their vectors themselves.
        filter: Which documents, as the Data API writes it: `{"language": "en"}`; the fields must have an index.
        retry: The pauses after failures (`base_s`, `cap_s`), and the seconds for which one page may fail again and
            again before the run is stopped (`patience_s`).

    Raises, from the first step of the iteration:
        SettingsError: There is no such keyspace or collection, the filter is none, or the extra `astra` is missing.
        AccessDenied: The token is refused.
        ProviderUnavailable: The database has not answered for too long, or gives one page again and again.
    """
    place = AstraCollection.named(place) if isinstance(place, str) else place
    query = Query(filter, projection(fields))
    async with connect(place) as collection:
        async for document in documents(partial(collection.page, query), retry):
            yield article(document, fields)


async def documents(
    fetch: Callable[[str | None], Awaitable[Page]], retry: RetryPolicy
) -> AsyncGenerator[Document, None]:
    """Yield the documents of all pages; `fetch` gets one by its state, None for the first.

    Raises:
        ProviderUnavailable: It has raised OSError again and again, for too long, or names a page as its own next one.
    """
    state: str | None = None
    while True:
        page = await _patiently(partial(fetch, state), retry)
        for document in page.documents:
            yield document
        if page.next is None:
            return
        if page.next == state:
            raise ProviderUnavailable("The database gives the same page of articles again and again, without an end.")
        state = page.next


async def _patiently(fetch: Callable[[], Awaitable[Page]], retry: RetryPolicy) -> Page:
    begun_s = anyio.current_time()
    random = Random()  # noqa: S311 - jitter
    failures = 0
    while True:
        try:
            return await fetch()
        except OSError as failure:
            failures += 1
            delay_s = retry.delay_s(failures, random)
            if anyio.current_time() + delay_s - begun_s > retry.patience_s:
                raise ProviderUnavailable(
                    f"No page of articles has come for {retry.patience_s:g} s ({failure}): the same command goes on"
                    " once the database answers."
                ) from failure
        await anyio.sleep(delay_s)


def projection(fields: Fields) -> dict[str, bool]:
    """Return what to fetch of documents: no path that is part of another one, which the Data API refuses."""
    paths = {fields.id, fields.content, fields.title, fields.url, fields.format}
    return {path: True for path in sorted(paths) if not any(path.startswith(f"{other}.") for other in paths)}


def article(document: Document, fields: Fields) -> dict[str, object]:
    """Return a document under the names that a session reads; ids of the database's own kinds become texts."""
    named = {
        "id": _text_of(_at(document, fields.id)),
        "content": _at(document, fields.content),
        "title": _at(document, fields.title),
        "url": _at(document, fields.url),
        "format": _at(document, fields.format),
    }
    return {name: value for name, value in named.items() if value is not None}


def _at(document: Document, path: str) -> object:
    value: object = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _text_of(identity: object) -> object:
    """Return UUIDs and object ids, which a collection gives to documents that come without an id, as texts."""
    return identity if identity is None or isinstance(identity, str | int | float | list | Mapping) else str(identity)
