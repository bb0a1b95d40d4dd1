"""A stand-in for the Data API of Astra DB: real HTTP on loopback, collections in memory, faults on demand.

async with AstraApi() as api:
    api.next("insertMany", reset_after)      # the next one is carried out, and its answer lost
    ...                                      # talk to api.place("articles")
    assert api.documents("articles") == ...

Built from the Data API's own source and tests (github.com/stargate/data-api, commit ada41bd of 2026-08-20:
`errors.yaml` for codes, families and HTTP statuses; `InsertOperationPage.java` and
`InsertInCollectionIntegrationTest.java` for what an insertion answers; `DocumentLimitsConfig.java`,
`OperationsConfig.java` and `DocumentShredder.java` for limits; `FindCollectionsIntegrationTest.java`), its
documentation (docs.datastax.com, "Data API limits", read 2026-11-29: pages of 20 documents, 20 deletions a request,
8,000 bytes of an indexed text), and what astrapy 2.3 sends and expects. Never held against a real database. Left out:
vectors, sorting, updates, and all filters but equality, `$in` and `$exists`. Stricter in one way: a page that is just
full always names a next one, which may be empty.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self
from uuid import uuid4

import orjson
from aiohttp import web

from qloragen.astra import AstraCollection

TOKEN = "AstraCS:a-secret-that-nobody-may-see"
MOST_BODY, MOST_DOCUMENT, MOST_INDEXED = 20_000_000, 4_000_000, 8_000
MOST_INSERTED, MOST_IN, MOST_DELETED, MOST_COUNTED = 100, 100, 20, 1_000
MOST_COLLECTIONS = 10

Document = dict[str, Any]
Answer = dict[str, Any]
Fault = Callable[[web.Request, Callable[[], Answer]], Awaitable[web.StreamResponse]]
"""Answers a request in the server's place; may call what would have been done."""


class ApiError(Exception):
    """An entry of `errors`."""

    def __init__(self, code: str, message: str, *, scope: str = "", family: str = "REQUEST", status: int = 200) -> None:
        super().__init__(message)
        self.status = status
        self.entry = {
            "id": str(uuid4()),
            "family": family,
            "scope": scope,
            "errorCode": code,
            "title": code.replace("_", " ").capitalize(),
            "message": message,
        }


@dataclass
class Stored:
    """A collection."""

    options: Mapping[str, Any]
    documents: dict[str, Document] = field(default_factory=dict)
    """By the JSON of their `_id`."""

    def in_order(self) -> list[Document]:
        """Return all in the order of their places on a ring, as a database does."""
        return [self.documents[key] for key in sorted(self.documents, key=_ring)]


class AstraApi:
    """The server. Keyspaces are made by naming them; everything else is up to the client."""

    def __init__(self, *keyspaces: str, base: str = "/api/json/v1", page_size: int = 20) -> None:
        self.keyspaces: dict[str, dict[str, Stored]] = {name: {} for name in keyspaces or ("ks",)}
        self.page_size = page_size
        self.requests: list[str] = []
        """The commands that came, in order."""
        self.failing: set[object] = set()
        """Ids of documents whose next insertion fails at the server, while others are inserted."""
        self._base = base
        self._faults: dict[str, deque[Fault | None]] = defaultdict(deque)
        self._commands: dict[str, Callable[[Stored, Document], Answer]] = {
            "insertOne": self._insert_one,
            "insertMany": self._insert_many,
            "find": self._find,
            "findOne": self._find_one,
            "findOneAndReplace": self._replace,
            "deleteMany": self._delete_many,
            "countDocuments": self._count,
        }

    async def __aenter__(self) -> Self:
        application = web.Application(client_max_size=MOST_BODY)
        application.router.add_post(f"{self._base}/{{keyspace}}", self._answered)
        application.router.add_post(f"{self._base}/{{keyspace}}/{{collection}}", self._answered)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.endpoint = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_exception) -> None:
        await self._runner.cleanup()

    # --------------------------------------------------------------------------------------------- for tests

    def place(self, collection: str, **changes) -> AstraCollection:
        """Return where a collection of the first keyspace is."""
        first = {"keyspace": next(iter(self.keyspaces)), "endpoint": self.endpoint, "token": TOKEN}
        return AstraCollection(**{"collection": collection, **first, **changes})

    def next(self, command: str, *faults: Fault | None) -> None:
        """Let the next requests with that command end so; None: as they should."""
        self._faults[command].extend(faults)

    def documents(self, collection: str) -> dict[str, Document]:
        """Return the documents of a collection of the first keyspace, by id."""
        stored = next(iter(self.keyspaces.values()))[collection]
        return {document["_id"]: document for document in stored.documents.values()}

    def fill(self, collection: str, documents: list[Document], **options) -> None:
        """Make a collection of the first keyspace that has these documents."""
        stored = Stored(options, {_key(document["_id"]): document for document in documents})
        next(iter(self.keyspaces.values()))[collection] = stored

    # --------------------------------------------------------------------------------------------- HTTP

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        try:
            _refuse_unreadable(request)
            ((command, payload),) = orjson.loads(await request.read()).items()
        except ApiError as error:
            return web.json_response({"errors": [error.entry]}, status=error.status)
        self.requests.append(command)
        faults = self._faults[command]
        fault = faults.popleft() if faults else None

        def carried_out() -> Answer:
            try:
                return self._carried_out(request.match_info, command, payload)
            except ApiError as error:
                return {"errors": [error.entry]}

        return await fault(request, carried_out) if fault else web.json_response(carried_out())

    def _carried_out(self, place: Mapping[str, str], command: str, payload: Document) -> Answer:
        collections = self.keyspaces.get(place["keyspace"])
        if collections is None:
            raise ApiError(
                "UNKNOWN_KEYSPACE", f"The keyspace used by the command: {place['keyspace']}.", scope="SCHEMA"
            )
        if "collection" not in place:
            return self._schema(collections, command, payload)
        stored = collections.get(place["collection"])
        if stored is None:
            raise ApiError(
                "UNKNOWN_COLLECTION_OR_TABLE",
                f"There is no {place['collection']} in {place['keyspace']}.",
                scope="SCHEMA",
            )
        if command not in self._commands:
            raise ApiError(
                "COMMAND_UNKNOWN", f"Command '{command}' is not a Collection Command recognized by Data API."
            )
        return self._commands[command](stored, payload)

    # --------------------------------------------------------------------------------------------- collections

    def _schema(self, collections: dict[str, Stored], command: str, payload: Document) -> Answer:
        if command == "findCollections":
            explained = payload.get("options", {}).get("explain")
            names = [{"name": name, "options": stored.options} for name, stored in collections.items()]
            return {"status": {"collections": names if explained else [*collections]}}
        if command == "deleteCollection":
            collections.pop(payload["name"], None)
            return {"status": {"ok": 1}}
        if command != "createCollection":
            raise ApiError("COMMAND_UNKNOWN", f"Command '{command}' is not a Keyspace Command recognized by Data API.")
        name, options = payload["name"], payload.get("options", {})
        if name in collections and collections[name].options != options:
            raise ApiError(
                "EXISTING_COLLECTION_DIFFERENT_SETTINGS",
                f"Collection '{name}' already exists but with settings different",
            )
        if name not in collections and sum(map(len, self.keyspaces.values())) >= MOST_COLLECTIONS:
            raise ApiError(
                "TOO_MANY_COLLECTIONS", f"the maximum number of collections per database is {MOST_COLLECTIONS}"
            )
        collections.setdefault(name, Stored(options))
        return {"status": {"ok": 1}}

    # --------------------------------------------------------------------------------------------- documents

    def _insert_one(self, stored: Stored, payload: Document) -> Answer:
        return self._insert_many(stored, {"documents": [payload["document"]]})

    def _insert_many(self, stored: Stored, payload: Document) -> Answer:
        documents, options = payload["documents"], payload.get("options", {})
        if len(documents) > MOST_INSERTED:
            detail = f"amount of documents to insert is over the max limit ({len(documents)} vs {MOST_INSERTED})"
            raise ApiError("COMMAND_FIELD_VALUE_INVALID", f"Command field 'documents' value not valid: {detail}.")
        responses: list[Document] = []
        errors: list[Document] = []
        for document in documents:
            identity = document.setdefault("_id", str(uuid4()))
            if errors and options.get("ordered"):
                responses.append({"_id": identity, "status": "SKIPPED"})
                continue
            try:
                self._insert(stored, document)
                responses.append({"_id": identity, "status": "OK"})
            except ApiError as error:
                responses.append({"_id": identity, "status": "ERROR", "errorsIdx": len(errors)})
                errors.append(error.entry)
        inserted = [response["_id"] for response in responses if response["status"] == "OK"]
        detailed = (
            {"documentResponses": responses} if options.get("returnDocumentResponses") else {"insertedIds": inserted}
        )
        return {"status": detailed, **({"errors": errors} if errors else {})}

    def _insert(self, stored: Stored, document: Document) -> None:
        if document["_id"] in self.failing:
            self.failing.remove(document["_id"])
            raise ApiError("TIMEOUT_WRITING_DATA", f"The CQL values: {document}.", scope="DATABASE", family="SERVER")
        _refuse_unkeepable(stored, document)
        key = _key(document["_id"])
        if key in stored.documents:
            message = f"Cannot insert the document: a document already exists with given '_id' ({key})."
            raise ApiError("DOCUMENT_ALREADY_EXISTS", message, scope="DOCUMENT")
        stored.documents[key] = document

    def _find(self, stored: Stored, payload: Document) -> Answer:
        found = list(_matching(stored, payload.get("filter", {})))
        state = payload.get("options", {}).get("pageState")
        start = int(b64decode(state)) if state else 0
        page = found[start : start + self.page_size]
        following = b64encode(str(start + len(page)).encode()).decode() if len(page) == self.page_size else None
        projected = [_projected(document, payload.get("projection", {})) for document in page]
        return {"data": {"documents": projected, "nextPageState": following}}

    def _find_one(self, stored: Stored, payload: Document) -> Answer:
        found = next(_matching(stored, payload.get("filter", {})), None)
        return {"data": {"document": None if found is None else _projected(found, payload.get("projection", {}))}}

    def _replace(self, stored: Stored, payload: Document) -> Answer:
        before = next(_matching(stored, payload["filter"]), None)
        if before is None and not payload.get("options", {}).get("upsert"):
            return {"data": {"document": None}, "status": {"matchedCount": 0, "modifiedCount": 0}}
        document = {"_id": payload["filter"].get("_id"), **payload["replacement"]}
        if before is not None and document["_id"] != before["_id"]:
            raise ApiError("DOCUMENT_REPLACE_DIFFERENT_DOCID", "have different '_id's", scope="DOCUMENT")
        _refuse_unkeepable(stored, document)
        stored.documents[_key(document["_id"])] = document
        if before is None:
            status: Document = {"matchedCount": 0, "modifiedCount": 0, "upsertedId": document["_id"]}
        else:
            status = {"matchedCount": 1, "modifiedCount": int(before != document)}
        shown = None if before is None else _projected(before, payload.get("projection", {}))
        return {"data": {"document": shown}, "status": status}

    def _delete_many(self, stored: Stored, payload: Document) -> Answer:
        found = list(_matching(stored, payload.get("filter", {})))
        for document in found[:MOST_DELETED]:
            del stored.documents[_key(document["_id"])]
        more = {"moreData": True} if len(found) > MOST_DELETED else {}
        return {"status": {"deletedCount": min(len(found), MOST_DELETED), **more}}

    def _count(self, stored: Stored, payload: Document) -> Answer:
        found = len(list(_matching(stored, payload.get("filter", {}))))
        more = {"moreData": True} if found > MOST_COUNTED else {}
        return {"status": {"count": min(found, MOST_COUNTED), **more}}


def _refuse_unreadable(request: web.Request) -> None:
    if request.headers.get("Token") != TOKEN:
        code = "UNAUTHENTICATED_REQUEST" if "Token" in request.headers else "MISSING_AUTHENTICATION_TOKEN"
        raise ApiError(code, "Authentication failed for request due to invalid token.", status=401)
    if request.content_type != "application/json":
        raise ApiError("UNSUPPORTED_CONTENT_TYPE", "Resend with application/json.", status=415)


# ------------------------------------------------------------------------------------------------- documents


def _key(identity: object) -> str:
    return orjson.dumps(identity, option=orjson.OPT_SORT_KEYS).decode()


def _ring(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=8).digest()


def _refuse_unkeepable(stored: Stored, document: Document) -> None:
    size = len(orjson.dumps(document).decode())
    if size > MOST_DOCUMENT:
        raise _limit(f"document size ({size} chars) exceeds maximum allowed ({MOST_DOCUMENT})")
    for path, text in _texts(document, ""):
        bytes_of = len(text.encode())
        if bytes_of > MOST_INDEXED and _has_index(stored, path):
            lengths = f"length ({bytes_of} bytes) exceeds maximum allowed ({MOST_INDEXED} bytes)"
            raise _limit(f"indexed String value (field '{path}') {lengths}")


def _limit(detail: str) -> ApiError:
    return ApiError("SHRED_DOC_LIMIT_VIOLATION", f"Document size limitation violated: {detail}.", scope="DOCUMENT")


def _has_index(stored: Stored, path: str) -> bool:
    names = path.split(".")
    covered = {"*", *(".".join(names[: length + 1]) for length in range(len(names)))}
    match stored.options.get("indexing"):
        case {"allow": allowed}:
            return not covered.isdisjoint(allowed)
        case {"deny": denied}:
            return covered.isdisjoint(denied)
        case _:
            return True


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for name, inner in value.items():
                yield from _texts(inner, f"{path}.{name}" if path else name)
        case list():
            for inner in value:
                yield from _texts(inner, path)


def _at(document: Document, path: str) -> Any:
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _matching(stored: Stored, wanted: Document) -> Iterator[Document]:
    for path in wanted:
        if path != "_id" and not _has_index(stored, path):
            raise ApiError(
                "FILTER_PATH_UNINDEXED", f"Collection path '{path}' is not indexed: cannot filter on that path."
            )
    named = stored.documents.get(_key(wanted.get("_id")))
    for document in stored.in_order() if named is None else [named]:
        if all(_holds(_at(document, path), condition) for path, condition in wanted.items()):
            yield document


def _holds(value: Any, condition: Any) -> bool:
    match condition:
        case {"$in": choice}:
            if len(choice) > MOST_IN:
                raise ApiError("INVALID_FILTER_EXPRESSION", f"$in operator must have at most {MOST_IN} values")
            return any(value == one for one in choice)
        case {"$exists": exists}:
            return (value is None) is not bool(exists)
        case {"$eq": same}:
            return bool(value == same)
        case dict() if any(name.startswith("$") and name not in {"$uuid", "$objectId", "$date"} for name in condition):
            raise ApiError("UNSUPPORTED_FILTER_OPERATION", f"Unsupported filter operator {[*condition]}")
        case _:
            return bool(value == condition)


def _projected(document: Document, projection: Document) -> Document:
    paths = [path for path, wanted in projection.items() if wanted]
    if any(one.startswith(f"{other}.") for one in paths for other in paths):
        raise ApiError(
            "UNSUPPORTED_PROJECTION_PARAM", "Unsupported projection parameter: path conflict", scope="PROJECTION"
        )
    if not paths:
        return {name: value for name, value in document.items() if name not in {"$vector", "$vectorize"}}
    projected: Document = {"_id": document["_id"]}
    for path in paths:
        value = _at(document, path)
        if value is not None:
            _put(projected, path.split("."), value)
    return projected


def _put(document: Document, path: list[str], value: object) -> None:
    for name in path[:-1]:
        document = document.setdefault(name, {})
    document[path[-1]] = value
