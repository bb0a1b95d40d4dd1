"""What becomes of calls to `/v1/files`.

A file for a batch must be named .jsonl and begin with a line of JSON (github.com/llamastack/llama-stack, tests of its
batches; github.com/BerriAI/litellm, pull request 37527); its other lines are looked at when a batch is made of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import orjson

from . import refusals
from .ask import Ask, Route
from .batch_wish import read_expiry
from .effects import Json
from .filing import KEPT_S, Cabinet, StoredFile
from .multipart import Part, read_form
from .pages import page, read_turn
from .refusals import Refusal

_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_QUERY = frozenset({"after", "limit", "order", "purpose"})
_MOST_LISTED = 10_000


class Upload(NamedTuple):
    """A file that is to be kept."""

    filename: str
    purpose: str
    content: bytes
    kept_s: float | None
    """None is for ever."""


class FileDesk:
    """Keeps, shows and forgets files; `most_bytes` bounds those for batches."""

    def __init__(self, cabinet: Cabinet, most_bytes: int, stamp: Callable[[float], int]) -> None:
        self._cabinet = cabinet
        self._most_bytes = most_bytes
        self._stamp = stamp

    def serve(self, ask: Ask, route: Route, now_s: float) -> Json | bytes | Refusal | None:
        """Return what a call gets; None where there is nothing."""
        if route.id is not None:
            file = self._cabinet.get(route.id, now_s)
            return refusals.no_file(route.id) if file is None else self._serve_one(ask.method, route.action, file)
        if ask.method == "POST":
            return self._upload(ask, now_s)
        return self._list(ask.query, now_s) if ask.method == "GET" else None

    def _serve_one(self, method: str, action: str | None, file: StoredFile) -> Json | bytes | None:
        match method, action:
            case "GET", None:
                return file.shown(self._stamp)
            case "GET", "content":
                return file.content
            case "DELETE", None:
                self._cabinet.delete(file.id)
                return {"id": file.id, "object": "file", "deleted": True}
        return None

    def _upload(self, ask: Ask, now_s: float) -> Json | Refusal:
        upload = read_upload(ask.content_type, ask.body)
        if isinstance(upload, Refusal):
            return upload
        if upload.purpose == "batch" and (refusal := self._refused(upload)) is not None:
            return refusal
        file = self._cabinet.put(upload.filename, upload.purpose, upload.content, created_s=now_s, kept_s=upload.kept_s)
        return file.shown(self._stamp)

    def _list(self, query: str, now_s: float) -> Json | Refusal:
        turn = read_turn(query, _QUERY, usual=_MOST_LISTED, most=_MOST_LISTED)
        if isinstance(turn, Refusal):
            return turn
        files = self._cabinet.all(now_s, newest_first=turn.newest_first)
        return page((file.shown(self._stamp) for file in files if turn.purpose in {None, file.purpose}), turn)

    def _refused(self, upload: Upload) -> Refusal | None:
        first, _, _ = upload.content.lstrip().partition(b"\n")
        if not upload.filename.endswith(".jsonl") or not _is_json(first):
            return refusals.invalid("Invalid file format for Batch API. Must be .jsonl")
        if len(upload.content) > self._most_bytes:
            message = f"The file is too large for the Batch API: it has {len(upload.content)} bytes, and may have "
            return refusals.invalid(f"{message}{self._most_bytes}.", param="file")
        return None


def read_upload(content_type: str, body: bytes) -> Upload | Refusal:
    """Return the file of an upload, or what the API says of one that is none."""
    form = read_form(content_type, body)
    if form is None:
        return refusals.invalid("Could not parse multipart form")
    for name in ("file", "purpose"):
        if name not in form:
            return refusals.missing(name)
    purpose = form["purpose"].content.decode("utf-8", "replace")
    if purpose not in _PURPOSES:
        return refusals.invalid_value("purpose", purpose, _PURPOSES)
    kept_s = read_expiry(_asked_expiry(form), "expires_after")
    if isinstance(kept_s, Refusal):
        return kept_s
    usual = KEPT_S if purpose == "batch" else None
    return Upload(form["file"].filename or "", purpose, form["file"].content, usual if kept_s is None else kept_s)


def _asked_expiry(form: dict[str, Part]) -> Json | None:
    found = {name: form[f"expires_after[{name}]"].content for name in _EXPIRY if f"expires_after[{name}]" in form}
    if not found:
        return None
    seconds = found.get("seconds", b"")
    anchor = found.get("anchor", b"").decode("utf-8", "replace")
    return {"anchor": anchor, "seconds": int(seconds) if seconds.isdigit() and len(seconds) < 10 else None}


_EXPIRY = ("anchor", "seconds")


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
