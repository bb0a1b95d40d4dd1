"""What a form of training data is: which columns it has, and what an example's row holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .example import Example

Column = Literal["text", "messages", "conversations"]
"""Kind of a column: a string; a list of `{role, content}`; a list of `{from, value}`."""

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to lay out examples."""

    name: str
    columns: Mapping[str, Column]
    row: Callable[[Example], Row | None]
    """Returns what an example's row holds, in the order of `columns`; None for one that the form cannot hold."""
    takes_tag: bool = True
    """Whether rows may have a further column, `source`, that tells records and general data apart."""
