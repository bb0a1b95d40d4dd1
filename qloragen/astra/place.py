"""Where a collection is, and what opens it."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import environ
from typing import Literal, get_args
from urllib.parse import SplitResult, urlsplit

from ..errors import SettingsError

Environment = Literal["prod", "hcd", "dse", "cassandra", "other"]
"""Who serves the Data API: Astra DB (`prod`), Hyper-Converged Database, DataStax Enterprise, Apache Cassandra, or
whoever else. Astra DB has it beneath `/api/json/v1`, all others beneath `/v1`."""

ENDPOINT, TOKEN, ENVIRONMENT = "ASTRA_DB_API_ENDPOINT", "ASTRA_DB_APPLICATION_TOKEN", "ASTRA_DB_ENVIRONMENT"
"""Variables that say what a name leaves out; the first two are those of Astra DB's documentation."""

_ENVIRONMENTS: tuple[Environment, ...] = get_args(Environment)
_NAME = re.compile(r"[A-Za-z0-9_]{1,48}")
"""What keyspaces and collections may be called."""


@dataclass(frozen=True, slots=True)
class AstraCollection:
    """A collection behind the Data API of Astra DB, or of a Cassandra database of your own.

    Raises, when it is made:
        SettingsError: Something of it cannot be so; the message never quotes the token.
    """

    keyspace: str
    collection: str
    endpoint: str
    """Address of the API, such as `https://ID-REGION.apps.astra.datastax.com` or `http://localhost:8181`."""
    token: str = field(repr=False)
    """An application token of Astra DB; for other environments see `cassandra_token`."""
    environment: Environment = "prod"
    timeout_s: float = 30.0
    """What the server may take over one request, before it counts as failed."""

    def __post_init__(self) -> None:
        for name in (self.keyspace, self.collection):
            if not _NAME.fullmatch(name):
                raise SettingsError(
                    f"{name!r} is no name of a keyspace or collection: up to 48 letters, digits and underscores."
                )
        # Never quoted: it may be a token in the wrong place, or have one in it.
        if (address := _address(self.endpoint)) is None:
            raise SettingsError(f"The endpoint for {self} is no address such as https://HOST or http://HOST:PORT.")
        if address.username is not None or address.query:
            raise SettingsError(
                f"The endpoint for {self} has a user or a query in it: give the address alone, and the token apart."
            )
        _known(self.environment)
        # Anything else would be refused by the HTTP library, in a message that quotes it.
        if not self.token or not all("!" <= letter <= "~" for letter in self.token):
            raise SettingsError(
                f"The token for {self} is empty, or has a blank or another character that none can have."
            )

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.collection}"

    @property
    def host(self) -> str:
        """Tell who is asked, for messages."""
        return urlsplit(self.endpoint).netloc

    @classmethod
    def named(cls, name: str, variables: Mapping[str, str] = environ) -> AstraCollection:
        """Return the collection `KEYSPACE.COLLECTION`.

        Endpoint and token are those of the variables `ASTRA_DB_API_ENDPOINT` and `ASTRA_DB_APPLICATION_TOKEN`, the
        environment that of `ASTRA_DB_ENVIRONMENT`, which may be left out for Astra DB.

        Raises:
            SettingsError: The name is none, a variable is missing, or has a value that it cannot have.
        """
        keyspace, dot, collection = name.partition(".")
        if not dot:
            raise SettingsError(
                f"{name!r} names no collection: write KEYSPACE.COLLECTION, as default_keyspace.records."
            )
        for variable in (ENDPOINT, TOKEN):
            if not variables.get(variable, "").strip():
                raise SettingsError(f"The collection {name} needs the environment variable {variable}.")
        return cls(
            keyspace=keyspace,
            collection=collection,
            endpoint=variables[ENDPOINT].strip(),
            token=variables[TOKEN].strip(),
            environment=_known(variables.get(ENVIRONMENT, "prod")),
        )


def cassandra_token(username: str, password: str) -> str:
    """Return the token that stands for a user of a Cassandra database of one's own."""
    return ":".join(["Cassandra", *(b64encode(text.encode()).decode() for text in (username, password))])


def _address(text: str) -> SplitResult | None:
    """Return the parts of a web address; None when it is none."""
    try:
        address = urlsplit(text)
        is_one = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # brackets or a port that cannot be
        return None
    return address if is_one else None


def _known(environment: str) -> Environment:
    for known in _ENVIRONMENTS:
        if environment == known:
            return known
    raise SettingsError(f"There is no environment {environment!r} of the Data API: it is {', '.join(_ENVIRONMENTS)}.")
