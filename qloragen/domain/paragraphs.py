"""Divide an article into the paragraphs that a record's evidence can name.

Paragraphs are exact pieces of the text, in order, and together hold all of it but blank lines around them. Code blocks
stay whole; a heading goes with what follows it, a line that ends in a colon with what it announces, the items of a list
with one another, and crumbs with their neighbours, as long as the result is not long.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate
from typing import NamedTuple

from ..types import Format
from .markup import Kind, blocks

VERSION = 1
"""To be raised with every change of where paragraphs begin and end: the numbers in paid replies rest on it."""

LONG = 2_000
"""Characters above which nothing is joined any more, and text that is not code is cut at a line end."""
LONGEST = 8_000
"""Characters above which even code is cut, because no record could use it."""
TINY = 80
"""Characters below which a paragraph joins its neighbour: too little to be evidence alone."""
MOST = 250
"""Paragraphs of one article; neighbours are joined up to `LONGEST` to get there."""

_LEADING_BLANK_LINES = re.compile(r"(?:[^\S\n]*\n)*")
_SENTENCE_END = re.compile(r"[.!?]\s|[。！？]")


class _Piece(NamedTuple):
    """Characters `start` to `end` of the text; the kinds of the first and the last block in them."""

    start: int
    end: int
    first: Kind
    last: Kind

    @property
    def size(self) -> int:
        return self.end - self.start


def split_paragraphs(content: str, format: Format) -> tuple[str, ...]:
    """Return the paragraphs of `content`, none of them blank; takes time in proportion to the text in any case."""
    return at_places(content, places(content, format))


def at_places(content: str, places: array[int]) -> tuple[str, ...]:
    """Return the paragraphs of `content`, which are at these places."""
    return tuple(content[start:end] for start, end in zip(places[::2], places[1::2], strict=True))


def places(content: str, format: Format) -> array[int]:
    """Return where each paragraph of `content` begins and ends, in turn; less to keep than what is there."""
    pieces = list(_merged(_cut_all(content, _pieces(content, format)), partial(_belongs, content)))
    if len(pieces) > MOST:
        pieces = list(_merged(pieces, partial(_fits, min(LONGEST, 2 * len(content) // MOST))))
    return array("Q", (at for piece in pieces for at in (piece.start, piece.end)))


def _pieces(content: str, markup: Format) -> Iterator[_Piece]:
    lines = content.split("\n")
    starts = [0, *accumulate(len(line) + 1 for line in lines)]
    for block in blocks(lines, markup):
        yield _Piece(starts[block.first], starts[block.end] - 1, block.kind, block.kind)


# ---------------------------------------------------------------------------------------------------------- cutting


def _cut_all(content: str, pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    for piece in pieces:
        yield from _trimmed(content, _cut(content, piece))


def _cut(content: str, piece: _Piece) -> Iterator[_Piece]:
    start, end, kind, _ = piece
    limit = LONGEST if kind == "code" else LONG
    while end - start > limit:
        at = _best_cut(content, start + limit // 4, start + limit, kind) or start + limit
        yield _Piece(start, at, kind, kind)
        start = at
    yield _Piece(start, end, kind, kind)


def _best_cut(content: str, low: int, high: int, kind: Kind) -> int | None:
    """Return where to cut between `low` and `high`: after a blank line, a line, a sentence or a word, in this order."""
    for mark in ("\n\n", "\n"):
        at = content.rfind(mark, low, high)
        if at >= 0:
            return at + len(mark)
    sentences = [match.end() for match in _SENTENCE_END.finditer(content, low, high)] if kind != "code" else []
    if sentences:
        return sentences[-1]
    at = content.rfind(" ", low, high)
    return at + 1 if at >= 0 else None


def _trimmed(content: str, pieces: Iterable[_Piece]) -> Iterator[_Piece]:
    """Yield the pieces without blank lines before and blanks after them; the indentation of the first line stays."""
    for piece in pieces:
        text = content[piece.start : piece.end]
        size = len(text.rstrip())
        blank = _LEADING_BLANK_LINES.match(text)
        if size and blank:
            start = piece.start + blank.end()
            kind: Kind = "indented" if content[start] in " \t" and piece.first != "list" else piece.first
            yield _Piece(start, piece.start + size, kind, kind)


# ---------------------------------------------------------------------------------------------------------- joining


def _merged(pieces: Iterable[_Piece], together: Callable[[_Piece, _Piece], bool]) -> Iterator[_Piece]:
    """Yield the pieces, each made one with its predecessor where `together(what there is so far, it)` says so."""
    current: _Piece | None = None
    for piece in pieces:
        if current is not None and together(current, piece):
            current = _joined(current, piece)
            continue
        if current is not None:
            yield current
        current = piece
    if current is not None:
        yield current


def _joined(current: _Piece, following: _Piece) -> _Piece:
    inside_list = current.last == "list" and following.first == "indented"
    return _Piece(current.start, following.end, current.first, "list" if inside_list else following.last)


def _belongs(content: str, current: _Piece, following: _Piece) -> bool:
    if current.last == "heading" and current.size <= LONG // 4:
        return True
    if following.end - current.start > LONG or following.first == "heading":
        return False
    return (
        _announces(content, current)
        or (current.last == "list" and following.first in ("list", "indented"))
        or current.size < TINY
        or (following.size < TINY and current.size <= LONG // 4 and not _announces(content, following))
    )


def _announces(content: str, piece: _Piece) -> bool:
    return content.endswith((":", "\n+", ":</p>"), piece.start, piece.end)


def _fits(size: int, current: _Piece, following: _Piece) -> bool:
    return following.end - current.start <= size
