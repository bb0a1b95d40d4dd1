"""Bodies of the type multipart/form-data: parts out of bytes, and bytes out of parts (RFC 7578)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)
_NAME = re.compile(r'[;\s]name="([^"]*)"', re.IGNORECASE)
_FILENAME = re.compile(r'[;\s]filename="([^"]*)"', re.IGNORECASE)
_OURS = "qloragen-simulator-boundary-5b1f0c"


class Part(NamedTuple):
    """One field of a form."""

    content: bytes
    filename: str | None = None


def read_form(content_type: str, body: bytes) -> dict[str, Part] | None:
    """Return the fields of a form by name; None when the body is no whole form."""
    found = _BOUNDARY.search(content_type)
    if not content_type.lower().startswith("multipart/form-data") or found is None:
        return None
    mark = b"\r\n--" + (found[1] or found[2]).encode("latin-1")
    _, *pieces = (b"\r\n" + body).split(mark)
    if not pieces or not pieces[-1].startswith(b"--"):
        return None
    return dict(map(_field, pieces[:-1]))


def write_form(fields: Mapping[str, Part]) -> tuple[str, bytes]:
    """Return a form's content type and its bytes; the contents must not hold the boundary."""
    body = bytearray()
    for name, part in fields.items():
        filename = "" if part.filename is None else f'; filename="{part.filename}"'
        body += f'--{_OURS}\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode()
        body += part.content + b"\r\n"
    body += f"--{_OURS}--\r\n".encode()
    return f"multipart/form-data; boundary={_OURS}", bytes(body)


def _field(piece: bytes) -> tuple[str, Part]:
    head, _, content = piece.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "replace")
    name, filename = _NAME.search(text), _FILENAME.search(text)
    return (name[1] if name else "", Part(content, filename[1] if filename else None))
