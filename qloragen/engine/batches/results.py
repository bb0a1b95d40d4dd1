"""The files that a batch leaves behind: which request got what. Their order says nothing, so ids tell.

{"id":"batch_req_1","custom_id":"k-0","response":{"status_code":200,"request_id":"...","body":{...}},"error":null}
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import NamedTuple

import orjson

from ..client import HttpReply
from ..failures import Failure

NOT_DONE = frozenset({"batch_expired", "batch_cancelled"})
"""What an error says of a request that was not executed, and so not billed."""


class Result(NamedTuple):
    """What one request got."""

    id: str
    outcome: HttpReply | Failure
    """As if it had been called by itself; a failure where there was no reply at all."""
    undone: bool = False
    """It was not executed, so it has not failed."""


def results(content: bytes) -> Iterator[Result | None]:
    """Yield what the lines of a file say; None for one that says nothing that can be read."""
    for line in BytesIO(content):
        if line.strip():
            yield _result(line)


def _result(line: bytes) -> Result | None:
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(found, dict) or not isinstance(name := found.get("custom_id"), str):
        return None
    response, error = found.get("response"), found.get("error")
    if isinstance(response, dict):
        return Result(name, _reply(response))
    code = _word(error.get("code")) if isinstance(error, dict) else None
    message = _word(error.get("message")) if isinstance(error, dict) else None
    if code in NOT_DONE:
        return Result(name, Failure("http", code=code), undone=True)
    # Without a response nobody says what was executed: it may have been billed.
    return Result(name, Failure("timeout", code=code, message=(message or "no response")[:200], maybe_paid=True))


def _reply(response: dict[str, object]) -> HttpReply:
    status, body, request_id = response.get("status_code"), response.get("body"), _word(response.get("request_id"))
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    return HttpReply(
        status if isinstance(status, int) else 200, raw, {"x-request-id": request_id} if request_id else {}
    )


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
