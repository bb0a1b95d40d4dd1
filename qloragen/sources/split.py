"""The size policy: an article that is too long becomes parts that are articles of their own.

A part ends, in this order of preference, before a heading, at an empty line, at a line end, in code at a line end
(the block is closed there and opened again in the next part), or, in a line that is too long by itself, at a space or
between any two characters that do not belong together. Parts are about equally long. Nothing is lost but empty lines
at the cuts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..types import Format
from .verbatim import Fence, fences

BYTES_PER_TOKEN = 3
"""English prose has 4 to 5 bytes per token, code and Chinese about 3: the safe side, without a tokenizer."""
_RESERVE = 420
"""Bytes kept free in every part for closing and reopening a block of code (one line of at most 280, one of 120)."""
_HEADING = re.compile(r"(?:#{1,6}|={1,6})[ \t]+\S|<h[1-6]\b", re.IGNORECASE)
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+])\1{2,}[ \t]*$")
_JOINED_TO_NEXT = "\u200d"


def estimate_tokens(text: str) -> int:
    """Tokens that `text` takes at most, roughly: its UTF-8 bytes by three, rounded up."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


class _Line(NamedTuple):
    text: str
    size: int
    """UTF-8 bytes, newline included."""
    rank: int
    """How good it is to begin a part here; less is better."""
    fence: Fence | None
    """The block of code that is open when this line begins."""
    glued: bool = False
    """Continues the line before: no newline between them."""


def split(text: str, max_tokens: int, format: Format) -> list[str]:
    """Return `text` in parts of at most `max_tokens` estimated tokens each. One that is short enough comes back alone.

    `max_tokens` below 400 counts as 400.
    """
    limit = max(max_tokens, 400) * BYTES_PER_TOKEN
    if len(text.encode()) <= limit:
        return [text]
    lines = [*_lines(text, limit - _RESERVE, format)]
    parts = (_part(lines, *span) for span in _spans(lines, limit - _RESERVE))
    return [part for part in parts if part.strip()]


def _lines(text: str, limit: int, format: Format) -> Iterator[_Line]:
    """Yield the lines with what there is to know for cutting; those longer than `limit` bytes come in pieces."""
    raw = text.split("\n")
    before: Fence | None = None
    for number, (line, fence) in enumerate(zip(raw, fences(raw, format), strict=True)):
        within = fence if fence is before else None
        before = fence
        rank = _rank(line, raw[number - 1] if number else "", raw[number + 1 : number + 2], within)
        for count, piece in enumerate(_pieces(line, limit)):
            yield _Line(piece, len(piece.encode()) + 1, rank if not count else 4, within, glued=count > 0)


def _rank(line: str, previous: str, following: Sequence[str], fence: Fence | None) -> int:
    if fence:
        return 3
    underlined = bool(line.strip()) and any(_UNDERLINE.match(under) for under in following)
    if _HEADING.match(line) or (underlined and not previous.strip()):
        return 0
    return 1 if not previous.strip() else 2


def _pieces(line: str, limit: int) -> Iterator[str]:
    """Cut a line that is too long: after the last space of a piece's second half, else between characters."""
    start = 0
    while len(window := line[start : start + limit].encode()) > limit or start + limit < len(line):
        head = window[:limit].decode(errors="ignore")
        space = head.rfind(" ", len(head) // 2) + 1
        cut = start + space if space else _between_characters(line, start + len(head))
        yield line[start:cut]
        start = cut
    yield line[start:]


def _between_characters(line: str, cut: int) -> int:
    """Move a cut left, at most 64 places, until it is not before something that joins what precedes it."""
    for place in range(cut, cut - 64, -1):
        if not _joins(line[place - 1], line[place]):
            return place
    return cut


def _joins(before: str, after: str) -> bool:
    modifier = "\U0001f3fb" <= after <= "\U0001f3ff" or "\ufe00" <= after <= "\ufe0f"
    flag = "\U0001f1e6" <= after <= "\U0001f1ff"
    return modifier or flag or _JOINED_TO_NEXT in (before, after) or unicodedata.category(after).startswith("M")


def _spans(lines: Sequence[_Line], limit: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last line (exclusive) of every part."""
    left = sum(line.size for line in lines)
    start = 0
    while start < len(lines):
        parts = -(-left // limit)
        end = _end(lines, start, limit, target=-(-left // parts))
        left -= sum(line.size for line in lines[start:end])
        yield start, end
        start = end


def _end(lines: Sequence[_Line], start: int, limit: int, target: int) -> int:
    """The best place to end a part: of those that fit, beyond half of `target`, the best rank nearest to `target`."""
    size, best, end = lines[start].size, (9, 0), start + 1
    for at in range(start + 1, len(lines)):
        choice = (lines[at].rank if size > target // 2 else 8, abs(size - target))
        best, end = min((best, end), (choice, at))
        size += lines[at].size
        if size > limit:
            return end
    return len(lines)


def _part(lines: Sequence[_Line], start: int, end: int) -> str:
    opened = lines[start].fence
    after = lines[end].fence if end < len(lines) else None
    text = "".join(line.text if line.glued or not at else f"\n{line.text}" for at, line in enumerate(lines[start:end]))
    body = text.strip("\n")
    return "\n".join([*([opened.reopened] if opened else []), body, *([after.closed] if after else [])])
