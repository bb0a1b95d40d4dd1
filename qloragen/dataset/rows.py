"""Examples to rows: counted, and checked by the rules of their form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..export import OWN, Example, ExportError, Form, OpenAiRules, Row
from .splits import TRAIN, Split

Put = Callable[[Split, Row], int]
"""Writes a row of a split, and returns its bytes; 0 where rows have no bytes of their own."""


@dataclass(slots=True)
class Part:
    """What was written of a split."""

    rows: int = 0
    bytes: int = 0
    """Of rows that have bytes of their own, before compression."""
    types: Counter[str] = field(default_factory=Counter[str])
    """Type to records; general data is of none."""


class Layout:
    """How examples become rows."""

    def __init__(self, form: Form, count_tokens: Callable[[str], int]) -> None:
        self.form = form
        self._count_tokens = count_tokens

    def write(self, put: Put, splits: Iterable[Split], placed: Iterable[tuple[Split, Example]]) -> Mapping[Split, Part]:
        """Write the rows of examples, each with its split; returns what has come to each of `splits`.

        Raises:
            ExportError: A row, or all of a split, break a rule of their form.
        """
        parts = {split: Part() for split in splits}
        rules = {split: OpenAiRules(self._count_tokens) for split in parts if self.form.name == "openai"}
        for split, example in placed:
            row, part = self._row(example), parts[split]
            if rules:
                rules[split].look(row, example)
            part.rows += 1
            part.bytes += put(split, row)
            if example.source == OWN:
                part.types[example.type_slug] += 1
        if rules:
            rules[TRAIN].end()
        return parts

    def _row(self, example: Example) -> Row:
        row = self.form.row(example)
        if row is None:
            raise ExportError(f"The format {self.form.name} cannot hold {example.id}; choose another one.")
        return row
