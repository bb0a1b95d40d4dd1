"""What an attempt that brought no reply, or a refusal, may tell the engine and its logs."""

from __future__ import annotations

from .client import ConnectionLost


def redacted(body: bytes, secrets: tuple[bytes, ...]) -> bytes:
    """Return an error body without the keys and tokens that it may repeat."""
    for secret in secrets:
        body = body.replace(secret, b"[key]")
    return body


_BEFORE_SENDING = frozenset(
    {
        "ClientConnectorError",
        "ClientConnectorCertificateError",
        "ClientConnectorDNSError",
        "ClientConnectorSSLError",
        "ConnectionTimeoutError",
        "ConnectError",
        "PoolTimeout",
    }
)
"""Failures to get a connection at all. `ConnectTimeout` is not among them: over aiohttp it also stands for a server
that hung up after it had read the request."""


def lost(error: BaseException) -> ConnectionLost:
    """Translate; the kind of failure is known only by the causes, and their texts may hold anything, so names do."""
    names = [type(cause).__name__ for cause in _causes(error)]
    before_sending = not _BEFORE_SENDING.isdisjoint(names)
    return ConnectionLost(
        f"connection failed ({', '.join(names)})",
        maybe_paid=not before_sending,
        timed_out=not before_sending and (isinstance(error, TimeoutError) or "ReadTimeout" in names),
    )


def _causes(error: BaseException) -> list[BaseException]:
    found = [error]
    while (cause := found[-1].__cause__ or found[-1].__context__) is not None and cause not in found:
        found.append(cause)
    return found
