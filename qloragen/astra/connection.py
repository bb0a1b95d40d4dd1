"""What sink and source need of a collection, and how to open one; only what is opened knows the package astrapy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple, Protocol

import anyio.to_thread

from ..errors import SettingsError
from .place import AstraCollection

Document = Mapping[str, object]


class Query(NamedTuple):
    """Which documents are wanted, and what of them; both as the Data API writes it."""

    filter: Mapping[str, object]
    projection: Mapping[str, bool]


class Page(NamedTuple):
    """Documents, in the order of the server's pages, and the state that the next page is asked for with."""

    documents: tuple[Document, ...]
    next: str | None
    """None: there are no more."""


class Collection(Protocol):
    """An open collection.

    Each of its methods raises:
        ConnectionError, TimeoutError: It may work later; whether the request was carried out is not known.
        AccessDenied: The token is refused.
        SettingsError: The database refuses this for good; the message says what to mend.
    """

    async def prepare(self, unindexed: Sequence[str]) -> None:
        """Make the collection, without an index for those fields; one that exists must have none for them either."""

    async def insert(self, documents: Sequence[Document]) -> list[Document]:
        """Insert documents with different ids; returns those whose id was there already, which were left out.

        Raises:
            SinkFailed: The database refuses one of them as it is.
        """

    async def replace(self, document: Document) -> None:
        """Put a document in the place of the one with its id."""

    async def delete(self, ids: Sequence[str]) -> None:
        """Delete documents; ids that are not there are passed over."""

    async def is_empty(self) -> bool:
        """Say whether there is no document."""

    async def page(self, query: Query, state: str | None) -> Page:
        """Read one page; with the same `state` it is the same one."""


class _Opens(Protocol):
    def __call__(self, place: AstraCollection) -> AbstractAsyncContextManager[Collection]: ...


@asynccontextmanager
async def connect(place: AstraCollection) -> AsyncIterator[Collection]:
    """Yield the collection at `place`; nothing is sent before it is used.

    Raises:
        SettingsError: The extra `astra` is not installed.
    """
    if find_spec("astrapy") is None:
        raise SettingsError("Collections of Astra DB need the extra `astra`: pip install 'qloragen[astra]'.")
    opens: _Opens = (await anyio.to_thread.run_sync(import_module, f"{__package__}.api")).opened  # half a second
    async with opens(place) as collection:
        yield collection


def indexed(indexing: Mapping[str, object], fields: Iterable[str]) -> list[str]:
    """Return which of `fields` have an index in a collection with this `indexing`, as the Data API writes it.

    A collection has an index for all fields but those that it denies, or for none but those that it allows; `*` is all.
    """
    denied, allowed = indexing.get("deny"), indexing.get("allow")
    if isinstance(allowed, list) and "*" not in allowed:
        return [field for field in fields if field in allowed]
    if isinstance(denied, list):
        return [field for field in fields if field not in denied and "*" not in denied]
    return list(fields)
