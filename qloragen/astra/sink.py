"""Records to a collection of Astra DB or Cassandra, each once by its id, however often it is handed over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import anyio
import orjson

from ..errors import QloragenError
from ..store.lines import RecordLine, record_line
from ..types import Record, digest
from .connection import Collection, Document, connect
from .place import AstraCollection

UNINDEXED = ("instruction", "input", "output", "title", "url")
"""Fields whose length has no bound. A text in an index may have 8,000 bytes at most (Data API limits,
docs.datastax.com/en/astra-db-serverless/api-reference/dataapi-limits.html; read 2026-11-29), others as many as the
document."""
MOST_DOCUMENTS = 50
"""Documents of one insertion: what astrapy sends by itself; servers take 100 (`OperationsConfig.java` of the Data API's
source, read 2026-11-29)."""
MOST_TEXT = 4_000_000
"""Bytes of the documents of one insertion, unless a single one has more: servers take requests of 20 MB."""
MOST_IDS = 100
"""Ids of one deletion: as many as a server takes in `$in` (same source)."""
_TOGETHER = 8
"""Replacements in flight at a time; each is a request of its own."""


class AstraSink:
    """Keeps the records of a run in a collection: a document for each, with what `records.jsonl` says of it.

        async with qloragen.Session("runs/a", sinks=[AstraSink(AstraCollection.named("ks.records"))]) as session:
            ...

    The record's id is the document's `_id`. Opening it makes the collection where there is none, with an index for all
    fields but `UNINDEXED`; one that exists must have no index for these. An insertion whose answer got lost can be
    repeated: what is there already is replaced.
    """

    def __init__(self, place: AstraCollection | str) -> None:
        """Take a collection, or its name `KEYSPACE.COLLECTION`; see `AstraCollection.named`.

        Raises:
            SettingsError: The name is none, or an environment variable is missing.
        """
        self._place = AstraCollection.named(place) if isinstance(place, str) else place
        self._inside = AsyncExitStack()
        self._opened: Collection | None = None

    def __repr__(self) -> str:
        return f"AstraSink({self.name})"

    @property
    def name(self) -> str:
        """Tell which place this is: two databases may have collections of one name."""
        return f"astra-{self._place}-{digest(self._place.endpoint.rstrip('/'))[:8]}"

    async def __aenter__(self) -> Self:
        """Connect, and make the collection if there is none.

        Raises:
            ConnectionError, TimeoutError: It may work later.
            AccessDenied: The token is refused.
            SettingsError: There is no such keyspace, the collection cannot be made, or has an index for long texts.
        """
        async with AsyncExitStack() as inside:
            collection = await inside.enter_async_context(connect(self._place))
            await collection.prepare(UNINDEXED)
            self._inside = inside.pop_all()
        self._opened = collection
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened = None
        await self._inside.__aexit__(kind, error, trace)

    async def put(self, records: Sequence[Record]) -> None:
        """Keep records; of several with one id the last. The database has them on most of its nodes when this returns.

        Raises:
            ConnectionError, TimeoutError: It may work later; some of the records may be there.
            AccessDenied, SettingsError: As for opening it.
            SinkFailed: The database does not take one of the records.
        """
        last = {record.id: record for record in records}
        for documents in portions(map(document, last.values()), size):
            there = await self._collection.insert(documents)
            await self._replace(there)

    async def drop(self, ids: Sequence[str]) -> None:
        """Forget records that count no more; those that are not there are passed over. Raises what `put` does."""
        for start in range(0, len(ids), MOST_IDS):
            await self._collection.delete(ids[start : start + MOST_IDS])

    async def is_empty(self) -> bool:
        """Say whether there is no record, as after someone has deleted the collection. Raises what `put` does."""
        return await self._collection.is_empty()

    @property
    def _collection(self) -> Collection:
        if self._opened is None:
            raise RuntimeError(f"{self!r} is not open: use it in `async with`.")
        return self._opened

    async def _replace(self, documents: Sequence[Document]) -> None:
        collection, waiting, failures = self._collection, list(documents), list[Exception]()

        async def work() -> None:
            while waiting and not failures:
                try:
                    await collection.replace(waiting.pop())
                except (OSError, QloragenError) as failure:
                    failures.append(failure)  # raised below, where no group wraps it

        async with anyio.create_task_group() as tasks:
            for _ in range(min(_TOGETHER, len(documents))):
                tasks.start_soon(work)
        if failures:
            raise failures[0]


def document(record: Record) -> dict[str, object]:
    """Return what is kept of a record: the fields that it has in `records.jsonl`, with its id as `_id`."""
    line: dict[str, object] = orjson.loads(record_line(record))
    return {"_id": record.id, **{name: line[name] for name in RecordLine.model_fields if name != "id"}}


def size(one: Document) -> int:
    """Return the bytes of a document as JSON."""
    return len(orjson.dumps(one))


def portions(documents: Iterable[Document], size_of: Callable[[Document], int]) -> Iterator[list[Document]]:
    """Divide documents, in their order, into what one insertion may hold; `size_of` is in bytes."""
    portion: list[Document] = []
    text = 0
    for one in documents:
        own = size_of(one)
        if portion and (len(portion) == MOST_DOCUMENTS or text + own > MOST_TEXT):
            yield portion
            portion, text = [], 0
        portion.append(one)
        text += own
    if portion:
        yield portion
