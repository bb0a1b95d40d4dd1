"""Documents: one file, one article, named after its path.

UTF-8 is strict. A byte order mark of UTF-16 is honoured, and so is the encoding that a web page declares for itself,
if it is not UTF-8; anything else that is not UTF-8 is malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..types import Format, Skip, SkipReason
from .values import Candidate, Stream, printable

MAX_BYTES = 64 * 1024 * 1024
"""A larger document, after decompression, is passed over."""

_DECLARED = re.compile(rb"""<meta[^>]{0,200}charset=["']?([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def document(stream: Stream, name: str, format: Format) -> Iterator[Candidate | Skip]:
    """Yield the one thing that an open file is."""
    where = printable(name)
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        yield Skip(where, SkipReason.TOO_LONG, f"a document of more than {MAX_BYTES:,} bytes")
        return
    try:
        text = content.decode(_encoding(content, format))
    except (UnicodeDecodeError, LookupError) as error:
        at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        yield Skip(where, SkipReason.MALFORMED, f"not UTF-8{at}")
        return
    yield Candidate(where=where, content=text, id=name, format=format)


def _encoding(content: bytes, format: Format) -> str:
    if content.startswith(_UTF16):
        return "utf-16"
    declared = _DECLARED.search(content[:2048]) if format == "html" else None
    if declared is None:
        return "utf-8"
    try:
        content.decode()
    except UnicodeDecodeError:
        return declared[1].decode()
    return "utf-8"
