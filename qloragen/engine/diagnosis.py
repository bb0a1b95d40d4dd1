"""What one attempt came to, read from the reply: codes, parameters and words wherever servers put them."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from math import isfinite
from re import sub
from urllib.parse import urlsplit

import orjson

from ..logs import redact
from ..types import Structure
from .client import ConnectionLost, HttpReply
from .failures import Failure, Kind
from .reply import billed

MAX_RETRY_AFTER_S = 120.0
"""A server that asks for more is asked again after this time: clocks and headers may be wrong."""

_SAYS_NOTHING = frozenset({"bad_request", "badrequesterror", "invalid_request", "invalid_request_error"})
"""Codes that only repeat the status; with one of these, the words of the message count."""


def of_connection(lost: ConnectionLost) -> Failure:
    """Return the failure of an attempt without a whole reply."""
    kind: Kind = "timeout" if lost.timed_out else "connection"
    return Failure(kind, message=str(lost), maybe_paid=lost.maybe_paid)


def of_timeout(seconds: float) -> Failure:
    """Return the failure of an attempt that was cut off by its total time."""
    return Failure("timeout", message=f"no reply within {seconds:g} s", maybe_paid=True)


def of_reply(reply: HttpReply, structure: Structure | None, tier: str | None = None) -> Failure:
    """Return the failure that an error reply, or a 200 that is no chat completion, stands for.

    `tier` is as what the call asked to be served; see `Failure.tier`.

    Some gateways answer 200 with an `error` object inside; its numeric code is then the status.
    """
    error = _error(reply.body)
    numeric = _number(error.get("code"))
    inside = int(numeric) if reply.status < 300 and numeric and 300 <= numeric < 600 else None
    kind: Kind = "http" if reply.status >= 300 or inside else "unreadable"
    status = inside or reply.status
    bill = billed(reply.body) if reply.status < 300 else None
    return Failure(
        kind=kind,
        status=status,
        code=_code(error.get("code")),
        type=_word(error.get("type")),
        parameter=_word(error.get("param")),
        message="" if status in {401, 403} else _shortened(_word(error.get("message")) or ""),
        request_id=reply.headers.get("x-request-id"),
        retry_after_s=retry_after_s(reply.headers),
        redirect=_origin(reply.headers.get("location", "")),
        maybe_paid=kind == "unreadable" or bill is not None,
        structure=structure,
        tier=tier,
        billed=bill,
    )


def described(failure: Failure) -> str:
    """Return the failure in words, without key or article text: `HTTP 400, code ..., "...", request ...`."""
    facts = [
        f"HTTP {failure.status}" if failure.status else "",
        f"code {failure.code}" if failure.code else "",
        f"parameter {failure.parameter}" if failure.parameter else "",
        f"sent on to {failure.redirect}" if failure.redirect else "",
        failure.message,
        f"request {failure.request_id}" if failure.request_id else "",
    ]
    return ", ".join(fact for fact in facts if fact)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait that the server asks for, in seconds from 0 to 120, or None.

    Dates are compared with the reply's own `date`, never with the clock of this machine.
    """
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return _clamped(milliseconds / 1000)
    value = headers.get("retry-after")
    if (seconds := _number(value)) is not None:
        return _clamped(seconds)
    return _until(value, headers.get("date"))


def _until(later: str | None, now: str | None) -> float | None:
    if later is None or now is None:
        return None
    try:
        return _clamped((parsedate_to_datetime(later) - parsedate_to_datetime(now)).total_seconds())
    except (TypeError, ValueError):
        return None


def _clamped(seconds: float) -> float:
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)


def _error(body: bytes) -> Mapping[str, object]:
    """Return the error object of a body; servers also put it at the top level, or say it in one string."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(parsed, dict):
        return {}
    found = parsed.get("error", parsed)
    if not isinstance(found, dict):
        return {"message": found}
    message = found.get("message", found.get("detail"))
    if isinstance(message, dict):
        message = message.get("detail")
    return {**found, "message": message, **_first_mistake(message)}


def _first_mistake(mistakes: object) -> Mapping[str, object]:
    """Return pydantic's way to say what is wrong (`loc`, `msg`, `type`, as FastAPI sends them) in OpenAI's words."""
    first = mistakes[0] if isinstance(mistakes, list) and mistakes else None
    if not isinstance(first, dict):
        return {}
    place = first.get("loc")
    path = [str(part) for part in place] if isinstance(place, list) else []
    parameter = ".".join(path[1:] if path[:1] == ["body"] else path)
    return {"message": first.get("msg"), "type": first.get("type"), "param": parameter}


def _code(value: object) -> str | None:
    code = _word(value)
    return None if code is None or code.lower() in _SAYS_NOTHING else code


def _word(value: object) -> str | None:
    """Return a string that says something: servers without codes repeat the status there."""
    return value if isinstance(value, str) and value and not value.isdecimal() else None


def _number(value: object) -> float | None:
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _origin(location: str) -> str | None:
    """Return scheme, host and port of a redirect's target: its path, query and credentials may hold anything."""
    try:
        target = urlsplit(location)
        host, port = target.hostname, target.port
    except ValueError:
        return None
    if not host or not host.isprintable():
        return None
    return f"{target.scheme or 'http'}://{host[:200]}" + (f":{port}" if port else "")


def _shortened(message: str) -> str:
    """Return at most 200 characters on one line, with anything that looks like a key taken out."""
    safe = sub(r"(?i)\b(sk-|gsk_|xai-|bearer\s+)\S+", "[key]", redact(message))
    return " ".join("".join(c if c.isprintable() else " " for c in safe).split())[:200]
