"""Pieces of Markdown-like text: fences, list items, tables, links. Plain functions from strings to strings."""

from __future__ import annotations

import re
from collections.abc import Sequence

BREAK = "\x01"
"""Stands for a line break in text whose other white space is about to be folded."""

_FOLD = re.compile(r"[ \t\n\f\r\xa0]+")
_FENCES = re.compile(r"`{3,}")
_ADDRESS = re.compile(r"https?://[^\s()<>]{1,500}")
_LIST = re.compile(r"(?:- |\d+\. )")
_PERMALINKS = frozenset(("", "¶", "#", "§", "🔗"))


def fold(parts: Sequence[str]) -> str:
    """Join what makes up a paragraph: white space folded to one space, `BREAK` to a new line."""
    lines = _FOLD.sub(" ", "".join(parts)).split(BREAK)
    return "\n".join(line.strip(" ") for line in lines).strip()


def fence(code: str, language: str = "") -> str:
    """Put code in a fence that is longer than any fence in it."""
    longest = max((len(run) for run in _FENCES.findall(code)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}{language}\n{code}\n{mark}"


def item(blocks: Sequence[str], marker: str) -> str:
    """A list item behind its marker. A list in it follows closely, other blocks after an empty line."""
    text = blocks[0] if blocks else ""
    for block in blocks[1:]:
        text += ("\n" if _LIST.match(block) else "\n\n") + block
    pad = " " * len(marker)
    lines = text.split("\n")
    return "\n".join([marker + lines[0], *(pad + line if line else line for line in lines[1:])])


def quote(blocks: Sequence[str]) -> str:
    """Blocks as a quotation."""
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(blocks).split("\n"))


def table(rows: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """Render rows of cells of blocks: a pipe table, its first row the head.

    Where a cell holds several blocks or code, or there is one row or one column only (layout, call-outs), the blocks
    come one after the other instead.
    """
    rows = [row for row in rows if any(row)]
    columns = max((len(row) for row in rows), default=0)
    cells = [cell for row in rows for cell in row]
    if len(rows) < 2 or columns < 2 or any(len(cell) > 1 or "\n```" in "".join(cell) for cell in cells):
        return [block for cell in cells for block in cell]
    lines = [_row(row, columns) for row in rows]
    lines.insert(1, "|" + " --- |" * columns)
    return ["\n".join(lines)]


def _row(row: Sequence[Sequence[str]], columns: int) -> str:
    texts = [_FOLD.sub(" ", " ".join(cell)).replace("|", "\\|") for cell in row]
    return "| " + " | ".join(texts + [""] * (columns - len(texts))) + " |"


def wrapped(text: str, before: str, after: str) -> str:
    """Put marks around the visible part of inline text; its outer white space stays outside."""
    core = text.strip()
    if not core or BREAK in core:
        return text
    start = text.index(core)
    return text[:start] + before + core + after + text[start + len(core) :]


def code(text: str) -> str:
    """Inline code, in marks that do not occur in it."""
    core = text.strip()
    mark = "``" if "`" in core else "`"
    return wrapped(text, mark, mark)


def link(text: str, address: str | None) -> str:
    """A link keeps its address when that is absolute and says more than the text; permalink signs go."""
    label = text.strip()
    if label in _PERMALINKS:
        return ""
    if not address or not _ADDRESS.fullmatch(address) or address == label or "[" in label:
        return text
    return wrapped(text, "[", f"]({address})")
