"""What has been drawn at the end of a terminal, and what to send to it to have that replaced.

Rules:
1. The cursor stays at the end of the last row, and is never hidden: what someone else writes, be it the shell after a
   `kill -9`, comes below what was drawn, and the terminal is as it was.
2. A terminal that becomes narrower breaks rows in two; how many there are then follows from their widths.
3. No row is as wide as the terminal, where terminals differ in where the cursor is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"


class Row(NamedTuple):
    """One row, as it is sent."""

    text: str
    """With codes for colours, without an end of line."""
    width: int
    """Cells that it takes."""


class Canvas:
    """The rows at the end of one terminal."""

    def __init__(self) -> None:
        self._widths: tuple[int, ...] = ()

    def forget(self) -> None:
        """Leave what is drawn where it is: someone else has written since, and the next rows begin where that ends."""
        self._widths = ()

    def replaced(self, passing: str, rows: Sequence[Row], columns: int) -> str:
        """Return what puts the whole lines of `passing` in the place of what is drawn, and `rows` below them.

        The terminal is `columns` wide by now; rows that do not fit are not drawn.
        """
        shown = [row for row in rows if row.width < columns]
        up = sum(max(1, -(-width // columns)) for width in self._widths) - 1
        begin = "\r" if self._widths else ""
        begin += f"\x1b[{up}A" if up > 0 else ""
        if passing and self._widths:
            begin += _ERASE_BELOW
        drawn = f"{_ERASE_LINE}\n".join(row.text for row in shown)
        end = f"{_ERASE_LINE}{_ERASE_BELOW}" if shown or self._widths else ""
        self._widths = tuple(row.width for row in shown)
        return f"{begin}{passing}{drawn}{end}"
