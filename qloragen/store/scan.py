"""Reading a file of lines from any offset, in blocks, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple
from zlib import crc32

from .files import Files


class Segment(NamedTuple):
    """A part of a file, as offsets of its start and end, and its CRC-32."""

    start: int
    end: int
    crc: int


BLOCK_BYTES = 8 << 20
_SUM_BLOCK_BYTES = 1 << 20
_LISTED = 10
MOST_LINE_BYTES = 256 << 20
"""A longer line is damage (a file filled with zeros, say), and is handed on in pieces so that it fits in memory."""


def lines(files: Files, file: int, start: int = 0, block_bytes: int = BLOCK_BYTES) -> Iterator[tuple[int, bytes, bool]]:
    """Yield offset and bytes, without LF, of each line from `start`, and whether an LF ended it.

    Raises:
        OSError: The disk refuses.
    """
    offset, carry = start, b""
    at = start
    while block := files.read(file, block_bytes, at):
        at += len(block)
        first, *others = block.split(b"\n")
        if not others:
            carry += first
            if len(carry) > MOST_LINE_BYTES:
                yield offset, carry, False
                offset, carry = at, b""
            continue
        yield offset, carry + first, True
        offset += len(carry) + len(first) + 1
        carry = others.pop()
        for line in others:
            yield offset, line, True
            offset += len(line) + 1
    if carry:
        yield offset, carry, False


def listed(numbers: Sequence[int]) -> str:
    """Name lines by their numbers: `line 3`, or `lines 3, 8, ...` with the first ten."""
    first = ", ".join(map(str, numbers[:_LISTED])) + (", ..." if len(numbers) > _LISTED else "")
    return f"{'line' if len(numbers) == 1 else 'lines'} {first}"


def checksum(files: Files, file: int, start: int, end: int) -> int | None:
    """Return the CRC-32 of a part of a file; None when the file ends before it.

    Raises:
        OSError: The disk refuses.
    """
    crc = 0
    while start < end:
        block = files.read(file, min(_SUM_BLOCK_BYTES, end - start), start)
        if not block:
            return None
        crc = crc32(block, crc)
        start += len(block)
    return crc


def agrees(files: Files, file: int, segments: Sequence[Segment], end: int) -> bool:
    """Whether a file is, from its start to `end`, as the checksums of its parts say.

    Two threads read a long one: computing a CRC-32 lets go of the interpreter's lock.

    Raises:
        OSError: The disk refuses.
    """
    parts = [segment for segment in segments if segment.start < end]
    ends = [0, *(segment.end for segment in parts)]
    if ends[-1] != end or any(segment.start != before for segment, before in zip(parts, ends, strict=False)):
        return False
    if end <= BLOCK_BYTES:
        return all(_agrees(files, file, segment) for segment in parts)
    with ThreadPoolExecutor(2) as pool:
        return all(pool.map(partial(_agrees, files, file), parts))


def _agrees(files: Files, file: int, segment: Segment) -> bool:
    return checksum(files, file, segment.start, segment.end) == segment.crc
