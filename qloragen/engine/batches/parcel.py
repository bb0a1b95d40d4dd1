"""The file of a batch: one line of JSON for each request, as the API takes them.

A file has at most 50,000 requests and 200 MB, and all of it asks for one model (developers.openai.com/api/docs/guides/
batch, read in November 2026).
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

MOST_REQUESTS = 50_000
MOST_BYTES = 64_000_000
"""Less than the API takes, because a file is in memory two or three times while it is uploaded."""
ENDPOINT = "/v1/chat/completions"
"""What a batch calls it, wherever the provider's API has it."""
_BOUNDARY = "qloragen-batch-4c2b7e0d5a61"
_HEAD = (
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
    "Content-Type: application/jsonl\r\n\r\n"
).encode()
_TAIL = f"\r\n--{_BOUNDARY}--\r\n".encode()
CONTENT_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"


class Room(NamedTuple):
    """How large a file may become."""

    requests: int = MOST_REQUESTS
    bytes: int = MOST_BYTES


USUAL = Room()


class Parcel:
    """The lines of one file, until it is uploaded."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._lines: list[bytes] = []
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def takes(self, line: bytes) -> bool:
        """Tell whether there is room for one more; an empty one takes any."""
        return not self._lines or (
            len(self._lines) < self._room.requests and self.bytes + len(line) <= self._room.bytes
        )

    def add(self, line: bytes) -> None:
        """Put a line at the end."""
        self._lines.append(line)
        self.bytes += len(line)

    def form(self) -> bytes:
        """Return the body of the upload (see `CONTENT_TYPE`), and let go of the lines."""
        body = b"".join([_HEAD, *self._lines, _TAIL])
        self._lines = []
        return body


def line_of(id: str, body: bytes) -> bytes:
    """Return the line that asks for a chat completion with `body`, which is JSON."""
    return b'{"custom_id":%b,"method":"POST","url":"%b","body":%b}\n' % (orjson.dumps(id), ENDPOINT.encode(), body)
