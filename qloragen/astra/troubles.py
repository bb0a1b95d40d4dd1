"""What failures of the Data API mean: whether it may work later, and what to mend if not.

Built from the file of all errors in the Data API's source (github.com/stargate/data-api, `errors.yaml`, read
2026-11-29): refused tokens come as HTTP 401, nearly all other errors as HTTP 200 with a list `errors`, each of a
`family`: REQUEST, the caller's fault, or SERVER, which mostly passes. Messages of the family SERVER quote what was
being written, and are not passed on.
"""

from __future__ import annotations

from http import HTTPStatus

import httpx
from astrapy.exceptions import (
    CollectionDeleteManyException,
    DataAPIErrorDescriptor,
    DataAPIException,
    DataAPIHttpException,
    DataAPIResponseException,
    DataAPITimeoutException,
)

from ..errors import AccessDenied, SettingsError, SinkFailed
from .place import AstraCollection

Failure = DataAPIException | httpx.HTTPError
"""What astrapy raises of what a server, or the way there, has done."""

EXISTS = "DOCUMENT_ALREADY_EXISTS"
_TOKEN = {"MISSING_AUTHENTICATION_TOKEN", "UNAUTHENTICATED_REQUEST", "UNAUTHORIZED_ACCESS"}
_LASTING = {
    *("INVALID_DATABASE_QUERY", "UNSUPPORTED_DATABASE_QUERY", "INVALID_COLLECTION_QUERY"),
    *("COLLECTION_NO_INDEX_ERROR", "COLLECTION_SCHEMA_VERSION_INVALID"),
}
"""Errors of the family SERVER that stay; of the first two the API itself says so."""
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_REMEDIES = {
    **dict.fromkeys(
        ("UNKNOWN_KEYSPACE", "INVALID_KEYSPACE"), "name a keyspace that the database has, or make this one first"
    ),
    **dict.fromkeys(("UNKNOWN_COLLECTION_OR_TABLE", "COLLECTION_NOT_EXIST"), "name a collection that the keyspace has"),
    **dict.fromkeys(
        ("TOO_MANY_COLLECTIONS", "TOO_MANY_INDEXES_FOR_COLLECTION"),
        "name a collection that there is already, or delete one that nobody needs",
    ),
    "EXISTING_COLLECTION_DIFFERENT_SETTINGS": "name another collection",
    "EXISTING_TABLE_NOT_DATA_API_COLLECTION": "name a collection; there is a table by this name",
    "FILTER_PATH_UNINDEXED": "filter by a field that the collection has an index for",
}
_MOST_QUOTED = 300
"""Characters of a message of the server's."""


def meaning(failure: Failure, place: AstraCollection) -> Exception:
    """Return what to raise: ConnectionError or TimeoutError where it may work later, else what to mend."""
    match failure:
        case DataAPITimeoutException():
            return TimeoutError(f"{place.host} has not answered within {place.timeout_s:g} s")
        case CollectionDeleteManyException(cause=DataAPIException() | httpx.HTTPError() as cause):
            return meaning(cause, place)
        case DataAPIHttpException():
            return _of_status(failure, place)
        case DataAPIResponseException(error_descriptors=[first, *_]):
            return of_error(first, place)
        case DataAPIException():
            return ConnectionError(f"{place.host} has answered with something that is no answer of the Data API")
        case _:
            return ConnectionError(f"{place.host} cannot be reached ({type(failure).__name__})")


def _passes(error: DataAPIErrorDescriptor) -> bool:
    code = error.error_code or ""
    # Servers before the errors had families named those of their own so.
    return (error.family == "SERVER" or code.startswith("SERVER_")) and code not in _LASTING


def _said(error: DataAPIErrorDescriptor) -> str:
    words = error.title if error.family == "SERVER" else error.message
    return f"{error.error_code}: {' '.join((words or '').split())[:_MOST_QUOTED].rstrip('.')}"


def _of_status(failure: DataAPIHttpException, place: AstraCollection) -> Exception:
    status = failure.response.status_code
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _denied(place, f"HTTP {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _PASSING:
        return ConnectionError(f"{place.host} has answered HTTP {status}")
    return SettingsError(
        f"{place.host} has answered HTTP {status} to a request for {place}: check the endpoint, and the environment,"
        f" which is {place.environment}."
    )


def of_document(error: DataAPIErrorDescriptor, identity: object, place: AstraCollection) -> Exception:
    """Return what to raise of an error about one document: SinkFailed where the document itself is refused."""
    if error.scope == "DOCUMENT":
        return SinkFailed(f"The collection {place} does not take the record {identity}: {_said(error)}.")
    return of_error(error, place)


def of_error(error: DataAPIErrorDescriptor, place: AstraCollection) -> Exception:
    """Return what to raise of an error that a server has answered."""
    if error.error_code in _TOKEN:
        return _denied(place, error.error_code)
    if _passes(error):
        return ConnectionError(f"{place.host} has answered {_said(error)}")
    remedy = _REMEDIES.get(error.error_code or "", "mend what it names")
    return SettingsError(f"{place.host} refuses a request for {place}: {_said(error)}; {remedy}.")


def _denied(place: AstraCollection, answer: str) -> AccessDenied:
    return AccessDenied(
        f"{place.host} refuses the token for {place} ({answer}): give one that may read and write there, in"
        " ASTRA_DB_APPLICATION_TOKEN."
    )
