"""Collections by way of the package astrapy, and what its errors mean here; needs the extra `astra`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

import httpx
from astrapy import AsyncCollection, AsyncDatabase, DataAPIClient
from astrapy.api_options import APIOptions, TimeoutOptions
from astrapy.exceptions import (
    CollectionInsertManyException,
    DataAPIErrorDescriptor,
    DataAPIException,
    DataAPIResponseException,
)

from ..errors import SettingsError
from .connection import Document, Page, Query, indexed
from .place import AstraCollection
from .troubles import EXISTS, meaning, of_document

_MAKING_S = 120.0
"""What the making of a collection may take: it makes some ten indexes, on all nodes."""
_REQUESTS = 10
"""Requests that a deletion may consist of: a server deletes 20 documents at once."""


@asynccontextmanager
async def opened(place: AstraCollection) -> AsyncIterator[ApiCollection]:
    """Yield the collection at `place`."""
    one_ms = round(place.timeout_s * 1000)
    timeouts = TimeoutOptions(
        request_timeout_ms=one_ms,
        general_method_timeout_ms=_REQUESTS * one_ms,
        collection_admin_timeout_ms=max(one_ms, round(_MAKING_S * 1000)),
    )
    client = DataAPIClient(environment=place.environment, api_options=APIOptions(timeout_options=timeouts))
    base = client.get_async_database(place.endpoint, token=place.token, keyspace=place.keyspace)
    async with base as database, database.get_collection(place.collection) as collection:
        yield ApiCollection(place, database, collection)


class ApiCollection:
    """A `Collection`."""

    def __init__(
        self, place: AstraCollection, database: AsyncDatabase, collection: AsyncCollection[dict[str, object]]
    ) -> None:
        self._place = place
        self._database = database
        self._collection = collection

    async def prepare(self, unindexed: Sequence[str]) -> None:
        with self._meaning():
            there = {found.name: found.definition for found in await self._database.list_collections()}
            definition = there.get(self._place.collection)
            if definition is None:
                await self._database.create_collection(
                    self._place.collection, definition={"indexing": {"deny": [*unindexed]}}
                )
        if definition and (wrong := indexed(definition.indexing or {}, unindexed)):
            raise SettingsError(
                f"The collection {self._place} has an index for {', '.join(wrong)}, in which no text of more than 8,000"
                " bytes can be kept: name another collection, which will be made without, or delete this one."
            )

    async def insert(self, documents: Sequence[Document]) -> list[Document]:
        with self._meaning():
            kept, answers = await self._inserted(documents)
        # Raised apart from the answers: what they quote of documents is not to be in anybody's traceback.
        there = {identity for answer in answers for identity in self._existing(answer)}
        if any(document["_id"] not in kept | there for document in documents):
            raise ConnectionError(f"{self._place.host} does not say what has become of documents")
        return [document for document in documents if document["_id"] in there]

    async def _inserted(self, documents: Sequence[Document]) -> tuple[set[object], list[DataAPIResponseException]]:
        """Insert what can be inserted; returns the ids of these, and the answers that tell of errors."""
        try:
            done = await self._collection.insert_many(
                map(dict, documents), ordered=False, chunk_size=len(documents), concurrency=1
            )
        except CollectionInsertManyException as failure:
            answers = [answer for answer in failure.exceptions if isinstance(answer, DataAPIResponseException)]
            return {*failure.inserted_ids}, answers
        return {*done.inserted_ids}, []

    def _existing(self, answer: DataAPIResponseException) -> list[object]:
        """Return the ids that were there already, where nothing else is wrong."""
        status: dict[str, list[dict[str, object]]] = answer.raw_response.get("status") or {}
        failed = [
            (response.get("_id"), answer.error_descriptors[number])
            for response in status.get("documentResponses", [])
            if isinstance(number := response.get("errorsIdx"), int)
        ]
        if not failed:
            raise meaning(answer, self._place)
        for identity, error in failed:
            if error.error_code != EXISTS:
                raise of_document(error, identity, self._place)
        return [identity for identity, _ in failed]

    async def replace(self, document: Document) -> None:
        command = {
            "filter": {"_id": document["_id"]},
            "replacement": dict(document),
            "projection": {"_id": True},
            "options": {"upsert": True},
        }
        with self._meaning():
            # Its errors are raised here: astrapy would log them, with what they quote of the document.
            answer = await self._collection.command({"findOneAndReplace": command}, raise_api_errors=False)
        for error in map(DataAPIErrorDescriptor, answer.get("errors") or []):
            raise of_document(error, document["_id"], self._place)
        status: dict[str, object] = answer.get("status") or {}
        if not (status.get("matchedCount") or "upsertedId" in status):
            raise ConnectionError(f"{self._place.host} does not say what has become of a document")

    async def delete(self, ids: Sequence[str]) -> None:
        with self._meaning():
            await self._collection.delete_many({"_id": {"$in": [*ids]}})

    async def is_empty(self) -> bool:
        with self._meaning():
            return await self._collection.find_one({}, projection={"_id": True}) is None

    async def page(self, query: Query, state: str | None) -> Page:
        with self._meaning():
            found = self._collection.find(dict(query.filter), projection=dict(query.projection))
            if state is not None:
                found = found.initial_page_state(state)
            page = await found.fetch_next_page()
        return Page(tuple(page.results), page.next_page_state)

    @contextmanager
    def _meaning(self) -> Iterator[None]:
        try:
            yield
        except (DataAPIException, httpx.HTTPError) as failure:
            raise meaning(failure, self._place) from failure
