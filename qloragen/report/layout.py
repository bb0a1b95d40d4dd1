"""Tables and paragraphs of text that fit a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Literal

from ..logs import escape
from ..words import counted

Tone = Literal["heading", "pass", "fail"]
Paint = Callable[[str, Tone], str]
"""Returns a text as it is to look."""

WIDTH = 100
_GAP = 2
_WIDEST = 50
"""Columns that a cell has at most, but for the last one of a row."""
_LEAST = 24
"""Columns that the last cell of a row has at least, or else it is below the others."""
_INDENT = 6


def columns(rows: Sequence[Sequence[str]], align: str) -> str:
    """Return rows as lines of `WIDTH` columns at most; `align` has `<` or `>` for each cell but the last one, which is
    to the left and goes on below itself where it is too long."""
    if not rows:
        return ""
    short = [(*map(_cell, row[: len(align)]), *row[len(align) :]) for row in rows]
    widths = [max(len(row[place]) for row in short) for place in range(len(align))]
    indent = sum(widths) + _GAP * len(widths)
    return "\n".join(line for row in short for line in _lines(row, align, widths, indent))


def _cell(text: str) -> str:
    """Return a text that fits a column, without anything that a terminal could obey."""
    shown = escape(text)
    return shown if len(shown) <= _WIDEST else f"{shown[: _WIDEST - 1]}…"


def _lines(row: Sequence[str], align: str, widths: Sequence[int], indent: int) -> Iterator[str]:
    cells = (_GAP * " ").join(f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=False))
    room = WIDTH - indent
    if room < _LEAST:
        yield cells.rstrip()
        yield from (_INDENT * " " + line for line in _wrapped(row[-1], WIDTH - _INDENT))
        return
    first, *others = _wrapped(row[-1], room) or [""]
    yield f"{cells}{_GAP * ' '}{first}".rstrip()
    for line in others:
        yield indent * " " + line


def paragraph(text: str, indent: int, most_lines: int) -> Iterator[str]:
    """Yield a text in lines with so much space before them; what is beyond `most_lines` is left out, and said to be."""
    lines = [line for part in text.splitlines() for line in _wrapped(part, WIDTH - indent)]
    for line in lines[:most_lines]:
        yield indent * " " + line
    if len(lines) > most_lines:
        yield f"{indent * ' '}[{counted(len(lines) - most_lines, 'more line')}]"


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text in lines of so many columns, without anything that a terminal could obey."""
    return wrap(escape(text.expandtabs(4)), width)


def section(heading: str, *parts: str) -> str:
    """Return parts below a heading, a blank line between them; nothing where they are all empty."""
    there = "\n\n".join(part for part in parts if part)
    return f"{heading}\n{there}" if there else ""


def listed(counts: Iterable[tuple[str, int]]) -> str:
    """Return counts in words: `3 schema, 1 copy`."""
    return ", ".join(f"{count:,} {name}" for name, count in counts)
