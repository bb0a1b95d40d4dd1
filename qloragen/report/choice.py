"""Which cells are looked at where all would be too many: the same ones each time, however the run was made.

Keys are digests, so those that come first are a fair sample.
"""

from __future__ import annotations

from heapq import nsmallest

from .cells import Cell, Cells, short

_ALL = 1 << 60
"""More than the number of any cell."""


class Sample:
    """Of `of` cells about `most`, or all of them."""

    def __init__(self, most: int, of: int) -> None:
        self.whole = of <= most
        self._below = _ALL if self.whole else _ALL * most // of

    def takes(self, key: str) -> bool:
        """Say whether a cell is among them."""
        return short(key) < self._below


def is_accepted(cell: Cell) -> bool:
    """Say whether a cell has a record of today."""
    return cell.current and cell.slug is not None and cell.outcome == "record"


def is_rejected(cell: Cell) -> bool:
    """Say whether a cell is a pair of today that was given up for good."""
    return cell.current and cell.slug is not None and cell.outcome == "rejection"


def accepted(cells: Cells, most: int) -> frozenset[int]:
    """Return `most` cells with a record of today, or all."""
    return frozenset(nsmallest(most, (number for number, cell in cells.items() if is_accepted(cell))))


def rejected(cells: Cells, most: int) -> frozenset[int]:
    """Return `most` rejected pairs of today, or all."""
    return frozenset(nsmallest(most, (number for number, cell in cells.items() if is_rejected(cell))))


def rejected_by_reason(cells: Cells, most: int) -> frozenset[int]:
    """Return for each reason `most` rejected pairs of today, or all."""
    found: dict[str, list[int]] = {}
    for number, cell in cells.items():
        if is_rejected(cell):
            of_reason = found.setdefault(cell.reason, [])
            of_reason.append(number)
            if len(of_reason) > 100 * most:
                of_reason[:] = nsmallest(most, of_reason)
    return frozenset(number for numbers in found.values() for number in nsmallest(most, numbers))
