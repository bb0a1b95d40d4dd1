"""Markdown that says what a text says, whatever is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..logs import escape

_SIGNS = re.compile(r"[\\`*_\[\]<>|~&#$@]|(?<=:)//|(?<=www)\.")


def escaped(text: str) -> str:
    """Return a text on one line, in which nothing is a sign of Markdown, a tag, or an address."""
    return _SIGNS.sub(lambda sign: "".join(f"\\{char}" for char in sign[0]), escape(" ".join(text.split())))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: int) -> str:
    """Return rows of cells, Markdown all of them, below a head; the last `numbers` columns stand to the right."""
    line = [*["---"] * (len(head) - numbers), *["---:"] * numbers]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, line, *rows))


def section(heading: str, *parts: str) -> str:
    """Return parts below a heading, blank lines between them; nothing where all are empty."""
    there = [part for part in parts if part]
    return "\n\n".join((f"## {heading}", *there)) if there else ""
