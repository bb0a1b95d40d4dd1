"""Where a cell stands."""

from __future__ import annotations

from typing import Literal, NamedTuple

from .money import NO_MONEY, Money

Kind = Literal["open", "types", "record", "judgement", "rejection", "failure", "article", "name"]


class Standing(NamedTuple):
    """What the last journal line about a cell said. Articles and their ids are looked up in the same way."""

    kind: Kind
    at: int = -1
    """Offset of that line; -1 for a cell of which there are only replies."""
    detail: str = ""
    """Of a record: the slug of its type. Of types: their numbers. Of a judgement: `accepted`, `refused` or `control`.
    Of rejections and failures: the reason. Of a name: the hash of the text that has it now."""
    replies: tuple[int, ...] = ()
    """Offsets of the paid replies of an unsettled cell, oldest first."""
    times: int = 0
    """Of a failure: in how many runs in a row the cell failed for that reason."""
    money: Money = NO_MONEY
    """What was paid for the cell, and what became of it."""

    @property
    def settled(self) -> bool:
        """Whether nothing is left to ask for the cell."""
        return self.kind in {"record", "judgement", "types", "rejection"}
