"""HTTP/1.1 as far as clients on loopback speak it: requests out of bytes, replies into bytes. No sockets here.

Requests with a length, chunked or without a body; keep-alive; `Expect: 100-continue`. A server framework spends more
on each request than this whole simulator does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

MOST_HEAD_BYTES = 64 * 2**10
MOST_BODY_BYTES = 256 * 2**20
"""Room for the file of a batch, which may have 200 MB."""
_MOST_DIGITS = 20
_METHOD = re.compile(rb"[\r\n]*([A-Za-z]|$)")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request."""

    method: str
    path: str
    """Without the query."""
    query: str
    """What stands behind the question mark."""
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes
    keep_alive: bool


class NotHttp(Exception):
    """The bytes are no request that can be served; `status` says why."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class _Head:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    keep_alive: bool
    length: int
    """Of the body, in bytes; -1 when it is chunked."""


class RequestReader:
    """Takes bytes as they come and gives requests when they are whole."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._head: _Head | None = None
        self._chunks = _Chunks()
        self._asked_to_continue = False

    @property
    def buffered_bytes(self) -> int:
        """What has come and was not yet given out."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the connection."""
        self._buffer += data

    def next(self) -> HttpRequest | None:
        """Return the next whole request; None when more bytes are needed.

        Raises:
            NotHttp: nothing more can be read from this connection.
        """
        head = self._head
        if head is None:
            head = self._head = self._take_head()
        if head is None:
            return None
        body = self._chunks.take(self._buffer) if head.length < 0 else self._take(head.length)
        if body is None:
            return None
        self._head, self._asked_to_continue = None, False
        return HttpRequest(head.method, head.path, head.query, head.headers, body, head.keep_alive)

    def should_continue(self) -> bool:
        """Tell, once for a request, that its client waits for a `100 Continue` before it sends the body."""
        waits = self._head is not None and "expect" in self._head.headers and not self._asked_to_continue
        self._asked_to_continue = self._asked_to_continue or waits
        return waits

    def _take_head(self) -> _Head | None:
        if not _METHOD.match(self._buffer):
            raise NotHttp(400, "this is not HTTP/1.1")
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or end > MOST_HEAD_BYTES:
            if len(self._buffer) > MOST_HEAD_BYTES:
                raise NotHttp(431, "the headers are too long")
            return None
        head = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        return _head(head.lstrip("\r\n"))

    def _take(self, length: int) -> bytes | None:
        buffer = self._buffer
        if len(buffer) < length:
            return None
        taken = bytes(buffer) if len(buffer) == length else bytes(buffer[:length])
        del buffer[:length]
        return taken


class _Chunks:
    """The pieces of one body after the other, each byte of which is looked at once."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._ended = False
        """Whether the last chunk has come, after which there are only trailers."""

    def take(self, buffer: bytearray) -> bytes | None:
        """Move the chunks that are whole out of `buffer`; return the body when all have come."""
        at = 0
        while (line := buffer.find(b"\r\n", at)) >= 0:
            if self._ended:
                at, is_empty = line + 2, line == at
                if is_empty:
                    return self._whole(buffer, at)
            elif size := _hexadecimal(buffer[at:line]):
                end = line + 2 + size
                if end + 2 > len(buffer):
                    break
                self._body += buffer[line + 2 : end]
                at = end + 2
            else:
                self._ended, at = True, line + 2
        del buffer[:at]
        if len(self._body) + len(buffer) > MOST_BODY_BYTES:
            raise NotHttp(413, "the body is too long")
        return None

    def _whole(self, buffer: bytearray, at: int) -> bytes:
        del buffer[:at]
        body, self._body, self._ended = bytes(self._body), bytearray(), False
        return body


def _head(text: str) -> _Head:
    first, *lines = text.split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise NotHttp(400, "this is not HTTP/1.1")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise NotHttp(400, "a header has no colon")
        headers[name.lower()] = value.strip()
    wishes = {wish.strip() for wish in headers.get("connection", "").lower().split(",")}
    keeps = "close" not in wishes and words[2] == "HTTP/1.1"
    path, _, query = words[1].partition("?")
    return _Head(words[0], path, query, headers, keeps, _length(headers))


def _length(headers: Mapping[str, str]) -> int:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return -1
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise NotHttp(400, "the length of the body is not a number")
    if len(length) > _MOST_DIGITS or int(length) > MOST_BODY_BYTES:
        raise NotHttp(413, "the body is too long")
    return int(length)


def _hexadecimal(line: bytearray) -> int:
    try:
        size = int(bytes(line).partition(b";")[0], 16)
    except ValueError:
        size = -1
    if size < 0:
        raise NotHttp(400, "a chunk has no size")
    return size


_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def head(status: int, headers: Mapping[str, str], length: int, *, keep_alive: bool = True) -> bytes:
    """Return the status line and the headers of a reply whose body has so many bytes."""
    line = _STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown\r\n"
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    close = "" if keep_alive else "connection: close\r\n"
    return f"{line}{fields}{close}content-length: {length}\r\n\r\n".encode("latin-1")
