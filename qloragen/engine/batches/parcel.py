"""The file of a batch: one line of JSON for each request, as the API takes them.

A file has at most 50,000 requests and 200 MB, and all of it asks for one model (developers.openai.com/api/docs/guides/
batch, read in November 2026).
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

import orjson
from anyio.lowlevel import checkpoint

MOST_REQUESTS = 50_000
MOST_BYTES = 190_000_000
ENDPOINT = "/v1/chat/completions"
"""What a batch calls it, wherever the provider's API has it."""
_PAUSE_EVERY = 100
"""Lines after which other tasks get their turn."""
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
    """How much is in a file that is being made; its lines are not, for they can be made again."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._requests = 0
        self.bytes = 0

    def takes(self, size: int) -> bool:
        """Tell whether there is room for one more line of so many bytes; an empty one takes any."""
        return not self._requests or (self._requests < self._room.requests and self.bytes + size <= self._room.bytes)

    def add(self, size: int) -> None:
        """Count a line at the end."""
        self._requests += 1
        self.bytes += size


async def form(lines: Iterable[bytes]) -> bytes:
    """Return the body of an upload (see `CONTENT_TYPE`): the one place where a whole file is in memory, and once."""
    file = BytesIO()
    file.write(_HEAD)
    for number, line in enumerate(lines, 1):
        file.write(line)
        if number % _PAUSE_EVERY == 0:
            await checkpoint()
    file.write(_TAIL)
    return file.getvalue()


def line_of(id: str, body: bytes) -> bytes:
    """Return the line that asks for a chat completion with `body`, which is JSON."""
    return b'{"custom_id":%b,"method":"POST","url":"%b","body":%b}\n' % (orjson.dumps(id), ENDPOINT.encode(), body)


def line_bytes(id: str, body: bytes) -> int:
    """Return how long such a line is."""
    return len(line_of(id, b"")) + len(body)
