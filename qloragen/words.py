"""Numbers in sentences, and tables."""

from __future__ import annotations

from collections.abc import Sequence


def counted(count: int, noun: str, nouns: str | None = None) -> str:
    """Return `count` with its noun; `nouns` are several of it, where that is not `noun` and an s."""
    return f"{count} {noun if count == 1 else nouns or f'{noun}s'}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equally many cells as lines: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )
