"""What validation and test hold, so that nothing of it comes back into training with general data."""

from __future__ import annotations

from ..export.example import Example
from ..pipeline.uniqueness.records import Records
from .alike import NEARLY_SAME, print_of_example
from .blending import short_hash


class HeldOut:
    """Examples that are not to be trained on, in some 500 bytes each."""

    def __init__(self) -> None:
        self._same: set[int] = set()
        self._near = Records()

    def add(self, example: Example) -> None:
        """Hold one out."""
        self._same |= _marks(example)
        self._near.add(print_of_example(example))

    def has(self, example: Example) -> bool:
        """Say whether one that is held out asks and answers nearly the same."""
        if not self._same:
            return False
        return (
            not self._same.isdisjoint(_marks(example))
            or self._near.find(print_of_example(example), NEARLY_SAME) is not None
        )


def _marks(example: Example) -> frozenset[int]:
    """Return what stands for an example; two that are the same but for case and space have one in common.

    Whether context stands in the input or in the instruction, as in forms without an input, makes no difference.
    """
    whole = "\n".join(part for part in (example.instruction, example.input) if part)
    return frozenset(short_hash(_plain(f"{asked}\n{example.output}")) for asked in (example.instruction, whole))


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
