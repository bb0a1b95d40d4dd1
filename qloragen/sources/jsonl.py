"""JSON: one object per line, or an array of objects.

A line ends at a newline byte only. UTF-8 is strict, as JSON is: a line with other bytes, NaN, numbers of more digits
than fit, raw control characters or nesting beyond orjson's 1,024 levels is malformed, and only that line. A byte
order mark may begin any line (files are joined with `cat`). Half a surrogate pair as an escape becomes U+FFFD in
text; in an id, where two ids could become one, it makes the line malformed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import orjson

from ..types import Skip, SkipReason
from .objects import candidate
from .values import Blank, Candidate, Found, Options, Stream

MAX_LINE_BYTES = 64 * 1024 * 1024
"""A longer line is passed over, in constant memory."""
MAX_ARRAY_BYTES = 512 * 1024 * 1024
"""A `.json` file is read whole; a larger one belongs into JSONL."""

_BOM = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL
)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_POSITION = re.compile(r": line \d+ column \d+ \(char (\d+)\)$")


def lines(stream: Stream, name: str, options: Options) -> Iterator[Found]:
    """Yield one thing for every line of an open file."""
    number = 0
    while line := stream.readline(MAX_LINE_BYTES):
        number += 1
        where = f"{name}:{number}"
        if len(line) == MAX_LINE_BYTES and not line.endswith(b"\n"):
            _skip_rest(stream)
            yield Skip(where, SkipReason.TOO_LONG, f"a line of more than {MAX_LINE_BYTES:,} bytes")
        else:
            yield _line(line, where, options)


def _skip_rest(stream: Stream) -> None:
    while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
        pass


def _line(line: bytes, where: str, options: Options) -> Found:
    text = line.removeprefix(_BOM)
    if not text.strip():
        return Blank()
    mended = _mend(text)
    try:
        value: object = orjson.loads(mended)
    except orjson.JSONDecodeError as error:
        return Skip(where, SkipReason.MALFORMED, _complaint(text, error))
    found = _element(value, where, options)
    if mended is not text and isinstance(found, Candidate) and "\ufffd" in (found.id or ""):
        return Skip(where, SkipReason.MALFORMED, "half a surrogate pair in the id")
    return found


def _element(value: object, where: str, options: Options) -> Found:
    if not isinstance(value, dict):
        return Skip(where, SkipReason.MALFORMED, "JSON, but not an object")
    return candidate(value, where, options)


def _mend(line: bytes) -> bytes:
    """Replace escapes of lone surrogates, which orjson refuses; other lines come back as they are."""
    if not _HALF.search(line):
        return line
    mended = _ESCAPE.sub(lambda match: rb"\ufffd" if len(match[0]) == 6 else match[0], line)
    return line if mended == line else mended


def _complaint(line: bytes, error: orjson.JSONDecodeError) -> str:
    """Say what is wrong, without any of the text."""
    try:
        line.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at byte {wrong.start}"
    return "not JSON: " + _POSITION.sub(r" at character \1", str(error))


def array(stream: Stream, name: str, options: Options) -> Iterator[Found]:
    """Yield one thing for every element of a file that is one JSON array; one object alone counts as one element."""
    content = stream.read(MAX_ARRAY_BYTES + 1).removeprefix(_BOM)
    if len(content) > MAX_ARRAY_BYTES:
        yield Skip(name, SkipReason.TOO_LONG, f"a JSON file of more than {MAX_ARRAY_BYTES:,} bytes; make it JSONL")
        return
    try:
        value: object = orjson.loads(_mend(content))
    except orjson.JSONDecodeError as error:
        yield Skip(name, SkipReason.MALFORMED, _complaint(content, error))
        return
    elements = value if isinstance(value, list) else [value]
    for number, element in enumerate(elements, 1):
        yield _element(element, f"{name}:{number}", options)
