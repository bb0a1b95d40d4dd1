"""Numbers and times in sentences, and tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_FEW_S = 10
"""Below so many seconds tenths are said."""


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """Return `count` with its noun; `nouns` are several of it, where that is not `noun` and an s."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"


def duration(seconds: float) -> str:
    """Return a time in two units at most, as `1 d 01 h`, `2 min 10 s` or `0.4 s`."""
    if round(seconds, 1) < _FEW_S:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, left_s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {left_s:02} s" if minutes else f"{left_s} s"


def closest(name: str, known: Iterable[str]) -> str:
    """Return a question whether the one of `known` was meant that is nearest to `name`, with a blank after it; nothing
    where none is near."""
    close = get_close_matches(name, [*known], n=1)
    return f"did you mean {close[0]}? " if close else ""


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equally many cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
