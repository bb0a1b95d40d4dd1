"""Examples to rows: counted, and checked by the rules of their form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..export import Example, ExportError, Form, Put
from ..export.openai_rules import OpenAiRules
from ..export.records import Dated
from .splits import TRAIN


class Tally:
    """Counts the records of a run that are exported."""

    def __init__(self, splits: Iterable[str]) -> None:
        self._by_split = {split: Counter[str]() for split in splits}
        self.outdated = 0
        """Those that were made under earlier models, prompts or parameters."""

    @property
    def examples(self) -> Mapping[str, Mapping[str, int]]:
        """Split to type to records."""
        return self._by_split

    def counted(self, split: str, found: Iterable[Dated]) -> Iterator[Example]:
        """Yield the examples of a split, and count them."""
        by_type = self._by_split[split]
        for _, example, held in found:
            by_type[example.type_slug] += 1
            self.outdated += not held
            yield example


class Size(NamedTuple):
    """How much was written."""

    rows: int
    bytes: int
    """Before any compression; 0 where rows have no bytes of their own."""


class Layout:
    """How examples become rows."""

    def __init__(self, form: Form, count_tokens: Callable[[str], int]) -> None:
        self.form = form
        self._count_tokens = count_tokens

    def write(self, put: Put, split: str, examples: Iterable[Example]) -> Size:
        """Write the rows of all examples of a split.

        Raises:
            ExportError: A row, or all of them, break a rule of their form.
        """
        rows = written = 0
        rules = OpenAiRules(self._count_tokens) if self.form.name == "openai" else None
        for example in examples:
            row = self.form.row(example)
            if row is None:
                raise ExportError(f"The format {self.form.name} cannot hold {example.id}; choose another one.")
            if rules:
                rules.look(row, example)
            rows += 1
            written += put(row)
        if rules and split == TRAIN:
            rules.end()
        return Size(rows, written)
